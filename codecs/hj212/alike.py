"""Uploads that carry the same names, read together: one split for all, a column for each value.

    segments ─ most headers ─► by how many names, and the first ─► Plan ─► a table of rows
                 │                                      └ by halves where they are not alike
                 └ the rest, and what no table takes: one by one, in ``uploads``

A logger sends the same names day after day, and a city has few makes of them.  What stands here is
faster and says nothing else: whatever it is in doubt about, it leaves.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
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

# An integer: floats keep their sign.
_MINUS_ZERO: Final = re.compile(rb"-0[^.eE]")
_numbers: Final = msgspec.json.Decoder(list[list[float]])

Key = tuple[str, bool, int, bytes]
"""What frames that may be alike have in common: period, late or not, how many names, the first."""


Span = tuple[int, int, int]
"""A frame by its index, and where in the batch its segment begins and ends."""

_Candidate = tuple[int, str, bytes]
"""A frame that may be like others: its index, address and data."""


class _Table(NamedTuple):
    """What n frames say: times as digits, values float64[n, k] and flags uint8[n, k]."""

    plan: Plan
    times: list[bytes]
    values: NDArray[np.float64]
    flags: NDArray[np.uint8]


def take_alike(
    batch: Batch, spans: Sequence[Span], history: frozenset[int], rows: Rows
) -> list[int]:
    """Add the rows of frames, by where their plain segments stand, that can be read together.

    ``history`` are the frames that answer a request for it.  Returns the indices of those left.
    """
    data = batch.data
    marks = [data.find(CP_BEGIN, start, end) for _, start, end in spans]
    heads = [
        data[start : max(start, mark)] for (_, start, _), mark in zip(spans, marks, strict=True)
    ]
    facts = list(map(facts_of, numbers_and_rests(heads)[1]))
    addresses = {one.address or "" for one in facts}
    guarded = {one for one in addresses if batch.profile_of(one).access is not OPEN}
    groups: defaultdict[Key, list[_Candidate]] = defaultdict(list)
    left: list[int] = []
    for (index, _, end), mark, one in zip(spans, marks, facts, strict=True):
        address = one.address or ""
        begin, behind = mark + len(CP_BEGIN), end - len(CP_END)
        if (
            not one.is_usual
            or address in guarded
            or begin > behind
            or data[behind:end] != CP_END
            or (one.may_be_sealed and begins_sealed(data[begin:end]))
        ):
            left.append(index)
            continue
        text = data[begin:behind].rstrip(b";,")
        is_late = one.repeated or index in history
        key = (one.command.period, is_late, text.count(b"="), text[_FIRST_CODE])
        groups[key].append((index, address, text))
    for (period, is_late, _, _), group in groups.items():
        left += _take(group, period, _BACKFILL if is_late else 0, rows)
    return sorted(left)


def _take(group: list[_Candidate], period: str, quality: int, rows: Rows) -> list[int]:
    """Add the rows of those that are alike; return the others."""
    if len(group) < LEAST_ALIKE:
        return [frame for frame, _, _ in group]
    frames, addresses, texts = zip(*group, strict=True)
    table = _table_of(texts)
    if table is None:
        middle = len(group) // 2
        return [
            *_take(group[:middle], period, quality, rows),
            *_take(group[middle:], period, quality, rows),
        ]
    kind = (table.plan.shape, period, "")
    origins = (frames, rows.meters(addresses), quality)
    rows.add_many(kind, origins, table.times, table.values, table.flags)
    return []


def _table_of(texts: Sequence[bytes]) -> _Table | None:
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
        numbers = np.array(_floats(columns), np.float64)
    except ValueError:
        return None
    return None if np.isnan(numbers).any() else numbers.T


def _floats(columns: list[list[bytes]]) -> list[list[float]]:
    """Numbers by column.  Raises ValueError where one is none."""
    # Nearly all are JSON's numbers too, which are read in a fifth of the time; of these -0 alone
    # would come out otherwise.
    text = b"[[" + b"],[".join(map(b",".join, columns)) + b"]]"
    if _MINUS_ZERO.search(text) is None:
        with suppress(msgspec.DecodeError):
            found = _numbers.decode(text)
            if list(map(len, found)) == list(map(len, columns)):
                return found
    return [list(map(float, column)) for column in columns]


def _flags(columns: list[list[bytes]]) -> NDArray[np.uint8] | None:
    """Letters by row, None where a flag is no single letter."""
    if not all(map(_LETTERS.issuperset, columns)):
        return None
    letters = np.frombuffer(b"".join(map(b"".join, columns)), np.uint8)
    return letters.reshape(len(columns), -1).T
