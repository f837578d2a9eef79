"""What is known of an enterprise's units and alarms, as facts for its ledger."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.cases.gradings import Rulebooks
from wattwarden.alarms.episodes.corrections import Standing
from wattwarden.alarms.ledgers.alarmed import TOLD_VERBS, Alarmed, Deed
from wattwarden.alarms.ledgers.motions import KINDS, TOLD, Moved, Seen, before_redone, motions
from wattwarden.alarms.ledgers.reconcile import Fact
from wattwarden.alarms.registry.nouns import Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of

_US_PER_MS: Final = 1_000
_ALARMS: Final = (
    "SELECT a.id, a.rule, a.subject, a.began, a.raised, a.ended, a.explanation ->> 'zh' AS text,"
    " entered.body ->> 'grade' AS grade, entered.body ->> 'meaning' AS meaning,"
    " (SELECT min(e.at) FROM case_event AS e WHERE e.alarm = a.id AND e.told && $2::text[]) AS told"
    " FROM alarm AS a LEFT JOIN LATERAL (SELECT l.body FROM ledger AS l"
    " WHERE l.enterprise = a.enterprise AND l.source = 'alarm:' || a.id"
    " AND l.body ->> 'type' = 'alarm' ORDER BY l.number LIMIT 1) AS entered ON TRUE"
    " WHERE a.id = ANY($1) AND a.suppressed_by IS NULL ORDER BY a.id"
)


@dataclass(frozen=True, slots=True)
class Known:
    """What names and classes follow from: what there is, and the rules over time."""

    registry: Registry
    rules: Rulebooks


@dataclass(frozen=True, slots=True)
class Due:
    """What came of an enterprise since its ledger was last brought up to date.

    ``units`` and ``plans``: from when on each one's transitions, and days, are to be looked at;
    ``alarms``: which ones; ``before``: what stood of alarms before days were folded again (None:
    there was no alarm); ``again``: since when that may have changed days of plans.
    """

    moved: Sequence[Moved]
    units: Mapping[str, datetime]
    alarms: Collection[int]
    before: Mapping[int, Standing | None]
    plans: Mapping[str, datetime]
    again: datetime | None

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
    plans: dict[str, datetime] = {}
    gone = [row["at"] for row in rows if row["gone"]]
    for row in rows:
        if row["plan"] is not None:
            plans[row["plan"]] = min(plans.get(row["plan"], row["at"]), row["at"])
            continue
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
    return Due(moved, units, list(alarms), before, plans, min(gone, default=None))


async def motions_of(
    connection: Connection, unit: Unit, since: datetime, moved: Sequence[Moved] = ()
) -> list[Fact]:
    """Return a unit's starts and stops from a moment on.

    With ``moved``, as they were known before days were folded again.
    """
    kind = KINDS.get(unit.kind)
    if kind is None:
        return []
    series = await states_of(connection, unit, since, moved)
    return [
        Fact(kind, f"unit:{unit.id}", at, motion) for at, motion in motions(unit, series, since)
    ]


async def states_of(
    connection: Connection, unit: Unit, since: datetime, moved: Sequence[Moved] = ()
) -> list[Seen]:
    """Return a unit's states from the last one on that tells what it did before a moment.

    With ``moved``, as they were known before days were folded again.
    """
    rows = await connection.fetch(
        "SELECT at, state FROM unit_transition WHERE enterprise = $1 AND unit = $2 AND at >="
        " coalesce((SELECT max(at) FROM unit_transition WHERE enterprise = $1 AND unit = $2"
        " AND at < $3 AND state = ANY($4)), '-infinity') ORDER BY at",
        unit.enterprise,
        unit.id,
        since,
        sorted(TOLD),
    )
    return before_redone((Seen(**dict(row)) for row in rows), unit.id, moved)


async def alarms_of(
    connection: Connection, enterprise: str, numbers: Collection[int] | None, known: Known
) -> list[Alarmed]:
    """Return alarms (None: all of the enterprise) that people hear of, as they stand."""
    rows = await connection.fetch(
        "SELECT id FROM alarm WHERE enterprise = $1 AND ($2::bigint[] IS NULL OR id = ANY($2))"
        " AND NOT withdrawn",
        enterprise,
        None if numbers is None else list(numbers),
    )
    return await _alarmed(connection, [row["id"] for row in rows], known)


async def stood(
    connection: Connection, alarms: Iterable[Alarmed], due: Due, known: Known
) -> list[Alarmed]:
    """Return alarms as they stood before days were folded again."""
    kept = [one for one in alarms if one.id not in due.before]
    numbers = [number for number, before in due.before.items() if before is not None]
    for one in await _alarmed(connection, numbers, known):
        before = due.before[one.id]
        if before is not None:
            ended = None if before.ended is None else moment_of(before.ended * _US_PER_MS)
            raised = moment_of(before.raised * _US_PER_MS)
            kept.append(replace(one, raised=raised, ended=ended))
    return kept


async def _alarmed(connection: Connection, numbers: Collection[int], known: Known) -> list[Alarmed]:
    """Return alarms that are told to people, with what was done about them."""
    rows = await connection.fetch(_ALARMS, list(numbers), sorted(OFFICERS))
    deeds = await _deeds(connection, [row["id"] for row in rows])
    found = []
    for row in rows:
        rule = known.rules.at(row["raised"]).rules[row["rule"]]
        kind, _, identity = row["subject"].partition(":")
        record = getattr(known.registry, kind, {}).get(identity)
        said = dict(row) | {
            "name": str(getattr(record, "name", identity)),
            # What was said when it was entered: rules may have other classes and names by now.
            "grade": row["grade"] or rule.grade,
            "meaning": row["meaning"] or rule.zh,
        }
        found.append(Alarmed(**said, deeds=tuple(deeds[row["id"]])))
    return found


async def _deeds(connection: Connection, numbers: Collection[int]) -> defaultdict[int, list[Deed]]:
    """Return what firms did about alarms, oldest first."""
    rows = await connection.fetch(
        "SELECT (body ->> 'alarm')::bigint AS alarm, entered_at AS at, body ->> 'verb' AS verb,"
        " coalesce(body ->> 'cause', '') AS cause, coalesce(body ->> 'part', '') AS part,"
        " coalesce(body ->> 'reason', '') AS text FROM decision WHERE kind = 'action'"
        " AND body ->> 'alarm' = ANY($1) AND body ->> 'verb' = ANY($2) ORDER BY id",
        [str(number) for number in numbers],
        sorted(TOLD_VERBS),
    )
    found: defaultdict[int, list[Deed]] = defaultdict(list)
    for row in rows:
        values: dict[str, Any] = dict(row)
        found[values.pop("alarm")].append(Deed(**values))
    return found
