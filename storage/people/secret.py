"""Secrets that are handed out: the store knows their SHA-256 alone."""

import hashlib
from secrets import token_urlsafe
from typing import Final

# 256 bits: guessed by nobody, however many there are.
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a text that nobody can guess, as addresses and headers may hold it."""
    return token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Return by what the store knows a secret."""
    return hashlib.sha256(secret.encode()).digest()
