"""Figures on the screen and in files: ``wattwarden stats`` and ``wattwarden share``."""
