"""Filing of frames that gave no row, or not all of theirs, into the quarantine.

Bounded in size per frame, and per peer address and hour in number; the journal has it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwarden.storage.database import Connection
from wattwarden.storage.enrolment import host_of
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.ingest import Trouble
from wattwarden.storage.text import storable

UNKNOWN_CODEC: Final = "unknown"
"""The codec name under which bytes are journalled that no framer accepts."""
# Sixteen times the longest frame that any meter sends; the rest of a monster is in the journal.
MAX_RAW_BYTES: Final = 65_536
MAX_MESSAGE_LETTERS: Final = 500
MAX_NAME_LETTERS: Final = 128
# An hour of 270 unregistered meters behind one address at 10 s; some 50 MB of table.
FRAMES_PER_PEER_HOUR: Final = 100_000

_HOUR_US: Final = 3_600_000_000


class Allowance:
    """How many frames may be filed for each peer address in each hour of receipt.

    Counts in memory: a restart forgives.
    """

    def __init__(self, per_hour: int = FRAMES_PER_PEER_HOUR) -> None:
        self._per_hour = per_hour
        self._hour = 0
        self._taken: dict[str, int] = {}

    def take(self, peer: str, received_at: int) -> bool:
        """Whether one more may be filed; the hour that is counted only moves forward."""
        hour = received_at // _HOUR_US
        if hour > self._hour:
            self._hour = hour
            self._taken.clear()
        host = host_of(peer)
        taken = self._taken.get(host, 0)
        if taken >= self._per_hour:
            return False
        self._taken[host] = taken + 1
        return True


@dataclass(frozen=True, slots=True)
class Filing:
    """How many frames were filed, and how many not, as their address is over its allowance."""

    filed: int
    overflow: int


async def file(
    connection: Connection,
    gathered: Gathered,
    troubles: Sequence[Trouble],
    allowance: Allowance,
    program: str,
) -> Filing:
    """File frames, each once for a reason.  Call it in a transaction."""
    batch = gathered.batch
    due = _one_each(troubles)
    rows = [
        _row(gathered, trouble, program)
        for trouble in due
        if allowance.take(gathered.peer(trouble.frame), int(batch.received_at[trouble.frame]))
    ]
    if rows:
        await connection.executemany(
            "INSERT INTO quarantine (shard, sequence, frame, codec, kind, reason, message,"
            " byte_offset, raw, raw_size, peer, identity, meter, received_at, request, program)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            " ON CONFLICT (shard, sequence, frame, reason) DO NOTHING",
            rows,
        )
    return Filing(len(rows), len(due) - len(rows))


def short_message(message: str) -> str:
    """Return a message as the table takes it."""
    return storable(message, MAX_MESSAGE_LETTERS)


def _one_each(troubles: Sequence[Trouble]) -> list[Trouble]:
    """The first trouble of each frame and reason, in order of arrival."""
    first: dict[tuple[int, str], Trouble] = {}
    for trouble in sorted(troubles, key=lambda trouble: trouble.frame):
        first.setdefault((trouble.frame, trouble.reason), trouble)
    return list(first.values())


def _row(gathered: Gathered, trouble: Trouble, program: str) -> tuple[Any, ...]:
    frame = trouble.frame
    raw = gathered.batch.frame(frame)
    identity = gathered.identity(frame)
    return (
        gathered.shard,
        int(gathered.sequence[frame]),
        int(gathered.index[frame]),
        storable(gathered.codec, MAX_NAME_LETTERS),
        trouble.kind,
        trouble.reason,
        short_message(trouble.message),
        trouble.offset,
        raw[:MAX_RAW_BYTES],
        len(raw),
        storable(gathered.peer(frame), MAX_NAME_LETTERS),
        None if identity is None else storable(identity, MAX_NAME_LETTERS),
        trouble.meter,
        moment_of(int(gathered.batch.received_at[frame])),
        gathered.request(frame),
        program,
    )
