"""A stream that could not be written: its server refuses it everything until it starts again.

    write error in its log ─► is there room on the disk? ─ yes ─► it has to start anew
                                                         └ no ──► that would only fail again

nats-server leaves such a stream as it is, also when the disk has long had room: publishers get no
answer, and nothing but its log tells.  What it acknowledged before is on the disk.
"""

import shutil
from pathlib import Path
from typing import Final

# Written with a capital or without, by the store and by the stream.
WRITE_ERROR: Final = b"ritical write error"
# Some seconds of a busy city, and what a server writes as it starts: less is full again at once.
ROOM_BYTES: Final = 64 * 1024**2


class Wounds:
    """What a server's log says of its streams from now on.

    Args:
        log: Its log file, which somebody may cut short.
        journal: A folder on the disk of its streams.
    """

    def __init__(self, log: Path, journal: Path) -> None:
        self._log = log
        self._journal = journal
        self._read = log.stat().st_size if log.exists() else 0
        self._end = b""
        self._is_wounded = False

    def can_heal(self) -> bool:
        """Whether a stream is refused everything, and a new start would end that."""
        self._is_wounded = self._is_wounded or WRITE_ERROR in self._fresh()
        return self._is_wounded and shutil.disk_usage(self._journal).free >= ROOM_BYTES

    def _fresh(self) -> bytes:
        """Return what was logged since the last time, with the end of what was before."""
        if not self._log.exists():
            return b""
        size = self._log.stat().st_size
        if size < self._read:
            self._read = 0
        if size == self._read:
            return b""
        with self._log.open("rb") as log:
            log.seek(self._read)
            text = self._end + log.read()
        self._read, self._end = size, text[-len(WRITE_ERROR) :]
        return text
