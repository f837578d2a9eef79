"""Cases in the database: folded from alarms and decisions, followed after each pass."""
