"""By which version of its profile each frame was read.

    versions, when each was entered ─┐
    frames, read by each of them ────┼─► versions, from which entry of the journal on each holds
    rows that are stored ────────────┘

Nothing records it: a writer reads by the newest version that it knows, which it may learn of a
minute late, and what it reads may have waited in the journal for hours.  So the rows tell, and the
moment at which a version was entered where they would be the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.profiles import RELOAD_INTERVAL_S
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.documents import ProfileRecord
from wattwarden.storage.proof.frames import Sent
from wattwarden.storage.proof.said import (
    Columns,
    FactorRow,
    Part,
    Said,
    columns_of,
    factor_rows,
    prepared_parts,
)
from wattwarden.storage.proof.terms import reading_terms
from wattwarden.storage.rows.ingest import BoundBlock
from wattwarden.storage.rows.tables import READING

# So long after a version was entered a writer may still have read by the one before.
_LATE_US: Final = 2_000_000 * int(RELOAD_INTERVAL_S)

Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is to tell versions by: frames, and rows stored of a time (microseconds UTC).

    ``terms`` has the bounds of clocks; its profiles are not looked at.
    """

    sent: Sequence[Sent]
    said: Mapping[str, Said]
    rows: tuple[int, int]
    terms: docs.Terms


def held(records: Sequence[ProfileRecord], shelf: Shelf) -> list[ProfileRecord]:
    """Return the versions by which frames were read, each with the moment since when.

    Args:
        records: Every version of each meter and sender, ``since`` when it was entered.
        shelf: What tells them apart.

    Raises:
        ValueError: There is no codec of that name.
    """
    found = {name: _near(mine, shelf.sent) for name, mine in _by_name(records)}
    for (codec, address), mine in found.items():
        # Before a meter's first version there is none: whatever it was entered after.
        if len(mine) > 1 or any(one.since for one in mine):
            others = [
                one for name, some in found.items() if name != (codec, address) for one in some
            ]
            found[codec, address] = _told_apart(mine, others, shelf)
    return [one for mine in found.values() for one in mine]


def _by_name(
    records: Sequence[ProfileRecord],
) -> Iterator[tuple[tuple[str, str], list[ProfileRecord]]]:
    ordered = sorted(records, key=lambda one: (one.codec, one.address, one.version))
    for name, mine in groupby(ordered, key=lambda one: (one.codec, one.address)):
        yield name, list(mine)


def _near(versions: Sequence[ProfileRecord], sent: Sequence[Sent]) -> list[ProfileRecord]:
    """Those that may have been in force while frames came; of alike neighbours the first."""
    codec = versions[0].codec
    times = [one.blocks.stored_at[0] for one in sent if one.codec == codec and len(one.blocks)]
    if not times:
        return [msgspec.structs.replace(versions[-1], since=0)]
    first = min(times) - _LATE_US
    before = [one for one in versions if one.since <= first][-1:]
    mine = [msgspec.structs.replace(one, since=0) for one in before]
    for one in versions:
        if one.since > first and not (mine and _alike(mine[-1], one)):
            mine.append(one)
    return mine


def _alike(one: ProfileRecord, other: ProfileRecord) -> bool:
    return (one.body, one.has_key) == (other.body, other.has_key)


def _told_apart(
    mine: Sequence[ProfileRecord], others: Sequence[ProfileRecord], shelf: Shelf
) -> list[ProfileRecord]:
    """Find from which frame on each version was read by; those by which none was are left out."""
    codec, address = mine[0].codec, mine[0].address
    senders = [one for one in shelf.sent if one.codec == codec]
    own = [one for one in senders if one.identity == address]
    # None: before the first one was entered.
    versions = [None, *mine] if mine[0].since else list(mine)
    stored_at: NDArray[np.int64] = np.empty(0, np.int64)
    matched, wrong = [], []
    for one in versions:
        profiles = [*others, *([] if one is None else [msgspec.structs.replace(one, since=0)])]
        terms = reading_terms(
            msgspec.structs.replace(shelf.terms, profiles=profiles), own or senders
        )
        for _, parts in prepared_parts(own or senders, terms):
            stored_at = np.concatenate([np.empty(0, np.int64), *(moments for _, moments in parts)])
            tally = _Tally(address, len(stored_at))
            tally.take(codec, parts, shelf)
            matched.append(tally.matched)
            wrong.append(tally.wrong)
    sound = np.array(wrong) == 0
    most = np.where(sound, np.array(matched), -1).max(axis=0)
    fits = sound & (np.array(matched) == most)
    since = reigns(stored_at, fits, [0 if one is None else one.since for one in versions])
    return [
        msgspec.structs.replace(one, since=begins)
        for one, begins in zip(versions, since, strict=True)
        if one is not None and begins is not None
    ]


def reigns(stored_at: NDArray[np.int64], fits: Flags, entered: Sequence[int]) -> list[int | None]:
    """Return from when on each version holds, None for those that never do.

    A version gives way to the next once that one was entered, unless the frame says otherwise; and
    before or after that moment where the frame fits only another.

    Args:
        stored_at: When the journal stored each frame, int64[n], microseconds UTC.
        fits: Whether a version reads a frame as it is stored, bool[versions, n].
        entered: When each version was entered, microseconds UTC.
    """
    since: list[int | None] = [0, *[None] * (len(entered) - 1)]
    now, last = 0, len(entered) - 1
    for place, at in enumerate(stored_at.tolist()):
        if now == last:
            break
        good = fits[:, place]
        later = [k for k in range(now + 1, last + 1) if good[k]]
        due = [k for k in later if entered[k] <= at]
        if due:
            now = due[-1]
        elif later and not good[now]:
            now = later[0]
        else:
            continue
        since[now] = at
    return since


@dataclass(slots=True)
class _Tally:
    """How many of each frame's rows are stored as it says, and how many are not."""

    address: str
    frames: int
    matched: NDArray[np.int64] = field(init=False)
    wrong: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.matched, self.wrong = np.zeros((2, self.frames), np.int64)

    def take(self, codec: str, parts: Sequence[Part], shelf: Shelf) -> None:
        """Hold what the meter said, or others behind its connection, against what is stored."""
        base = 0
        for prepared, stored_at in parts:
            batch = prepared.gathered.batch
            through = np.array([one == self.address for one in batch.identities], np.bool_)
            for block in prepared.blocks:
                for place, name in enumerate(block.addresses):
                    stored = shelf.said.get(f"{codec}:{name}")
                    if stored is None:
                        continue
                    mine = block.rows.meter == place
                    if name != self.address:
                        mine &= through[batch.session[block.rows.order]]
                    bound = replace(block, rows=block.rows.take(mine))
                    self._add(bound, _holds(bound, stored), base, shelf.rows)
            base += len(stored_at)

    def _add(self, block: BoundBlock, holds: Flags, base: int, rows: tuple[int, int]) -> None:
        shown = (block.rows.at >= rows[0]) & (block.rows.at < rows[1])
        frames = block.rows.order.astype(np.int64) + base
        np.add.at(self.matched, frames[shown & holds], 1)
        np.add.at(self.wrong, frames[shown & ~holds], 1)


def _holds(block: BoundBlock, stored: Said) -> Flags:
    """Tell of each row whether it is stored, perhaps with what other frames say besides."""
    if block.table is READING:
        return _readings_hold(columns_of(block), stored.readings)
    known = {(row.at, row.channel, row.period, row.codes): row for row in stored.factors}
    return np.array(
        [
            _factor_holds(row, known.get((row.at, row.channel, row.period, row.codes)))
            for row in factor_rows(block)
        ],
        np.bool_,
    )


def _readings_hold(rows: Columns, stored: Columns) -> Flags:
    known = {key: place for place, key in enumerate(_keys(stored))}
    places = np.array([known.get(key, -1) for key in _keys(rows)], np.int64)
    holds = places >= 0
    if not holds.any():
        return holds
    whole = holds & (stored["received_at"][places] == rows["received_at"])
    # Whoever came later was stored before only if he completed a row.
    holds &= stored["received_at"][places] <= rows["received_at"]
    for name, one in QUANTITIES.items():
        own, theirs = rows[name], stored[name][places]
        missing, blank = (
            values == MISSING if one.exact else np.isnan(values) for values in (own, theirs)
        )
        holds &= missing | (own == theirs)
        whole &= (own == theirs) | (missing & blank)
    more = rows["quality"] & ~stored["quality"][places]
    same: Flags = rows["quality"] == stored["quality"][places]
    held_so: Flags = holds & np.where(whole, same, more == 0)
    return held_so


def _keys(columns: Columns) -> Iterator[tuple[Any, ...]]:
    return zip(*(columns[name].tolist() for name in ("at", "channel", "period")), strict=True)


def _factor_holds(row: FactorRow, stored: FactorRow | None) -> bool:
    if stored is None or stored.received_at > row.received_at:
        return False
    says = all(
        own in (None, kept) for own, kept in zip(row.amounts, stored.amounts, strict=True)
    ) and all(own in (" ", kept) for own, kept in zip(row.flags, stored.flags, strict=True))
    if (row.received_at, row.amounts, row.flags) == (
        stored.received_at, stored.amounts, stored.flags,
    ):  # fmt: skip
        return row.quality == stored.quality
    return says and not row.quality & ~stored.quality
