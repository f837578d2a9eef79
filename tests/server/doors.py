"""A meter port with one chain into a fake journal, for the doors beside it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.server.fakes import FakeJournal

from wattwarden.codecs import port_codecs
from wattwarden.protocol.codec import Profile, default_profile
from wattwarden.protocol.envelope import Envelope, decode_envelope
from wattwarden.server.chain import Chain
from wattwarden.server.port import MeterPort
from wattwarden.server.settings import GatewaySettings
from wattwarden.storage.journal.journal import Kind

KNOWN = "12008274450003"


@dataclass
class House:
    """A port, and what it has stored."""

    port: MeterPort
    journal: FakeJournal

    def envelopes(self) -> list[Envelope]:
        kept = [payload for _, kind, payload, _ in self.journal.stored if kind is Kind.FRAMES]
        return [decode_envelope(payload) for payload in kept]


@asynccontextmanager
async def house(
    journal: FakeJournal | None = None, settings: GatewaySettings | None = None
) -> AsyncIterator[House]:
    journal = journal or FakeJournal()
    chain = Chain(journal, 0, "gw", lambda _: default_profile, _now_us, lambda *_: None)
    port = MeterPort(port_codecs(), [chain], _profile_of, _now_us, settings or GatewaySettings())
    writing = asyncio.create_task(chain.run())
    try:
        yield House(port, journal)
    finally:
        writing.cancel()
        await asyncio.wait({writing})


def _now_us() -> int:
    return time.time_ns() // 1000


def _profile_of(address: str) -> Profile:
    return Profile(version=3) if address == KNOWN else default_profile(address)
