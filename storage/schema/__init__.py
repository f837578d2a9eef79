"""Numbered SQL, applied in order by ``wattwarden.storage.migrate``."""
