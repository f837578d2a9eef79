"""Tasks, visits, findings and clues in the database; what the system proposes after each pass."""
