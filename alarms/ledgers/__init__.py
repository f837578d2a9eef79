"""Environmental ledgers (台账): what is entered, how entries are sealed, corrected and printed."""
