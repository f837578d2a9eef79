"""Entries for a journal, and the server that a test may kill."""

import signal
from typing import Protocol

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.journal import Entry, Journal, Kind, StreamLimits

SMALL = StreamLimits(max_bytes=16 * 1024**2)


class Server(Protocol):
    """What the fixture ``mortal_nats`` gives."""

    @property
    def url(self) -> str: ...
    @property
    def monitor_url(self) -> str: ...
    def start(self, sync_interval: str = "always") -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def signal(self, number: signal.Signals) -> None: ...


async def append_many(journal: Journal, count: int, start: int = 1) -> None:
    for number in range(start, start + count):
        await journal.append(0, Kind.FRAMES, b"payload %d" % number, f"chain:{number}")


async def api(journal: Journal, name: str, body: object) -> jetstream.ApiReply:
    reply = await jetstream.call(journal.link, name, body, timeout_s=2)
    assert reply.error is None, reply.error
    return reply


def sequences(entries: list[Entry]) -> list[int]:
    return [entry.sequence for entry in entries]
