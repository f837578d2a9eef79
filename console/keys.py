"""Keys that seal links: files of the secrets folder, made and changed without anybody's help.

secrets/answer-SECONDS-ID     32 bytes as hexadecimal digits, mode 0600; SECONDS is when it was made

The newest key seals; whatever an older one sealed holds until that link expires.  Removing a file
revokes all its links.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from typing import Final

# HMAC-SHA256 gains nothing from a longer one.
KEY_BYTES: Final = 32
# Among the few keys of one folder two are never alike; a link carries it.
ID_BYTES: Final = 4
# A quarter: a key that got out is worth nothing some day, and nobody has to remember.
SEALS_FOR_S: Final = 90 * 86_400
# Longer than any link lives.
KEPT_FOR_S: Final = SEALS_FOR_S + 10 * 86_400
# Another process has made a new key at most so long before we look; wrong links cost no more.
REREAD_S: Final = 5

_NAME: Final = re.compile(rf"answer-([0-9]{{1,12}})-([0-9a-f]{{{2 * ID_BYTES}}})")
_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """One key; ``made_s`` is Unix time."""

    id: bytes
    made_s: int
    secret: bytes = field(repr=False)


class KeyRing:
    """The keys of a secrets folder.  ``now_us`` is the time of the system, microseconds UTC."""

    def __init__(self, folder: Path, now_us: Callable[[], int]) -> None:
        self._folder = folder
        self._now_us = now_us
        self._known: dict[bytes, Key] = {}
        self._read_s = -REREAD_S

    def now_s(self) -> int:
        """Return the time by which links expire, Unix time."""
        return self._now_us() // _SECOND_US

    def sealing(self) -> Key:
        """Return the key that seals now; made, where there is none that is new enough.

        Raises:
            OSError: The folder cannot be read or written.
        """
        newest = self._newest()
        if newest is None:
            self._reread()
            newest = self._newest()
        return newest if newest is not None else self._make()

    def find(self, identity: bytes) -> Key | None:
        """Return the key of an id; None where there is none any more.

        Raises:
            OSError: The folder cannot be read.
        """
        if identity not in self._known and abs(self.now_s() - self._read_s) >= REREAD_S:
            self._reread()
        return self._known.get(identity)

    def _newest(self) -> Key | None:
        now_s = self.now_s()
        able = [one for one in self._known.values() if one.made_s + SEALS_FOR_S > now_s]
        return max(able, key=lambda one: (one.made_s, one.id), default=None)

    def _reread(self) -> None:
        self._read_s = self.now_s()
        self._known = {}
        if not self._folder.is_dir():
            return
        for file in self._folder.iterdir():
            named = _NAME.fullmatch(file.name)
            if named is None:
                continue
            made_s, identity = int(named[1]), bytes.fromhex(named[2])
            if made_s + KEPT_FOR_S <= self._read_s:
                file.unlink(missing_ok=True)
            elif (secret := _secret_of(file)) is not None:
                self._known[identity] = Key(identity, made_s, secret)

    def _make(self) -> Key:
        """Make a key and keep it, readable by the folder's owner alone."""
        key = Key(token_bytes(ID_BYTES), self.now_s(), token_bytes(KEY_BYTES))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self._folder.stat()
        file = self._folder / f"answer-{key.made_s}-{key.id.hex()}"
        # Found under its name only when it is whole: others read the folder at any time.
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            # Started as root the system may run as somebody else, who owns the folder.
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            opened.write(key.secret.hex() + "\n")
            opened.flush()
            os.fsync(descriptor)
        draft.replace(file)
        self._known[key.id] = key
        return key


def _secret_of(file: Path) -> bytes | None:
    """Return what a file holds; None for what is no key."""
    try:
        secret = bytes.fromhex(file.read_text("ascii"))
    except ValueError:
        return None
    return secret if len(secret) == KEY_BYTES else None
