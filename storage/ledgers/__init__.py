"""Ledgers in the database: entered in the transaction of what they tell, read, verified."""
