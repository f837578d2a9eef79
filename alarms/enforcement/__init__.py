"""What officers do: tasks, visits, findings, clues."""
