"""What people ask of the warden: alarms, one with its explanation, what units do now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.states.codes import UnitState
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.warden.running import heard_until

_OFFLINE: Final = UnitState.OFFLINE.name.lower()
# Silence says nothing new of these: it is known already, or excused.
# What a bigint holds beside its sign; no alarm has a greater number.
_NUMBER_BITS: Final = 63
_HOLDING: Final = frozenset(
    state.name.lower() for state in (UnitState.OFFLINE, UnitState.NEVER, UnitState.DECLARED)
)


@dataclass(frozen=True, slots=True)
class ListedAlarm:
    """An alarm as it stands.  ``explanation`` is as the rule wrote it."""

    id: int
    rule: str
    subject: str
    kind: str
    enterprise: str
    line: str
    began: datetime
    raised: datetime
    ended: datetime | None
    grade_up: int
    # Since when it counts those levels more; None: since the raise.
    graded: datetime | None
    version: str
    explanation: dict[str, Any]
    suppressed_by: dict[str, Any] | None
    found_late: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Correction:
    """What late rows changed in an alarm; None for what there was not."""

    step: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class UnitNow:
    """What a unit does, and since when."""

    enterprise: str
    unit: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which alarms: all conditions that are given."""

    open_only: bool = False
    enterprise: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_alarms(connection: Connection, chosen: Chosen, most: int) -> list[ListedAlarm]:
    """Return alarms, the latest first; those that late rows took back are left out.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing alarms"):
        rows = await connection.fetch(
            "SELECT * FROM alarm WHERE NOT withdrawn AND (NOT $1 OR ended IS NULL)"
            " AND ($2::text IS NULL OR enterprise = $2)"
            " AND ($3::timestamptz IS NULL OR raised >= $3)"
            " AND ($4::timestamptz IS NULL OR raised < $4) ORDER BY raised DESC, id DESC LIMIT $5",
            chosen.open_only,
            chosen.enterprise,
            chosen.since,
            chosen.until,
            most,
        )
    return [_alarm(row) for row in rows]


async def find_alarm(
    connection: Connection, number: int
) -> tuple[ListedAlarm, Sequence[Correction]] | None:
    """Return an alarm with what late rows changed in it; None when there is none.

    Raises:
        StorageError: The database is away.
    """
    if number.bit_length() > _NUMBER_BITS:
        return None
    with errors(f"reading alarm {number}"):
        row = await connection.fetchrow("SELECT * FROM alarm WHERE id = $1", number)
        if row is None:
            return None
        rows = await connection.fetch(
            "SELECT step, before, after FROM correction WHERE alarm = $1 ORDER BY id", number
        )
    corrections = [
        Correction(one["step"], _json(one["before"]), _json(one["after"])) for one in rows
    ]
    return _alarm(row), corrections


async def find_alarms(connection: Connection, numbers: Collection[int]) -> dict[int, ListedAlarm]:
    """Return alarms by their numbers.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading alarms"):
        rows = await connection.fetch("SELECT * FROM alarm WHERE id = ANY($1)", list(numbers))
    return {row["id"]: _alarm(row) for row in rows}


async def units_now(connection: Connection, enterprise: str | None, now: datetime) -> list[UnitNow]:
    """Return the present state of each unit that was ever heard of, of one enterprise or all.

    Where nobody of a firm is heard, nothing publishes that its units are offline: two cycles after
    its last reading a unit is, as in what run times are counted from.

    Args:
        connection: To the store.
        enterprise: Whose; None for all.
        now: What time it is for the system.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading the states of units"):
        rows = await connection.fetch(
            "SELECT DISTINCT ON (enterprise, unit) enterprise, unit, state, at AS since"
            " FROM unit_transition WHERE $1::text IS NULL OR enterprise = $1"
            " ORDER BY enterprise, unit, at DESC",
            enterprise,
        )
    units = [UnitNow(**dict(row)) for row in rows]
    told = {unit.unit for unit in units if unit.state not in _HOLDING}
    points = [one for one in await load_kind(connection, Point) if one.unit in told]
    heard = await heard_until(connection, points, now)
    return [_as_heard(unit, heard.get(unit.unit), now) for unit in units]


def _as_heard(unit: UnitNow, heard: datetime | None, now: datetime) -> UnitNow:
    """Return what a unit does, offline where it was not heard for too long."""
    if unit.state in _HOLDING or (heard is not None and heard >= now):
        return unit
    since = unit.since if heard is None else max(unit.since, heard)
    return replace(unit, state=_OFFLINE, since=since)


def _alarm(row: asyncpg.Record) -> ListedAlarm:
    values: dict[str, Any] = dict(row)
    del values["found_in"]
    for name in ("explanation", "suppressed_by"):
        values[name] = _json(values[name])
    return ListedAlarm(**values)


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
