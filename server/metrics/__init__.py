"""What the roles tell of themselves to monitoring: numbers, and whether they can do their work."""
