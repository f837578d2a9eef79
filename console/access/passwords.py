"""Passwords: hashed by argon2 beside the loop, a few at a time, and not too easily guessed."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from wattwarden.console.drawing.said import Said

# Longer than any poem that somebody would remember; argon2 itself takes more.
MOST_LETTERS: Final = 128
LEAST_LETTERS: Final = 10
# "aaaaaaaaaa" is long enough and worth nothing.
LEAST_DIFFERENT: Final = 5
# Each takes 64 MiB and a core for some 50 ms: as many as a small machine can spare.
AT_ONCE: Final = 2

# Of letters that nobody kept: compared where there is no account, so that time tells nothing.
_NOBODYS: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$3vlLuWWcAomSqqINr0qCoA$"
    "X8hbh1k89tnNZTWSwC3gmmWHLqnorfqP1/hHFQgIO0s"
)
_COMMON: Final = frozenset({"1234567890", "password123", "qwertyuiop", "admin12345", "0123456789"})


class Passwords:
    """Hashes and compares.  One belongs to an application: it bounds how many are in hand."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def hashed(self, password: str) -> str:
        """Return a password's hash, with its salt and parameters."""
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def are_same(self, known: str | None, password: str) -> bool:
        """Tell whether a password is that of a hash; never, in the same time, where none is."""
        async with self._room:
            same = await asyncio.to_thread(self._verify, known or _NOBODYS, password)
        return same and known is not None

    def _verify(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False


def against(password: str, again: str, person: str) -> Said | None:
    """Return what is wrong with a new password; None for nothing."""
    if password != again:
        return Said("两次输入的密码不一样。", "The two passwords differ.")
    if len(password) < LEAST_LETTERS:
        return Said(
            f"密码至少 {LEAST_LETTERS} 位，这个只有 {len(password)} 位。",
            f"A password has {LEAST_LETTERS} letters or more; this one has {len(password)}.",
        )
    if len(password) > MOST_LETTERS:
        return Said(f"密码最多 {MOST_LETTERS} 位。", f"At most {MOST_LETTERS} letters.")
    plain = password.lower()
    if len(set(plain)) < LEAST_DIFFERENT or plain in _COMMON or person.lower() in plain:
        return Said(
            "这个密码太容易猜到：不要用账号、重复的字或常见的数字。",
            "This is guessed too easily: no account name, repetition or common number.",
        )
    return None
