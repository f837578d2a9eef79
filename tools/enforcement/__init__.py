"""What officers do, from the command line: tasks, visits, findings, clues, weak points."""
