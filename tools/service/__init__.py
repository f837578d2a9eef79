"""``wattwarden assist``: what firms ask for, and what they are helped with."""
