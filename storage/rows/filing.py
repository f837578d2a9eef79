"""Filing of frames that gave no row, or not all of theirs, into the quarantine.

Bounded in size per frame, and per peer address and hour in number; the journal has it all.  The
same bytes again raise a count, and their moment of receipt is noted (``0005_quarantine.sql``).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwarden.storage.database import Connection
from wattwarden.storage.enrolment import host_of
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.ingest import Reason, Trouble
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
# What was filed once stays; what would be filed again counts up the row that waits, if one does.
_FILE: Final = """
INSERT INTO quarantine (shard, sequence, frame, codec, kind, reason, message, byte_offset, raw,
 raw_size, peer, identity, meter, received_at, request, program, digest)
SELECT $1::integer, $2::bigint, $3::integer, $4, $5, $6::text, $7, $8::integer, $9::bytea,
 $10::integer, $11, $12, $13, $14::timestamptz, $15::bytea, $16, $17::bytea
WHERE NOT EXISTS (SELECT FROM quarantine WHERE (shard, sequence, frame, reason) = ($1, $2, $3, $6))
ON CONFLICT (digest) WHERE state = 'open' AND cardinality(received_again) < 255 DO UPDATE SET
 times = quarantine.times + 1,
 last_received_at = greatest(
  quarantine.received_at, quarantine.last_received_at, excluded.received_at),
 received_again = CASE
  WHEN excluded.received_at = ANY (quarantine.received_at || quarantine.received_again)
  THEN quarantine.received_again ELSE quarantine.received_again || excluded.received_at END
"""


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
    """File frames, each once for a reason, or count them.  Call it in a transaction."""
    batch = gathered.batch
    due = _one_each(troubles)
    rows = [
        _row(gathered, trouble, program)
        for trouble in due
        if allowance.take(gathered.peer(trouble.frame), int(batch.received_at[trouble.frame]))
    ]
    if rows:
        await connection.executemany(_FILE, rows)
    return Filing(len(rows), len(due) - len(rows))


def sender_of(identity: str | None, peer: str) -> str:
    """Return who sent a frame: the name that it is known by, else the address."""
    return host_of(peer) if identity is None else identity


async def load_suspects(connection: Connection, shard: int) -> set[str]:
    """Return who sent what ended a process, and still waits."""
    rows = await connection.fetch(
        "SELECT DISTINCT identity, peer FROM quarantine"
        " WHERE state = 'open' AND reason = $1 AND shard = $2",
        Reason.DECODER_DIED,
        shard,
    )
    return {sender_of(row["identity"], row["peer"]) for row in rows}


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
        _digest(gathered, trouble),
    )


def _digest(gathered: Gathered, trouble: Trouble) -> bytes:
    """SHA-256 of what makes two frames the same: what was sent, by whom, and why it waits."""
    frame = trouble.frame
    request = gathered.request(frame)
    identity = gathered.identity(frame)
    sender = sender_of(identity, gathered.peer(frame))
    parts = (
        gathered.codec.encode(),
        trouble.reason.encode(),
        b"peer" if identity is None else b"identity",
        sender.encode("utf-8", "backslashreplace"),
        b"" if request is None else b"?" + request,
        gathered.batch.frame(frame),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
