"""A shard of the journal: the names of its stream, and what its client knows of it."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """How full a shard is.  Entries ``first`` … ``last`` exist; none when first = last + 1.

    ``bytes`` are as the server counts them towards ``max_bytes``, with subjects and headers.
    """

    messages: int
    bytes: int
    first: int
    last: int
    max_bytes: int


@dataclass(slots=True)
class JournalCounters:
    """What this journal client did since it was connected."""

    appended: int = 0
    appended_bytes: int = 0
    duplicates: int = 0
    refused_full: int = 0
    attempts_away: int = 0
    read: int = 0
    read_bytes: int = 0
    from_leader: int = 0
    purged_unread: int = 0
    nudges: int = 0
    polls: int = 0


class Shard:
    """Names of a shard's stream, and what is known of its end."""

    __slots__ = (
        "early",
        "first",
        "heard",
        "index",
        "known",
        "listening",
        "nudges",
        "reported",
        "stream",
        "subjects",
    )

    def __init__(self, prefix: str, index: int) -> None:
        self.index = index
        self.stream = f"{prefix}_{index}"
        self.subjects = f"{prefix.lower()}.{index}"
        self.nudges = f"{prefix.lower()}.stored.{index}"
        self.first = 1
        self.reported = 1
        self.known = 0
        # Since when the stream seems to end before a sequence that was read.
        self.early: dict[int, float] = {}
        self.heard = asyncio.Event()
        self.listening = False

    def learn(self, last: int) -> None:
        """Take note that entry ``last`` is stored, and wake who waits for it."""
        if last > self.known:
            self.known = last
            self.heard.set()
            self.heard = asyncio.Event()
