"""The command line ``wattwarden``."""
