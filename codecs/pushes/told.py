"""What a push tells of one meter, and how much of that is readings.

Told ─► its own numbers ─┐
   └──► frames inside ───┴─► Columns of the push: the meters' of the frames, else the push's own
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.pushes.carried import frames_in
from wattwarden.protocol.codec import (
    Batch,
    Block,
    Codec,
    Columns,
    FactorBlock,
    Profile,
    Refused,
    tabulate,
)
from wattwarden.protocol.errors import Refusal
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, Shape

# What meters are called: an IMEI has 15 digits, ids of platforms 9 to 32 letters.
MAX_ADDRESS_LETTERS: Final = 32
MAX_CODE_LETTERS: Final = 48
# A data model of an electricity meter has some thirty properties.
MOST_NUMBERS: Final = 64
# Milliseconds from 2000 to 2100: what is outside is no time of a push.
_LEAST_MS: Final = 946_684_800_000
_MOST_MS: Final = 4_102_444_800_000

_ADDRESS: Final = re.compile(rf"[!-~]{{1,{MAX_ADDRESS_LETTERS}}}")
_CODE: Final = re.compile(rf"[!-~]{{1,{MAX_CODE_LETTERS}}}")
# No register counts further than 12 digits; an IMEI or IMSI, which is no number, has 15.
_NUMBER: Final = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Told:
    """What a push tells of one meter.

    ``at`` is when the platform heard it, microseconds UTC; ``payloads`` are bytes that the meter
    sent, ``quantities`` and ``numbers`` what the platform has read of them itself.
    """

    kind: str
    meter: str | None
    at: int | None
    payloads: tuple[bytes, ...] = ()
    quantities: tuple[tuple[Measured, float], ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


def address_of(*names: Any) -> str | None:
    """Return the first of several names that can be an address, None when none can."""
    texts = (str(name) for name in names if isinstance(name, str | int) and name is not True)
    return next((text for text in texts if _ADDRESS.fullmatch(text) and text not in _NOBODY), None)


_NOBODY: Final = frozenset(("undefined", "null", "None", "False"))


def moment_of(ms: Any) -> int | None:
    """Return a time in milliseconds as microseconds, None where it is none."""
    if isinstance(ms, str) and ms.isascii() and ms.isdigit() and len(ms) == len(str(_LEAST_MS)) + 1:
        ms = int(ms)
    if not isinstance(ms, int) or not _LEAST_MS <= ms < _MOST_MS:
        return None
    return ms * 1000


def numbers_of(tree: Any) -> dict[str, float]:
    """Return the numbers of a data model by name; those of its parts under ``part.name``.

    Numbers that are written as text count; of ``{"value": 1, "time": …}`` the value is meant.
    """
    found: dict[str, float] = {}
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting and len(found) < MOST_NUMBERS:
        name, value = waiting.pop(0)
        if isinstance(value, Mapping):
            stem = f"{name}." if name else ""
            if name and "value" in value:
                waiting.append((name, value["value"]))
            else:
                waiting += [(stem + key, item) for key, item in value.items()]
        else:
            number = _number(value)
            if number is not None and 0 < len(name) <= MAX_CODE_LETTERS:
                found.setdefault(name, number)
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    return float(value) if isinstance(value, int | float) else None


def texts_of(tree: Any) -> Iterator[str]:
    """Yield the texts of a tree, however deep."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += reversed(list(value.values()))
        elif isinstance(value, list):
            waiting += reversed(value)


# --- columns --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Inner:
    """Frames of one codec that pushes carry, with what they answer or continue."""

    frames: list[bytes] = field(default_factory=list)
    origins: list[tuple[int, "Told"]] = field(default_factory=list)
    asked: dict[int, bytes] = field(default_factory=dict)


class Pushes:
    """Collects what the pushes of a batch tell."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._inner: dict[str, tuple[Codec, _Inner]] = {}
        self._own: list[tuple[int, Told]] = []
        self._meters: dict[str, int] = {}
        self._blocks: list[Block] = []
        self._factors: list[FactorBlock] = []
        self._refused: list[Refused] = []

    def add(self, index: int, told: Told) -> None:
        """Take what frame ``index`` tells."""
        if told.quantities or told.numbers:
            self._own.append((index, told))
        for payload in told.payloads:
            self._carry(index, told, payload)

    def refuse(self, refused: Refused) -> None:
        """Note why a frame gave no row."""
        self._refused.append(refused)

    def columns(self) -> Columns:
        """Return everything that was taken."""
        if self._own:
            frames = [b""] * len(self._own)
            batch = self._batch_of(frames, self._own, {})
            self._take(_own_columns(batch, [told for _, told in self._own]), self._own)
        for codec, inner in self._inner.values():
            batch = self._batch_of(inner.frames, inner.origins, inner.asked)
            self._take(codec.decode(batch), inner.origins)
        refused = tuple(sorted(self._refused, key=lambda entry: entry.frame))
        return Columns(tuple(self._meters), tuple(self._blocks), tuple(self._factors), refused)

    def _carry(self, index: int, told: Told, payload: bytes) -> None:
        dialogues: dict[str, Any] = {}
        for codec, frame in frames_in(payload, self._batch.profile_of):
            _, inner = self._inner.setdefault(codec.name, (codec, _Inner()))
            dialogue = dialogues.get(codec.name)
            if dialogue is None:
                dialogue = dialogues[codec.name] = codec.dialogue(self._batch.profile_of)
            dialogue.receive([frame], self._heard(index, told))
            if dialogue.asked:
                inner.asked[len(inner.frames)] = dialogue.asked[0]
            inner.frames.append(frame)
            inner.origins.append((index, told))

    def _heard(self, index: int, told: Told) -> int:
        return int(self._batch.received_at[index]) if told.at is None else told.at

    def _batch_of(
        self, frames: list[bytes], origins: list[tuple[int, Told]], asked: Mapping[int, bytes]
    ) -> Batch:
        """Put frames into a batch, received when the platform heard them, of its meters."""
        sessions: dict[str | None, int] = {}
        session = []
        for index, told in origins:
            known = told.meter or self._batch.identities[self._batch.session[index]]
            session.append(sessions.setdefault(known, len(sessions)))
        request, requests = tabulate(asked, len(frames))
        offsets = np.zeros(len(frames) + 1, np.int64)
        np.cumsum([len(frame) for frame in frames], out=offsets[1:])
        return Batch(
            data=b"".join(frames),
            offsets=offsets,
            received_at=np.array([self._heard(*origin) for origin in origins], np.int64),
            session=np.array(session, np.int32),
            identities=tuple(sessions),
            request=request,
            requests=requests,
            profile_of=self._batch.profile_of,
        )

    def _take(self, columns: Columns, origins: list[tuple[int, Told]]) -> None:
        """Take columns of inner frames for those of the pushes that carried them."""
        outer = np.array([index for index, _ in origins], np.int32)
        timed = np.array([told.at is not None for _, told in origins], bool)
        meters = [self._meters.setdefault(name, len(self._meters)) for name in columns.meters]
        places = np.array(meters, np.int32)
        for block in columns.blocks:
            quality = _with_clock(block, timed)
            self._blocks.append(
                Block(
                    outer[block.frame], places[block.meter], block.channel, block.period,
                    block.at, quality, block.values,
                )
            )  # fmt: skip
        for factors in columns.factors:
            quality = _with_clock(factors, timed)
            self._factors.append(
                FactorBlock(
                    outer[factors.frame], places[factors.meter], factors.channel, factors.period,
                    factors.at, quality, factors.layout, factors.values, factors.flags,
                )
            )  # fmt: skip
        self._refused += [
            Refused(int(outer[one.frame]), one.kind, f"the frame inside: {one.message}")
            for one in columns.refused
        ]


def _with_clock(block: Block | FactorBlock, timed: NDArray[np.bool_]) -> NDArray[np.int16]:
    """What the frame itself does not say of its time, the push says."""
    quality = block.quality.copy()
    quality[timed[block.frame]] &= ~Quality.NO_CLOCK.value
    return quality


def _own_columns(batch: Batch, tolds: Iterable[Told]) -> Columns:
    """Return the readings that the platform itself has made of payloads."""
    rows = Rows(batch, b"", b"")
    shapes: dict[tuple[tuple[str, ...], tuple[Measured, ...]], Shape] = {}
    for index, told in enumerate(tolds):
        known = batch.identities[batch.session[index]]
        if known is None:
            continue
        profile = batch.profile_of(known)
        factors, measured = _sorted(told, profile)
        if not factors and not measured:
            continue
        names = (tuple(factors), tuple(measured))
        shape = shapes.setdefault(names, Shape(*names))
        values = [*factors.values(), *measured.values()]
        origin = (index, rows.meter(index, known), 0)
        rows.add((shape, "instant", ""), origin, b"", values, NO_FLAG * len(values))
    columns = rows.columns()
    nobody = [i for i in range(len(batch)) if batch.identities[batch.session[i]] is None]
    text = "the push names no meter"
    refused = tuple(Refused(index, Refusal.UNKNOWN, text) for index in nobody)
    return Columns(columns.meters, columns.blocks, columns.factors, refused)


def _sorted(told: Told, profile: Profile) -> tuple[dict[str, float], dict[Measured, float]]:
    """Tell the numbers that are quantities from those that are but named."""
    measured = dict(told.quantities)
    factors: dict[str, float] = {}
    for name, number in told.numbers.items():
        quantity = property_of(profile, name)
        if quantity is not None:
            measured.setdefault(quantity, number)
        elif _CODE.fullmatch(name):  # codes of factors are ASCII
            factors[name] = number
    return factors, {one: nan if value is None else value for one, value in measured.items()}


def property_of(profile: Profile, name: str) -> Measured | None:
    """Return the quantity that a profile makes of a property, None for none.

    Its option ``properties`` has by name a quantity, or a quantity and its scale.
    """
    option = profile.options.get("properties")
    entry: Any = option.get(name) if isinstance(option, Mapping) else None
    name, scale = entry if isinstance(entry, list) and len(entry) == 2 else (entry, 1)
    if not isinstance(name, str) or name not in QUANTITIES:
        return None
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        return None
    return Measured("", name, float(scale))
