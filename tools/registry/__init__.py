"""``wattwarden registry``: who has what, from and to Excel and CSV."""
