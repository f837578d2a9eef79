"""What people ask of the warden: alarms, one with its explanation, what units do now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from wattwarden.storage.database import Connection, errors


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


async def units_now(connection: Connection, enterprise: str | None) -> list[UnitNow]:
    """Return the present state of each unit that was ever heard of, of one enterprise or all.

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
    return [UnitNow(**dict(row)) for row in rows]


def _alarm(row: asyncpg.Record) -> ListedAlarm:
    values: dict[str, Any] = dict(row)
    del values["found_in"]
    for name in ("explanation", "suppressed_by"):
        values[name] = _json(values[name])
    return ListedAlarm(**values)


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
