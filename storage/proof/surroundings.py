"""What stands around an alarm: its case, the registry and rules, decisions, notices, profiles."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.kinds import FOLDED_KINDS
from wattwarden.alarms.episodes.findings import Explanation
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof.build import Rulebook
from wattwarden.storage.proof.documents import DecisionRecord, Episode, ProfileRecord
from wattwarden.storage.registry.records import load_some
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.system_time import system_now
from wattwarden.storage.warden.listing import Correction, ListedAlarm

LAST_STEP: Final = 2**31 - 1

_RULES: Final = RuleSet.kind_name
# What changed in the registry shows in the records themselves, and names other firms' besides.
_SHOWN_KINDS: Final = sorted(FOLDED_KINDS - {_RULES, "registry"})
# What frames are read by; how a meter is let in is nobody else's business.
_READ_BY: Final = ("zone", "cycle_s", "options", "clock", "listener")
_NOTICES: Final = (
    "SELECT o.id, o.at, o.why, o.level, o.recipient, o.reason, o.endpoint, o.title, o.body,"
    " o.state, o.started, o.ended, o.outcome, o.provider_id, coalesce((SELECT json_agg("
    "json_build_object('number', a.number, 'started', a.started, 'ended', a.ended,"
    " 'outcome', a.outcome, 'reason', a.reason, 'provider_id', a.provider_id)"
    " ORDER BY a.started) FROM attempt AS a WHERE a.outbox = coalesce(o.head, o.id)), '[]')"
    "::text AS attempts FROM outbox AS o WHERE o.alarm = $1 ORDER BY o.id"
)
_EVENTS: Final = "SELECT at, why, level, told FROM case_event WHERE alarm = $1 ORDER BY at, why"


async def load_episode(
    connection: Connection, alarm: ListedAlarm, corrections: Sequence[Correction]
) -> Episode:
    """Return an alarm as a package shows it, with how its case stands.

    Raises:
        StorageError: The database is away.
    """
    now = await system_now(connection)
    case = await load_case(connection, alarm.id, now=now)
    firms = await load_some(connection, Enterprise, [alarm.enterprise])
    with errors("reading how an alarm was found"):
        found_in = await connection.fetchval("SELECT found_in FROM alarm WHERE id = $1", alarm.id)
        events = await connection.fetch(_EVENTS, alarm.id)
    stands: dict[str, Any] = {"told": [_row(dict(row)) for row in events]}
    if case is not None:
        stands |= {
            "state": case.state.value,
            "level": int(case.level),
            "grade": case.episode.grade,
            "deadline": case.deadline,
            "as_of": now,
        }
    return Episode(
        id=alarm.id,
        rule=alarm.rule,
        subject=alarm.subject,
        kind=alarm.kind,
        enterprise=alarm.enterprise,
        enterprise_name=next((firm.name for firm in firms), alarm.enterprise),
        line=alarm.line,
        began=us_of(alarm.began) // 1_000,
        raised=us_of(alarm.raised) // 1_000,
        ended=None if alarm.ended is None else us_of(alarm.ended) // 1_000,
        grade_up=alarm.grade_up,
        version=alarm.version,
        explanation=msgspec.convert(alarm.explanation, Explanation),
        found_in=found_in,
        found_late=alarm.found_late,
        withdrawn=alarm.withdrawn,
        case=msgspec.to_builtins(stands),
        corrections=[
            {"step": one.step, "before": one.before, "after": one.after} for one in corrections
        ],
    )


async def load_step(connection: Connection, alarm: ListedAlarm) -> int:
    """Return up to which step decisions counted when an alarm was raised.

    Raises:
        StorageError: The database is away.
    """
    if alarm.found_late:
        return LAST_STEP
    with errors("looking for the step of an alarm"):
        step = await connection.fetchval(
            "SELECT min(number) FROM tick WHERE second >= $1", us_of(alarm.raised) // 1_000_000
        )
    return LAST_STEP if step is None else int(step)


async def load_rulebook(connection: Connection, enterprise: str, step: int) -> Rulebook:
    """Return the records of an enterprise and the rules, as a fold of a step sees them.

    Raises:
        StorageError: The database is away.
    """
    registry = of_enterprise(await load_registry(connection, step), enterprise)
    with errors("reading the rules of then"):
        text = await connection.fetchval(
            "SELECT body ->> 'text' FROM decision WHERE kind = $1 AND step <= $2"
            " ORDER BY step DESC, id DESC LIMIT 1",
            _RULES,
            step,
        )
    return Rulebook(registry, text or default_text())


def of_enterprise(registry: Registry, enterprise: str) -> Registry:
    """Return what of the registry a fold of one enterprise looks at."""
    own = Registry()
    if enterprise in registry.enterprise:
        own.put("enterprise", registry.enterprise[enterprise])
    for kind in ("line", "unit", "standby", "outlet"):
        for record in getattr(registry, kind).values():
            if record.enterprise == enterprise:
                own.put(kind, record)
    for link in registry.link.values():
        if link.unit in own.unit and link.line in own.line:
            own.put("link", link)
    for point in registry.point.values():
        if point.unit in own.unit or point.outlet in own.outlet:
            own.put("point", point)
    return own


async def load_decisions(
    connection: Connection, alarm: ListedAlarm, rules: Collection[str]
) -> list[DecisionRecord]:
    """Return the decisions that were folded for an alarm's enterprise, and those on the alarm.

    ``rules`` are the rule files of which the decision is shown as well.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading decisions"):
        rows = await connection.fetch(
            "SELECT id, kind, actor, entered_at, effective_at, enterprise, step, body,"
            " predecessor, digest FROM decision"
            " WHERE kind = ANY($1) AND (enterprise = $2 OR enterprise IS NULL)"
            " OR kind = 'action' AND body ->> 'alarm' = $3"
            " OR kind = $4 AND body ->> 'text' = ANY($5) ORDER BY id",
            _SHOWN_KINDS,
            alarm.enterprise,
            str(alarm.id),
            _RULES,
            list(rules),
        )
    return [
        DecisionRecord(
            row["id"],
            row["kind"],
            row["actor"],
            row["entered_at"],
            row["effective_at"],
            row["enterprise"],
            row["step"],
            msgspec.json.decode(row["body"]),
            row["predecessor"].hex(),
            row["digest"].hex(),
        )
        for row in rows
    ]


async def load_notices(connection: Connection, alarm: int) -> list[dict[str, Any]]:
    """Return who was sent what about an alarm, and when, with every attempt.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading notices"):
        rows = await connection.fetch(_NOTICES, alarm)
    return [{**_row(dict(row)), "attempts": msgspec.json.decode(row["attempts"])} for row in rows]


async def load_profile_records(
    connection: Connection, names: Collection[str], at: datetime
) -> list[ProfileRecord]:
    """Return the profiles of meters and other senders (``codec:address``) in force at a moment.

    Of one that was configured later only, it is the first: what waited was read by that.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading profiles"):
        rows = await connection.fetch(
            "SELECT DISTINCT ON (p.meter) m.codec, m.address, p.version, p.body"
            " FROM meter_profile AS p JOIN meter AS m ON m.id = p.meter"
            " WHERE m.codec || ':' || m.address = ANY($1) ORDER BY p.meter,"
            " p.entered_at <= $2 DESC,"
            " CASE WHEN p.entered_at <= $2 THEN -p.version ELSE p.version END",
            sorted(names),
            at,
        )
    found = []
    for row in rows:
        body = msgspec.json.decode(row["body"], type=dict[str, Any])
        shown: dict[str, Any] = {name: body[name] for name in _READ_BY if name in body}
        if "options" in shown:
            options = shown["options"].items()
            shown["options"] = {name: said for name, said in options if "password" not in name}
        has_key = body.get("key") is not None
        found.append(ProfileRecord(row["codec"], row["address"], row["version"], has_key, shown))
    return sorted(found, key=lambda one: (one.codec, one.address))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(row)
    return plain
