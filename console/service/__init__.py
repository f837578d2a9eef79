"""What firms are helped with: requests and appointments, reminders, training, manuals."""
