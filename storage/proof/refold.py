"""An episode found again: the fold over readings, from the state at the beginning of its day.

    state at midnight ─ readings, registry, rules and decisions ─ fold, day by day ─► episodes

It is the fold by which the warden found it, with nothing around it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

import msgspec
import numpy as np

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Finding,
    Graded,
    Key,
    Raised,
    Returned,
)
from wattwarden.alarms.folding.again import Again
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.foldtime import Watch, arrive
from wattwarden.alarms.folding.stamped import Rows, arrivals
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.storage.proof.fold_rows import fold_rows
from wattwarden.storage.proof.said import Said

# Rows ahead of their receipt by less than this are found where they count.
AHEAD_SLACK_MS: Final = 600_000
US_PER_MS: Final = 1_000
# As long as states at the beginning of days are kept.
MAX_DAYS: Final = 62


class Clocks(Enum):
    """By which knowledge of the meters' clocks readings count."""

    FOLLOWED = "as each was measured when the reading came"
    KNOWN = "as all are known now, as for days that are folded again"


@dataclass(frozen=True, slots=True)
class Basis:
    """By what is judged: registry, rules and what people decided; of one enterprise."""

    enterprise: str
    registry: Registry
    rules: Rules
    bodies: Sequence[AnyBody]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at the beginning of a local day, and all that was remembered at the end."""

    day: date
    state: bytes
    kept: bytes


class Refold:
    """The fold over one enterprise's days."""

    def __init__(self, basis: Basis, snapshot: Snapshot) -> None:
        """Take up the snapshot.

        Raises:
            ValueError: It is damaged, or fits nothing of the registry.
        """
        name = basis.enterprise
        self._city = City(basis.registry, basis.rules, basis.bodies, [name], {name: snapshot.kept})
        self._name = name
        self._ids = {meter: number for number, meter in enumerate(self._city.meters, 1)}
        self._wanted = self._city.number(self._ids)
        self._again = Again(self._city, self._city.groups[0], snapshot.day, {name: snapshot.state})

    @property
    def meters(self) -> Sequence[str]:
        """The enterprise's meters."""
        return self._city.meters

    @property
    def since(self) -> int:
        """From when on is folded, ms of fold time."""
        return self._again.done[self._name].since

    @property
    def now(self) -> int:
        """Up to when was folded when the snapshot was kept, ms."""
        (firm,) = self._city.firms
        return self._city.next_slot(firm) * firm.pace.slot_s * 1_000

    def bounds(self, until: int) -> tuple[int, int]:
        """Return of which stretch of the meters' own time (µs) rows are needed up to a moment."""
        (firm,) = self._city.firms
        skews = [0, *firm.watch.skew]
        return (
            (self.since + min(skews)) * US_PER_MS,
            (until + max(skews) + AHEAD_SLACK_MS) * US_PER_MS,
        )

    def fold(self, said: Mapping[str, Said], until: int, clocks: Clocks) -> dict[Key, Alarm]:
        """Fold the days that begin before a moment (ms); return the episodes as they ended.

        Once: what is folded is not folded again.

        Raises:
            ValueError: That is more than MAX_DAYS days.
        """
        rows = fold_rows(said, self._ids, self._wanted)
        if clocks is Clocks.FOLLOWED:
            rows = self._followed(rows)
        days = 0
        while self._again.firms and self._again.span()[0] < until:
            days += 1
            if days > MAX_DAYS + 1:
                message = f"more than MAX_DAYS, {MAX_DAYS}, are to be folded"
                raise ValueError(message)
            self._again.fold_day(self._of_day(rows), {})
        return episodes(self._again.done[self._name].findings)

    def _of_day(self, rows: Rows) -> Rows:
        """The rows of the day that is next, of each meter where its clock is."""
        (firm,) = self._city.firms
        since, until = self._again.span()
        skews = np.zeros(len(self._ids) + 1, np.int64)
        for meter, skew in zip(firm.meters, firm.watch.skew, strict=True):
            skews[self._ids[meter]] = skew
        parts = []
        for columns in (rows.readings, rows.factors):
            off = np.where(columns["stands"], 0, skews[columns["meter"]])
            at = columns["at"] // US_PER_MS - off
            chosen = (at >= since) & (at < until + AHEAD_SLACK_MS)
            parts.append({name: values[chosen] for name, values in columns.items()})
        return Rows(*parts)

    def _followed(self, rows: Rows) -> Rows:
        """The same rows at the times at which they counted when they came."""
        (firm,) = self._city.firms
        placed = [self._city.placed(columns) for columns in (rows.readings, rows.factors)]
        both = {
            name: np.concatenate([columns[name] for columns in placed])
            for name in ("place", "at", "received_at", "marked", "stands")
        }
        # Ticks come once a second.
        both["step"] = both["received_at"] // (1_000 * US_PER_MS)
        came = arrivals(both, np.arange(len(both["at"])))
        fold_at = arrive(Watch().of(firm.meters), firm.pace, came).fold_at * US_PER_MS
        cut = len(placed[0]["at"])
        return Rows(
            *(
                {**columns, "at": times, "stands": np.ones(len(times), np.bool_)}
                for columns, times in zip(placed, (fold_at[:cut], fold_at[cut:]), strict=True)
            )
        )


def episodes(findings: Sequence[Finding]) -> dict[Key, Alarm]:
    """Return the episodes that were raised, as they ended."""
    found = {one.alarm.key: one.alarm for one in findings if isinstance(one, Raised)}
    for one in findings:
        if isinstance(one, Ended | Returned) and one.key in found:
            ended = one.ended if isinstance(one, Ended) else None
            found[one.key] = msgspec.structs.replace(found[one.key], ended=ended)
        elif isinstance(one, Graded) and one.key in found:
            found[one.key] = msgspec.structs.replace(found[one.key], grade_up=one.up)
    return found
