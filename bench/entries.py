"""Entries of a journal in memory, as gateways make them, and the journal that gives them out."""

from typing import Final

import numpy as np
from bench.uploads import serial
from numpy.typing import NDArray

from wattwarden.protocol.envelope import FORMAT, Envelope, SessionRow, Tick, digest, encode
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import moment_of

CHAIN: Final = "bench:0"


class MemoryJournal:
    """What the writer reads its entries from: the first ``shown`` of them; nothing comes later."""

    def __init__(self, entries: list[Entry]) -> None:
        self.last: Final = entries[-1].sequence
        self.shown = self.last
        self._entries = entries

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Return entries from ``after`` on, as a journal does: up to the bounds, one at least."""
        del shard
        found: list[Entry] = []
        size = 0
        for entry in self._entries[after : min(after + most, self.shown)]:
            found.append(entry)
            size += len(entry.payload)
            if size >= most_bytes:
                break
        return found

    async def wait(self, shard: int, after: int) -> None:
        """Nothing comes."""
        del shard, after


def entries_of(
    frames: NDArray[np.uint8], meters: int, per_envelope: int, received_at: int, ticks_before: int
) -> list[Entry]:
    """Put frames, second by second one of each meter, into envelopes, with a tick each second.

    ``ticks_before`` the first of them stand alone.
    """
    entries: list[Entry] = []
    for number in range(1, ticks_before + 1):
        moment = received_at - (ticks_before + 1 - number) * SECOND_US
        entries.append(_tick(len(entries) + 1, number, moment))
    previous = b""
    for number, start in enumerate(range(0, len(frames), per_envelope), 1):
        second = start // meters
        moment = received_at + second * SECOND_US
        if start % meters == 0:
            entries.append(_tick(len(entries) + 1, ticks_before + second + 1, moment))
        first = start % meters
        envelope = _envelope(
            frames[start : start + per_envelope], first, (number, previous), moment
        )
        payload = encode(envelope)
        previous = digest(payload)
        entries.append(_entry(len(entries) + 1, Kind.FRAMES, payload, moment))
    return entries


def _envelope(
    frames: NDArray[np.uint8], first: int, link: tuple[int, bytes], moment: int
) -> Envelope:
    """Frames of as many meters, from the first on, each from a connection of its own."""
    count, size = frames.shape
    sessions = [
        SessionRow(meter + 1, f"10.0.{meter // 250}.{meter % 250 + 1}:40000", serial(meter))
        for meter in range(first, first + count)
    ]
    number, previous = link
    return Envelope(
        format=FORMAT,
        codec="acrel",
        chain=CHAIN,
        number=number,
        previous=previous,
        sealed_at=moment,
        sessions=sessions,
        requests=[],
        received_at=np.full(count, moment, "<i8").tobytes(),
        lengths=np.full(count, size, "<u4").tobytes(),
        session=np.arange(count, dtype="<u4").tobytes(),
        request=np.full(count, -1, "<i4").tobytes(),
        data=frames.tobytes(),
    )


def _tick(sequence: int, number: int, moment: int) -> Entry:
    tick = Tick(FORMAT, number, moment // SECOND_US, 1)
    return _entry(sequence, Kind.TICK, encode(tick), moment)


def _entry(sequence: int, kind: Kind, payload: bytes, moment: int) -> Entry:
    return Entry(sequence, kind, f"{CHAIN}:{sequence}", payload, moment_of(moment))
