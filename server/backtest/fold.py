"""Stored days folded once more, by several rule files at once; nothing is written.

    kept states at the first day ─► rows of a day ─► fold by each rule file ─► next day …

What is known of clocks, the registry and people's decisions is as it is now; points and orders say
themselves when they hold.  What is judged by ticks (R0, R8, R21) is not folded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.decisions.slices import SLICES
from wattwarden.alarms.episodes.findings import Finding
from wattwarden.alarms.folding.again import Again
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.foldtime import DAY_MS, local_day
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.server.redo import read_day
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import decisions
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.warden.kept import KeptState, load_days, load_states
from wattwarden.storage.warden.steps import meter_ids

# A day of so many firms is 200,000 rows of one-minute meters and some 100 MB while it is folded.
FIRMS_AT_ONCE: Final = 16
LAST_STEP: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is to fold: enterprises with kept states, and by what they are folded."""

    registry: Registry
    bodies: Sequence[AnyBody]
    states: dict[str, KeptState]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, ms Unix."""

    since: int
    until: int

    @property
    def days(self) -> int:
        """How many days it touches, at most."""
        return (self.until - self.since) // DAY_MS + 2


async def stored(connection: Connection, enterprises: Sequence[str]) -> Stored:
    """Return what is stored of some enterprises, or of all when none is named."""
    registry = await load_registry(connection)
    wanted = registry.enterprise.keys() & (set(enterprises) or registry.enterprise.keys())
    states = await load_states(connection, range(SLICES))
    bodies = [one.body for one in await decisions(connection, 0, LAST_STEP)]
    return Stored(registry, bodies, {name: states[name] for name in wanted & states.keys()})


async def folded(
    connection: Connection,
    there: Stored,
    books: Sequence[Rules],
    window: Window,
    advance: Callable[[int], object],
) -> list[list[Finding]]:
    """Fold the local days of a window by each rule file; return each one's findings.

    Nothing comes back where nothing of the window was ever folded.

    ``advance`` is told the enterprises that are done.  An enterprise of which the state at the
    window's beginning is not kept begins with the first of its days that has one.
    """
    found: list[list[Finding]] = [[] for _ in books]
    empty = True
    names = sorted(there.states)
    for first in range(0, len(names), FIRMS_AT_ONCE):
        batch = _Batch(connection, there, books, names[first : first + FIRMS_AT_ONCE])
        for whole, more in zip(found, await batch.fold(window), strict=True):
            whole.extend(more)
        empty = empty and batch.empty
        advance(len(batch.names))
    return [] if empty else found


class _Batch:
    """Some enterprises, once for each rule file."""

    def __init__(
        self, connection: Connection, there: Stored, books: Sequence[Rules], names: Sequence[str]
    ) -> None:
        kept = {name: there.states[name].body for name in names}
        self.names = names
        self.empty = True
        self._cities = [City(there.registry, one, there.bodies, names, kept) for one in books]
        self._connection = connection
        self._ids: dict[str, int] = {}
        self._factors: Sequence[tuple[int, str, str]] = ()

    async def fold(self, window: Window) -> list[list[Finding]]:
        """Fold the window by each rule file."""
        self._ids = await meter_ids(self._connection, self._cities[0].meters)
        for city in self._cities:
            self._factors = city.number(self._ids)
        packs = await self._first_days(window)
        self.empty = not packs
        found: list[list[Finding]] = [[] for _ in self._cities]
        for groups in zip(*(city.groups for city in self._cities), strict=True):
            members = {firm.name for firm in groups[0].firms} & packs.keys()
            for day in sorted({packs[name][0] for name in members}):
                mine = {name: packs[name][1] for name in members if packs[name][0] == day}
                runs = [
                    Again(city, group, day, mine)
                    for city, group in zip(self._cities, groups, strict=True)
                ]
                await self._run(runs, window.until)
                for findings, again in zip(found, runs, strict=True):
                    findings.extend(one for done in again.done.values() for one in done.findings)
        return found

    async def _first_days(self, window: Window) -> dict[str, tuple[date, bytes]]:
        """Return, by enterprise, the first day from which it can be folded, and its state then."""
        found: dict[str, tuple[date, bytes]] = {}
        for number in range(window.days):
            at = window.since + number * DAY_MS
            days = {
                firm.name: local_day(at, firm.pace.zone)
                for firm in self._cities[0].firms
                if firm.name not in found
            }
            packs = await load_days(self._connection, list(days.items()))
            found |= {name: (day, body) for (name, day), body in packs.items()}
        return found

    async def _run(self, runs: Sequence[Again], until: int) -> None:
        """Fold day after day; every rule file has the same rows."""
        while runs[0].firms and runs[0].span()[0] < until:
            rows = await read_day(self._connection, runs[0], self._ids, self._factors, LAST_STEP)
            for again in runs:
                # Nothing that was kept stands for a day by these rules: all go on to the end.
                again.fold_day(rows, {})
