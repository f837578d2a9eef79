"""Uploads that carry the same names, read together: one split for all, a column for each value.

    segments ─ most headers ─► by how many names, and the first ─► Plan ─► a table of rows
                 │                                      └ by halves where they are not alike
                 └ the rest, and what no table takes: one by one, in ``uploads``

A logger sends the same names day after day, and a city has few makes of them.  What stands here is
faster and says nothing else: whatever it is in doubt about, it leaves.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.hj212.cipher import begins_sealed
from wattwarden.codecs.hj212.header import CP_BEGIN, CP_END, facts_of, numbers_and_rests
from wattwarden.codecs.hj212.plan import LETTERS, Plan, plan_of, texts_of
from wattwarden.protocol.access import OPEN
from wattwarden.protocol.codec import Batch
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.rows import NO_FLAG, Rows
from wattwarden.protocol.timetext import MILLI_DIGITS, SECOND_DIGITS

# For fewer, planning costs as much as reading them one by one.
LEAST_ALIKE: Final = 4
# Behind ``DataTime=`` and 14 digits and ``;``: the first code of nearly every upload.
_FIRST_CODE: Final = slice(24, 32)
_LETTERS: Final = frozenset(bytes([letter]) for letter in LETTERS)
_BACKFILL: Final = int(Quality.BACKFILL)
# What to leave out for bytes.translate, so that of data only = and ; remain.
_NO_SEPARATORS: Final = bytes(byte for byte in range(256) if byte not in b"=;")

Key = tuple[str, int, int, bytes]
"""What frames that may be alike have in common: period, quality, how many names, the first."""


class _Candidates(NamedTuple):
    """Frames that may be alike: their indices, addresses and data."""

    frames: list[int]
    addresses: list[str]
    texts: list[bytes]

    def part(self, chosen: slice) -> "_Candidates":
        return _Candidates(self.frames[chosen], self.addresses[chosen], self.texts[chosen])


class _Table(NamedTuple):
    """What n frames say: times as digits, values float64[n, k] and flags uint8[n, k]."""

    plan: Plan
    times: list[bytes]
    values: NDArray[np.float64]
    flags: NDArray[np.uint8]


def take_alike(
    batch: Batch, segments: Sequence[tuple[int, bytes]], history: frozenset[int], rows: Rows
) -> list[int]:
    """Add the rows of frames, by index and plain segment, that can be read together.

    ``history`` are the frames that answer a request for it.  Returns the indices of those left.
    """
    groups: dict[Key, _Candidates] = {}
    left: list[int] = []
    cut = [segment.partition(CP_BEGIN) for _, segment in segments]
    _, rests = numbers_and_rests([head for head, _, _ in cut])
    for (index, _), (_, _, data), facts in zip(segments, cut, map(facts_of, rests), strict=True):
        address = facts.address
        if (
            not facts.is_usual
            or address is None
            or data[-2:] != CP_END
            or (facts.may_be_sealed and begins_sealed(data))
            or batch.profile_of(address).access is not OPEN
        ):
            left.append(index)
            continue
        text = data[:-2].rstrip(b";,")
        quality = _BACKFILL if facts.repeated or index in history else 0
        key = (facts.command.period, quality, text.count(b"="), text[_FIRST_CODE])
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Candidates([], [], [])
        group.frames.append(index)
        group.addresses.append(address)
        group.texts.append(text)
    for (period, quality, _, _), group in groups.items():
        left += _take(group, period, quality, rows)
    return sorted(left)


def _take(group: _Candidates, period: str, quality: int, rows: Rows) -> list[int]:
    """Add the rows of those that are alike; return the others."""
    count = len(group.frames)
    if count < LEAST_ALIKE:
        return group.frames
    table = _table_of(group.texts)
    if table is None:
        middle = count // 2
        return [
            *_take(group.part(slice(middle)), period, quality, rows),
            *_take(group.part(slice(middle, None)), period, quality, rows),
        ]
    meters = list(map(rows.meter, group.frames, group.addresses))
    kind = (table.plan.shape, period, "")
    rows.add_many(kind, (group.frames, meters, quality), table.times, table.values, table.flags)
    return []


def _table_of(texts: list[bytes]) -> _Table | None:
    """Read data that name the same things in the same order; None unless all do, without oddity."""
    count = len(texts)
    plan = plan_of(tuple(texts_of(texts[0])[::2]))
    joined = b";".join(texts).replace(b",", b";")
    if not plan.is_usual or b"_" in joined:
        return None
    if joined.translate(None, _NO_SEPARATORS) != b";".join([plan.skeleton] * count):
        return None
    cut = texts_of(joined)
    if cut[::2] != list(plan.names) * count:
        return None
    width = 2 * len(plan.names)
    times = _times(cut[plan.time :: width]) if plan.time >= 0 else [b""] * count
    values = _values([cut[place::width] for place in plan.value_places])
    flags = _flags([cut[p::width] if p >= 0 else [NO_FLAG] * count for p in plan.flag_places])
    if times is None or values is None or flags is None:
        return None
    return _Table(plan, times, values, flags)


def _times(texts: list[bytes]) -> list[bytes] | None:
    """Times of 17 digits, None unless each is one of 14 or each one of 17."""
    sizes = set(map(len, texts))
    if sizes not in ({SECOND_DIGITS}, {MILLI_DIGITS}) or not b"".join(texts).isdigit():
        return None
    return texts if sizes == {MILLI_DIGITS} else [text + b"000" for text in texts]


def _values(columns: list[list[bytes]]) -> NDArray[np.float64] | None:
    """Numbers by row, None where one is none."""
    try:
        numbers = np.array([list(map(float, column)) for column in columns], np.float64)
    except ValueError:
        return None
    return None if np.isnan(numbers).any() else numbers.T


def _flags(columns: list[list[bytes]]) -> NDArray[np.uint8] | None:
    """Letters by row, None where a flag is no single letter."""
    if not all(map(_LETTERS.issuperset, columns)):
        return None
    letters = np.frombuffer(b"".join(map(b"".join, columns)), np.uint8)
    return letters.reshape(len(columns), -1).T
