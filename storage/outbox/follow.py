"""Notices after each pass: what fell due is routed, in the transaction that made it fall due.

case_event ─► notice_due ─► route ─► outbox ─► NOTIFY

A pass in which nothing falls due costs one look at an empty table.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import asyncpg
import msgspec
import orjson

from wattwarden.alarms.cases.case import Level, State
from wattwarden.alarms.cases.gradings import Rulebooks
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.channels.facts import Facts
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.registry.nouns import Line, Role, Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.routing.matter import Occasion, facts_of
from wattwarden.alarms.routing.people import Scene
from wattwarden.alarms.routing.route import Event, Heard, Outcome, Push, hear, route
from wattwarden.alarms.routing.table import Table
from wattwarden.alarms.routing.words import Matter, Wording, word
from wattwarden.alarms.rulebook import Rule
from wattwarden.storage.cases.gradings import load_rulebooks
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.outbox.load import load_reaches, load_routing, load_silences
from wattwarden.storage.warden.followed import Followed

CHANNEL: Final = "outbox"
"""What couriers listen to."""

_INSERT: Final = (
    "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, detail, endpoint,"
    " addressed, language, title, body, fields, state, merges, due, expires, fallbacks,"
    " fallback_at, fallback_wait, created, facts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
    " $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) ON CONFLICT DO NOTHING"
)


async def follow(connection: Connection, followed: Followed) -> None:
    """Write the notices of what fell due in the pass's slices."""
    with errors("writing notices"):
        waiting = await connection.fetch("SELECT event, enterprise FROM notice_due")
        ours = set(followed.slices)
        numbers = [row["event"] for row in waiting if slice_of(row["enterprise"]) in ours]
        if not numbers:
            return
        table = await load_routing(connection)
        if table.endpoint:
            rows = await _rows(connection, numbers)
            await _write(connection, followed, table, rows)
        await connection.execute("DELETE FROM notice_due WHERE event = ANY($1)", numbers)


@dataclass(slots=True)
class _Routing:
    """Scenes by enterprise, and what was told of each alarm so far."""

    followed: Followed
    bare: Scene
    silences: Mapping[str, list[Any]]
    heard: dict[int, dict[str, Heard]]
    rulebooks: Rulebooks
    scenes: dict[str, Scene] = field(default_factory=dict)

    def outcomes(self, event: Event, enterprise: str) -> list[Outcome]:
        """Return what becomes of an event, and remember who hears of it."""
        before = self.heard.get(event.alarm, {})
        outcomes = route(event, self._scene(enterprise), before)
        self.heard[event.alarm] = hear(before, event, outcomes)
        return outcomes

    def rule(self, row: asyncpg.Record) -> Rule:
        """Return the rule of a row's alarm as it was when that was raised, as the case has it."""
        return self.rulebooks.at(row["raised"]).rules[row["rule"]]

    def _scene(self, enterprise: str) -> Scene:
        if enterprise not in self.scenes:
            firm = self.followed.registry.enterprise.get(enterprise)
            silences = self.silences.get(enterprise, [])
            self.scenes[enterprise] = replace(self.bare, firm=firm, silences=silences)
        return self.scenes[enterprise]


async def _write(
    connection: Connection, followed: Followed, table: Table, rows: Sequence[asyncpg.Record]
) -> None:
    registry = followed.registry
    firms = {row["enterprise"] for row in rows}
    silences: defaultdict[str, list[Any]] = defaultdict(list)
    for _, one in await load_silences(connection, firms):
        silences[one.enterprise].append(one)
    bare = Scene(
        table=table,
        firm=None,
        people=list(registry.person.values()),
        agencies=registry.agency,
        now=followed.now,
        reaches=await load_reaches(connection),
    )
    heard = await _heard(connection, {row["alarm"] for row in rows})
    routing = _Routing(followed, bare, silences, heard, await load_rulebooks(connection))
    written = [one for row in rows for one in _notices(row, routing)]
    await connection.executemany(_INSERT, written)
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)


async def _rows(connection: Connection, numbers: Sequence[int]) -> list[asyncpg.Record]:
    return await connection.fetch(
        "SELECT e.*, a.rule, a.subject, a.line, a.began, a.raised, a.ended, a.explanation,"
        " c.deadline, c.state, (SELECT count(*) FROM case_event AS b"
        " WHERE b.alarm = e.alarm AND b.id <= e.id) AS sequence"
        " FROM case_event AS e JOIN alarm AS a ON a.id = e.alarm"
        " LEFT JOIN alarm_case AS c ON c.alarm = e.alarm"
        " WHERE e.id = ANY($1) ORDER BY e.at, e.id",
        numbers,
    )


async def _heard(connection: Connection, alarms: set[int]) -> dict[int, dict[str, Heard]]:
    """Return what recipients were told of alarms, or are about to be."""
    rows = await connection.fetch(
        "SELECT alarm, recipient, max(level) AS level, max(at) AS at FROM outbox"
        " WHERE alarm = ANY($1) AND state NOT IN ('silent', 'dead', 'expired')"
        " GROUP BY alarm, recipient",
        sorted(alarms),
    )
    found: dict[int, dict[str, Heard]] = {}
    for row in rows:
        found.setdefault(row["alarm"], {})[row["recipient"]] = Heard(row["level"], row["at"])
    return found


def _notices(row: asyncpg.Record, routing: _Routing) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that an event becomes, as ``_INSERT`` names their columns."""
    registry, rule = routing.followed.registry, routing.rule(row)
    event = _event(row, rule)
    matter = _matter(row, registry, rule)
    facts = msgspec.json.encode(_facts(row, registry, rule)).decode()
    now = routing.followed.now
    head = (event.alarm, row["enterprise"], event.at, event.why.value, int(event.level))
    for one in routing.outcomes(event, row["enterprise"]):
        whom = (*head, one.recipient, one.reason.value, one.detail)
        if isinstance(one, Push):
            wording = word(event, matter, one.reason, one.language)
            yield *whom, *_said(one, wording), *_waits(one, event, routing.bare.table), now, facts
        else:
            yield *whom, *_SAYS_NOTHING, "silent", False, now, now, "[]", None, None, now, None


# Endpoint, addressed, language, title, body and fields of what nobody is sent.
_SAYS_NOTHING: Final[tuple[object, ...]] = ("", [], "zh", "", "", "{}")


def _said(push: Push, wording: Wording) -> tuple[object, ...]:
    """Return endpoint, addressed, language, title, body and fields."""
    fields = orjson.dumps(wording.fields).decode()
    return push.endpoint, list(push.to), push.language, wording.title, wording.text, fields


def _waits(push: Push, event: Event, table: Table) -> tuple[object, ...]:
    """Return state, whether it merges, when it is due and expires, and what follows if it fails."""
    fallback_wait = timedelta(seconds=table.patience(event.level).fallback_s)
    return (
        *("waiting", _merges(table, push.endpoint), push.due, push.expires),
        *(_fallbacks(table, push), push.fallback_at, fallback_wait),
    )


def _merges(table: Table, endpoint: str) -> bool:
    return table.endpoint[endpoint].kind().digest


def _fallbacks(table: Table, push: Push) -> str:
    left = [[way.endpoint, way.address, _merges(table, way.endpoint)] for way in push.fallbacks]
    return orjson.dumps(left).decode()


def _event(row: asyncpg.Record, rule: Rule) -> Event:
    return Event(
        alarm=row["alarm"],
        at=row["at"],
        why=Why(row["why"]),
        level=Level(row["level"]),
        told=frozenset(map(Role, row["told"])),
        rule=row["rule"],
        grade=rule.grade,
        subject=row["subject"],
        mutable=row["mutable"],
        digest=row["digest"],
    )


def _matter(row: asyncpg.Record, registry: Registry, rule: Rule) -> Matter:
    firm, line = registry.enterprise.get(row["enterprise"]), registry.line.get(row["line"])
    explained: dict[str, Any] = msgspec.json.decode(row["explanation"])
    return Matter(
        enterprise=row["enterprise"],
        firm=row["enterprise"] if firm is None else firm.name,
        line="" if line is None else line.name,
        what=_what(row["subject"], registry),
        rule=(rule.zh, rule.en),
        said=(explained.get("zh", ""), explained.get("en", "")),
        raised=row["raised"],
        ended=row["ended"],
        deadline=row["deadline"],
    )


def _facts(row: asyncpg.Record, registry: Registry, rule: Rule) -> Facts:
    explained: dict[str, Any] = msgspec.json.decode(row["explanation"])
    occasion = Occasion(
        number=row["alarm"],
        sequence=row["sequence"],
        # A case that nobody has folded yet was just raised.
        state=row["state"] or State.RAISED.value,
        enterprise=row["enterprise"],
        line=row["line"],
        subject=row["subject"],
        began=row["began"],
        raised=row["raised"],
        ended=row["ended"],
        deadline=row["deadline"],
        zh=explained.get("zh", ""),
        en=explained.get("en", ""),
    )
    return facts_of(occasion, rule, registry)


def _what(subject: str, registry: Registry) -> str:
    """Return what people call a subject; "" where it is the firm."""
    kind, _, name = subject.partition(":")
    if kind == "enterprise":
        return ""
    named: dict[str, Mapping[str, Unit | Line]] = {"unit": registry.unit, "line": registry.line}
    found = named.get(kind, {}).get(name)
    return name if found is None else found.name
