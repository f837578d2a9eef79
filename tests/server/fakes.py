"""Stand-ins for the journal and for connections."""

import asyncio
from dataclasses import dataclass, field

from wattwarden.protocol.envelope import SessionRow
from wattwarden.storage.journal.journal import Kind


@dataclass
class FakeJournal:
    """Keeps what is appended; raises ``answers`` first, one an attempt; ``gate`` holds it up."""

    stored: list[tuple[int, Kind, bytes, str]] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    answers: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    attempted: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, shard: int, kind: Kind, payload: bytes, msg_id: str) -> int:
        self.attempts.append(msg_id)
        self.attempted.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.answers:
            raise self.answers.pop(0)
        self.stored.append((shard, kind, payload, msg_id))
        return len(self.stored)


@dataclass(eq=False)
class FakeSource:
    """A connection that remembers what it was told."""

    name: str
    identity: str | None = None
    sent: list[bytes] = field(default_factory=list)
    rejected: list[bytes] = field(default_factory=list)

    @property
    def row(self) -> SessionRow:
        return SessionRow(1, self.name, self.identity)

    def reply(self, data: bytes) -> None:
        self.sent.append(data)

    def reject(self, frame: bytes) -> None:
        self.rejected.append(frame)
