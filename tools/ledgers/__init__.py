"""``wattwarden ledger``, ``patrol`` and ``repair``: entered, shown, printed, verified."""
