"""What a stretch of the journal says: envelopes with their steps, ticks, events, what is spoilt.

    entries ─ read ─► Parsed ─ sift(last envelope of each chain) ─► Intake

Pure.  A row's step is 1 + the last tick before its envelope in its shard, so ticks within the
stretch part it.  An envelope that a chain has had already is a repeat, and skipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
import numpy as np

from wattwarden.protocol.envelope import (
    Alive,
    Envelope,
    Occurrences,
    Tick,
    decode_alive,
    decode_envelope,
    decode_occurrences,
    decode_tick,
    digest,
)
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.rows.decoding import MAX_AT_US, MIN_AT_US
from wattwarden.storage.rows.gathering import Placed

# A tick a second fills this in 68 years.
MAX_INT4: Final = 2**31 - 1

Message = Envelope | Tick | Occurrences | Alive


class ChainLink(NamedTuple):
    """The last envelope of a chain that became rows."""

    number: int
    digest: bytes
    sealed_at: int


class Spoilt(NamedTuple):
    """An entry that cannot be read."""

    entry: Entry
    message: str


class Parsed(NamedTuple):
    """An entry and what it says."""

    entry: Entry
    message: Message


@dataclass(slots=True)
class Intake:
    """A stretch of the journal, ready for decoding.

    ``by_codec`` holds envelopes in order; ``tick`` and ``chains`` are as they stand after it.
    ``jumps`` counts numbers missing in chains, ``breaks`` envelopes that name another predecessor,
    ``missed_ticks`` numbers that never came.
    """

    tick: int
    by_codec: dict[str, list[Placed]] = field(default_factory=dict)
    ticks: list[Tick] = field(default_factory=list)
    occurrences: list[tuple[int, Occurrences]] = field(default_factory=list)
    alive: list[Alive] = field(default_factory=list)
    chains: dict[str, ChainLink] = field(default_factory=dict)
    frames: int = 0
    repeats: int = 0
    jumps: int = 0
    breaks: int = 0
    missed_ticks: int = 0


def read(entries: Sequence[Entry]) -> tuple[list[Parsed], list[Spoilt]]:
    """Read every entry; those that cannot be read come back with the reason."""
    parsed: list[Parsed] = []
    spoilt: list[Spoilt] = []
    for entry in entries:
        try:
            message = _message_of(entry)
            _check(message)
            parsed.append(Parsed(entry, message))
        except (msgspec.DecodeError, ValueError) as error:
            spoilt.append(Spoilt(entry, str(error)))
    return parsed, spoilt


def sift(parsed: Sequence[Parsed], tick: int, chains: Mapping[str, ChainLink | None]) -> Intake:
    """Sort what was read, from the tick and the chains as they stood before it."""
    intake = Intake(tick)
    for entry, message in parsed:
        match message:
            case Envelope():
                _take_envelope(intake, entry, message, chains)
            case Tick():
                _take_tick(intake, message)
            case Occurrences():
                intake.occurrences.append((entry.sequence, message))
            case Alive():
                intake.alive.append(message)
    return intake


def _message_of(entry: Entry) -> Message:
    match entry.kind:
        case Kind.FRAMES:
            return decode_envelope(entry.payload)
        case Kind.TICK:
            return decode_tick(entry.payload)
        case Kind.SESSION:
            return decode_occurrences(entry.payload)
        case Kind.ALIVE:
            return decode_alive(entry.payload)


def _check(message: Message) -> None:
    """Refuse what no column takes: it would be met again, and fail again, at every attempt."""
    match message:
        case Envelope():
            _check_envelope(message)
        case Tick():
            _check_inside("tick", [message.number, message.covers_s], 0, MAX_INT4)
        case Occurrences():
            _check_inside("time", [row.at for row in message.rows], MIN_AT_US, MAX_AT_US)
        case Alive():
            _check_inside("time", [message.at], MIN_AT_US, MAX_AT_US)
            _check_inside("sessions", [message.sessions], 0, MAX_INT4)


def _check_envelope(envelope: Envelope) -> None:
    if not envelope.chain.isprintable():
        raise ValueError("the chain's name is not printable")
    times = [envelope.sealed_at]
    if len(envelope):
        received_at = np.frombuffer(envelope.received_at, "<i8")
        times += [int(received_at.min()), int(received_at.max())]
    _check_inside("time", times, MIN_AT_US, MAX_AT_US)


def _check_inside(name: str, values: Sequence[int], low: int, high: int) -> None:
    if values and not (low <= min(values) and max(values) <= high):
        text = f"{name} is {min(values)} to {max(values)}, allowed is {low} to {high}"
        raise ValueError(text)


def _take_envelope(
    intake: Intake, entry: Entry, envelope: Envelope, chains: Mapping[str, ChainLink | None]
) -> None:
    last = intake.chains.get(envelope.chain) or chains.get(envelope.chain)
    if last is not None:
        if envelope.number <= last.number:
            intake.repeats += 1
            return
        intake.jumps += envelope.number - last.number - 1
        intake.breaks += envelope.number == last.number + 1 and envelope.previous != last.digest
    link = ChainLink(envelope.number, digest(entry.payload), envelope.sealed_at)
    intake.chains[envelope.chain] = link
    intake.frames += len(envelope)
    if len(envelope):
        placed = Placed(entry.sequence, intake.tick + 1, envelope)
        intake.by_codec.setdefault(envelope.codec, []).append(placed)


def _take_tick(intake: Intake, tick: Tick) -> None:
    if tick.number <= intake.tick:
        return
    # The first tick that a store sees may have any number: the store may be younger.
    if intake.tick:
        intake.missed_ticks += tick.number - intake.tick - 1
    intake.tick = tick.number
    intake.ticks.append(tick)
