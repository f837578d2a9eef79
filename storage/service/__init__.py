"""Requests for help, what was done about them, and what firms are shown."""
