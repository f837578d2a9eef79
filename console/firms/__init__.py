"""A firm: its lines and machines, its own day, its ledgers."""
