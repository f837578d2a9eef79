"""Who may do what, and to whom."""
