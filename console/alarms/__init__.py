"""Alarms: the list with its filters, one with its proof, and what is done about it."""
