"""Starts and stops of a unit, from its published states.

    running ── off, no power ──► stop        offline, declared, never heard of: hidden, no motion
    off     ── any run state ──► start       until it is seen again; a motion in between says so

What is seen first, when it runs, is a start that was hidden.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.ledgers.contents import Motion
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry.nouns import Unit, UnitKind
from wattwarden.alarms.states.codes import RUN_STATES, UnitState

RUN: Final = frozenset(state.name.lower() for state in RUN_STATES)
STOPPED: Final = frozenset({UnitState.OFF.name.lower(), UnitState.NO_POWER.name.lower()})
# What a unit does is told by these.
TOLD: Final = RUN | STOPPED
NEVER: Final = UnitState.NEVER.name.lower()
KINDS: Final = {
    UnitKind.PRODUCTION: LedgerKind.PRODUCTION,
    UnitKind.BOTH: LedgerKind.PRODUCTION,
    UnitKind.TREATMENT: LedgerKind.TREATMENT,
}
"""The ledger of each kind of unit; what only shows that somebody works has none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """From ``at`` on a unit was in ``state``."""

    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A row of the table of transitions that came (or, ``gone``, went), in the order of these."""

    unit: str
    seen: Seen
    gone: bool


def motions(
    unit: Unit, series: Iterable[Seen], since: datetime
) -> Iterator[tuple[datetime, Motion]]:
    """Yield a unit's starts and stops from ``since`` on.

    Args:
        unit: Whose.
        series: Its states in order of time; before ``since`` the last one that tells, and what
            followed it.
        since: From when on.
    """
    running: bool | None = None
    hidden: Seen | None = None
    for seen in series:
        if seen.state not in TOLD:
            hidden = hidden or seen
            continue
        now = seen.state in RUN
        first = running is None
        if (now if first else now != running) and seen.at >= since:
            state = NEVER if first and hidden is None else "" if hidden is None else hidden.state
            yield (
                seen.at,
                Motion(
                    name=unit.name,
                    unit=unit.id,
                    kind=unit.kind,
                    running=now,
                    hidden=state,
                    hidden_since=None if hidden is None else hidden.at,
                ),
            )
        running, hidden = now, None


def before_redone(series: Iterable[Seen], unit: str, moved: Sequence[Moved]) -> list[Seen]:
    """Return a unit's states as they were before days were folded again.

    ``moved`` is all that came and went since ledgers were last brought up to date: what came before
    the first row of any unit went was found in its time, the rest when a day was folded again.
    """
    states = {seen.at: seen.state for seen in series}
    first = next((place for place, one in enumerate(moved) if one.gone), len(moved))
    for one in reversed(moved[first:]):
        if one.unit != unit:
            continue
        if one.gone:
            states[one.seen.at] = one.seen.state
        else:
            states.pop(one.seen.at, None)
    return [Seen(at, state) for at, state in sorted(states.items())]
