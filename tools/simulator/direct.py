"""A world's frames straight into the journal, as envelopes and ticks with simulated times.

    sendings of a minute ─► envelopes, one chain a shard ─► sign of life ─► tick in every shard ─► …

The gateway is left out; whoever reads the journal cannot tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Final
from zlib import crc32

from wattwarden.protocol.codec import Codec
from wattwarden.protocol.envelope import (
    FORMAT,
    MAX_ENVELOPE_BYTES,
    MAX_ENVELOPE_FRAMES,
    Alive,
    Envelope,
    Occurrence,
    Occurrences,
    SessionRow,
    Tick,
    decode_tick,
    digest,
    encode,
)
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.chain import Appender
from wattwarden.server.draft import Draft
from wattwarden.storage.journal.journal import Journal, Kind
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.sendings import Sending

# One a simulated minute: a tick a second would cost two entries each, and says nothing more to
# meters that report once a minute.
TICK_S: Final = 60
MILLI_US: Final = 1000
# Carriers give addresses of this range to whoever they like.
PEER: Final = "100.64.0.1"
SESSIONS_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class _Caller:
    """A meter's connection, as envelopes name it."""

    epoch: int
    identity: str
    codec: Codec

    @property
    def row(self) -> SessionRow:
        """Describe the connection."""
        return SessionRow(self.epoch, f"{PEER}:{self.epoch % 64_000 + 1024}", self.identity)

    def reply(self, data: bytes) -> None:
        """Nobody is there to hear it."""

    def reject(self, frame: bytes) -> None:
        """Simulated frames are sound."""


@dataclass(slots=True)
class Written:
    """What was put into the journal."""

    frames: int = 0
    envelopes: int = 0
    ticks: int = 0
    bytes: int = 0


class _Chain:
    """Envelopes of one shard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._number = 0
        self._previous = b""

    def sealed(self, draft: Draft, now_us: int) -> tuple[bytes, str]:
        """Return the payload of a draft and the id under which it is stored."""
        self._number += 1
        frozen = draft.freeze()
        envelope: Envelope = frozen.envelope(self.name, self._number, self._previous, now_us)
        payload = encode(envelope)
        self._previous = digest(payload)
        return payload, f"{self.name}:{self._number}"


class Direct:
    """Writes a world's time into a journal.  ``shards`` are the journal's; ``tick`` its last."""

    def __init__(
        self,
        journal: Appender,
        shards: int,
        frames: Frames,
        tick: Tick | None,
        tick_s: int = TICK_S,
    ) -> None:
        self.written = Written()
        self._journal = journal
        self._shards = shards
        self._frames = frames
        self.tick_s = tick_s
        self._last = tick
        self._gateway = f"gw-{token_hex(6)}"
        self._chains = [_Chain(f"{self._gateway}.{shard}") for shard in range(shards)]
        self._callers: dict[int, _Caller] = {}
        self._entries = 0

    @property
    def tick(self) -> int:
        """The number of the last tick."""
        return self._last.number if self._last else 0

    async def minute(self, sendings: list[Sending], second: int) -> None:
        """Store what came before a second (Unix), and the tick that says that it has passed."""
        now_us = second * SECOND_US
        fresh = self._logged_in(sendings)
        for at in range(0, len(fresh), SESSIONS_AT_ONCE):
            await self._occurred(fresh[at : at + SESSIONS_AT_ONCE])
        for shard, draft in self._drafts(sendings):
            payload, msg_id = self._chains[shard].sealed(draft, now_us)
            await self._append(shard, Kind.FRAMES, payload, msg_id)
            self.written.frames += len(draft)
            self.written.envelopes += 1
        await self._alive(now_us)
        await self._tick(second)

    async def close(self, second: int) -> None:
        """Say that the connections end, as a gateway that stops."""
        at = second * SECOND_US
        ends = [
            Occurrence(
                at, one.epoch, "close", one.row.peer, one.codec.name, one.identity,
                "gateway stops",
            )
            for one in self._callers.values()
        ]  # fmt: skip
        for begin in range(0, len(ends), SESSIONS_AT_ONCE):
            await self._occurred(ends[begin : begin + SESSIONS_AT_ONCE])

    def _logged_in(self, sendings: list[Sending]) -> list[Occurrence]:
        fresh = []
        for sending in sendings:
            if sending.column not in self._callers:
                speaker = self._frames.site.speakers[sending.column]
                codec = self._frames.codec(speaker)
                caller = _Caller(len(self._callers) + 1, speaker.address, codec)
                self._callers[sending.column] = caller
                for what in ("open", "login"):
                    at = sending.at_ms * MILLI_US
                    row = caller.row
                    fresh.append(
                        Occurrence(at, row.epoch, what, row.peer, codec.name, row.identity)
                    )
        return fresh

    def _drafts(self, sendings: list[Sending]) -> Iterator[tuple[int, Draft]]:
        open_drafts: dict[tuple[int, str], Draft] = {}
        for sending in sendings:
            caller = self._callers[sending.column]
            shard = crc32(caller.identity.encode()) % self._shards
            key, size = (shard, caller.codec.name), len(sending.frame)
            draft = open_drafts.get(key)
            full = draft is not None and (
                len(draft) >= MAX_ENVELOPE_FRAMES or draft.size_bytes + size > MAX_ENVELOPE_BYTES
            )
            if draft is not None and full:
                yield shard, draft
                draft = None
            at_us = sending.at_ms * MILLI_US
            if draft is None:
                draft = open_drafts[key] = Draft(caller.codec, at_us)
            draft.add(caller, [sending.frame], at_us)
            draft.size_bytes += size
        for (shard, _), draft in open_drafts.items():
            yield shard, draft

    async def _occurred(self, rows: list[Occurrence]) -> None:
        self._entries += 1
        payload = encode(Occurrences(FORMAT, self._gateway, rows))
        await self._append(0, Kind.SESSION, payload, f"{self._gateway}:s{self._entries}")

    async def _alive(self, now_us: int) -> None:
        self._entries += 1
        alive = Alive(FORMAT, self._gateway, now_us, len(self._callers), [])
        await self._append(0, Kind.ALIVE, encode(alive), f"{self._gateway}:a{self._entries}")

    async def _tick(self, second: int) -> None:
        covers = second - self._last.second if self._last else self.tick_s
        self._last = Tick(FORMAT, self.tick + 1, second, covers)
        payload = encode(self._last)
        for shard in range(self._shards):
            await self._append(shard, Kind.TICK, payload, f"tick:{shard}:{self._last.number}")
        self.written.ticks += 1

    async def _append(self, shard: int, kind: Kind, payload: bytes, msg_id: str) -> None:
        await self._journal.append(shard, kind, payload, msg_id)
        self.written.bytes += len(payload)


async def last_tick(journal: Journal) -> Tick | None:
    """Return the furthest tick of any shard."""
    entries = [await journal.last(shard, Kind.TICK) for shard in range(journal.shards)]
    ticks = [decode_tick(entry.payload) for entry in entries if entry is not None]
    return max(ticks, key=lambda tick: tick.number, default=None)
