"""What is known of an enterprise's units and alarms, as facts for its ledger."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from wattwarden.alarms.episodes.corrections import Standing
from wattwarden.alarms.ledgers.alarmed import Alarmed
from wattwarden.alarms.ledgers.motions import KINDS, TOLD, Moved, Seen, before_redone, motions
from wattwarden.alarms.ledgers.reconcile import Fact
from wattwarden.alarms.registry.nouns import Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of

_US_PER_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Due:
    """What came of an enterprise since its ledger was last brought up to date.

    ``units``: from when on each one's transitions are to be looked at; ``alarms``: which ones;
    ``before``: what stood of alarms before days were folded again (None: there was no alarm).
    """

    moved: Sequence[Moved]
    units: Mapping[str, datetime]
    alarms: Collection[int]
    before: Mapping[int, Standing | None]

    @property
    def redone(self) -> bool:
        """Whether days were folded again."""
        return bool(self.before) or any(one.gone for one in self.moved)


async def load_due(connection: Connection, enterprise: str) -> Due:
    """Return what came of an enterprise, in the order in which it did."""
    rows = await connection.fetch(
        "SELECT * FROM ledger_due WHERE enterprise = $1 ORDER BY id", enterprise
    )
    moved: list[Moved] = []
    units: dict[str, datetime] = {}
    alarms: dict[int, None] = {}
    before: dict[int, Standing | None] = {}
    for row in rows:
        if row["unit"] is not None:
            unit, at = row["unit"], row["at"]
            moved.append(Moved(unit, Seen(at, row["state"]), row["gone"]))
            units[unit] = min(units.get(unit, at), at)
            continue
        alarms[row["alarm"]] = None
        if row["gone"]:
            text = row["before"]
            stood = None if text is None else msgspec.json.decode(text, type=Standing | None)
            before.setdefault(row["alarm"], stood)
    return Due(moved, units, list(alarms), before)


async def motions_of(
    connection: Connection, unit: Unit, since: datetime, moved: Sequence[Moved] = ()
) -> list[Fact]:
    """Return a unit's starts and stops from a moment on.

    With ``moved``, as they were known before days were folded again.
    """
    kind = KINDS.get(unit.kind)
    if kind is None:
        return []
    rows = await connection.fetch(
        "SELECT at, state FROM unit_transition WHERE enterprise = $1 AND unit = $2 AND at >="
        " coalesce((SELECT max(at) FROM unit_transition WHERE enterprise = $1 AND unit = $2"
        " AND at < $3 AND state = ANY($4)), '-infinity') ORDER BY at",
        unit.enterprise,
        unit.id,
        since,
        sorted(TOLD),
    )
    series = before_redone((Seen(**dict(row)) for row in rows), unit.id, moved)
    return [
        Fact(kind, f"unit:{unit.id}", at, motion) for at, motion in motions(unit, series, since)
    ]


async def alarms_of(
    connection: Connection, enterprise: str, numbers: Collection[int] | None, registry: Registry
) -> list[Alarmed]:
    """Return alarms (None: all of the enterprise) that people hear of, as they stand."""
    rows = await connection.fetch(
        "SELECT id, rule, subject, began, raised, ended, explanation ->> 'zh' AS text FROM alarm"
        " WHERE enterprise = $1 AND ($2::bigint[] IS NULL OR id = ANY($2)) AND NOT withdrawn"
        " AND suppressed_by IS NULL ORDER BY id",
        enterprise,
        None if numbers is None else list(numbers),
    )
    return [_alarmed(dict(row), registry) for row in rows]


async def stood(
    connection: Connection, alarms: Iterable[Alarmed], due: Due, registry: Registry
) -> list[Alarmed]:
    """Return alarms as they stood before days were folded again."""
    kept = [one for one in alarms if one.id not in due.before]
    rows = await connection.fetch(
        "SELECT id, rule, subject, began, raised, ended, explanation ->> 'zh' AS text FROM alarm"
        " WHERE id = ANY($1) AND suppressed_by IS NULL",
        [number for number, before in due.before.items() if before is not None],
    )
    for row in rows:
        before = due.before[row["id"]]
        if before is not None:
            moments = {"raised": _moment(before.raised), "ended": None}
            if before.ended is not None:
                moments["ended"] = _moment(before.ended)
            kept.append(_alarmed(dict(row) | moments, registry))
    return kept


def _alarmed(row: dict[str, Any], registry: Registry) -> Alarmed:
    """Name what an alarm is about as people do."""
    kind, _, identity = row["subject"].partition(":")
    record = getattr(registry, kind, {}).get(identity)
    return Alarmed(**row, name=str(getattr(record, "name", identity)))


def _moment(ms: int) -> datetime:
    return moment_of(ms * _US_PER_MS)
