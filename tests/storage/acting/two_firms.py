"""Two firms of two districts, each with something of every kind, and people of every role."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.decisions.bodies import (
    Absence,
    Consumable,
    Declaration,
    Measure,
    Plan,
    WarningLevel,
)
from wattwarden.alarms.decisions.body import NEW, Body, Scope
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    Finding,
    Focus,
    Inspection,
    Station,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.words import Mode, Source, TaskVerb
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Line,
    Noun,
    Person,
    Region,
    Role,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.bodies import Calendar, Exemption, Preset, Response, Span
from wattwarden.alarms.routing.bodies import Routing, Silence
from wattwarden.alarms.routing.table import default_text
from wattwarden.alarms.service.bodies import Assistance, Document, Reminder, Topic
from wattwarden.storage.acting.acting import named
from wattwarden.storage.cases.evidence import keep_bytes
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter_all
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated

NOW: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
UNITS: Final = {"E1": "U1", "E2": "U9"}
INDUSTRIES: Final = {"E1": "cement", "E2": "paint"}
WECOM: Final = """
[endpoint.wecom]
channel = "wecom_app"
settings = { corpid = "C", agentid = 1 }
secrets = { corpsecret = "corp" }
address = "wechat"
"""
# Whom of the people below a firm's things are for.
PEOPLE: Final = (
    Person(id="duty1", name="李敏", role=Role.DUTY, enterprise="E1"),
    Person(id="head2", name="赵六", role=Role.HEAD, enterprise="E2"),
    Person(id="fitter1", name="孙工", role=Role.MAINTENANCE, enterprise="E1"),
    Person(id="district1", name="王建国", role=Role.DISTRICT_OFFICER, agency="A1"),
    Person(id="district2", name="周涛", role=Role.DISTRICT_OFFICER, agency="A2"),
    Person(id="city", name="钱支", role=Role.CITY_OFFICER, agency="A"),
    Person(id="leader", name="吴局", role=Role.LEADER, agency="A"),
    *[
        Person(
            id=f"somebody-{firm}", name="韩", role=Role.DUTY, enterprise=firm, wechat=f"w-{firm}"
        )
        for firm, way in (("E1", "w-E1"), ("E2", "w-E2"))
    ],
    Person(id="admin", name="郑管", role=Role.ADMINISTRATOR),
    Person(id="auditor", name="冯审", role=Role.AUDITOR),
)
MORE: Final[tuple[tuple[str, Noun], ...]] = (
    ("region", Region(id="R2", name="即墨区", parent="R")),
    ("agency", Agency(id="A2", name="即墨大队", parent="A", region="R2")),
    ("enterprise", Enterprise(id="E2", name="某涂装", agency="A2", region="R2", industry="paint")),
    ("line", Line(id="L9", enterprise="E2", name="喷漆线")),
    (
        "unit",
        Unit(id="U9", enterprise="E2", name="喷漆房", kind=UnitKind.PRODUCTION, rated_power=9e4),
    ),
    *[("person", one) for one in PEOPLE],
)


async def with_two_firms(store: Connection) -> None:
    """Enter all of it, in a simulated system whose time is ``NOW``."""
    await save_registry(store, difference(Registry(), registry(*MORE)), "me", now=LONG_AGO)
    await mark_simulated(store)
    await store.execute(
        "INSERT INTO tick (shard, number, second, covers_s) VALUES (0, 1, $1, 1)",
        int(NOW.timestamp()),
    )
    await store.execute("INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 1, 1)")
    alarms: dict[str, int] = {}
    for firm, unit in UNITS.items():
        alarms[firm] = await store.fetchval(
            "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, found_in,"
            " version, explanation) VALUES ('R2', $1, '', $2, $3, '', $2, 'readings', '1', $4)"
            " RETURNING id",
            f"unit:{unit}",
            # For so long that it is severe, and flagged.
            NOW - 30 * HOUR,
            firm,
            '{"zh": "停运", "en": "off", "signals": {}, "thresholds": {}, "windows": {}}',
        )
        await store.execute(
            "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ($1, $2, $3, 'off')",
            firm,
            unit,
            NOW - HOUR,
        )
        await keep_bytes(store, picture(firm), NOW)
    first = 1 + await store.fetchval("SELECT coalesce(max(id), 0) FROM decision")
    made = [*of_city(), *[body for firm in UNITS for body in of_firm(firm, alarms[firm])]]
    await enter_all(
        store,
        [Decision(named(body, first + place), "leader", NOW) for place, body in enumerate(made)],
    )
    await with_notices(store)


async def with_notices(store: Connection) -> None:
    """A notice of each firm's alarm to one of its people and to an officer, and refused ways."""
    for firm, officer in (("E1", "district1"), ("E2", "district2")):
        for recipient in (f"somebody-{firm}", officer):
            await store.execute(
                "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, state,"
                " endpoint, due, expires) VALUES (1, $1, $2, 'raised', 2, $3, 'first',"
                " 'delivered', 'wecom', $2, $2)",
                firm,
                NOW,
                recipient,
            )
    for address in ("w-E1", "w-E2", ""):
        await store.execute(
            "INSERT INTO faulty_contact VALUES ('wecom', $1, $2, $2, 1, 'nobody')", address, NOW
        )


def picture(firm: str) -> bytes:
    """A file of a firm; no other is like it."""
    return f"照片 {firm}".encode()


def digest(firm: str) -> str:
    return hashlib.sha256(picture(firm)).hexdigest()


def of_city() -> list[Body]:
    spans = (Span(start=NOW, end=NOW + 24 * HOUR),)
    return [
        Routing(version="1", text=default_text() + WECOM),
        Response(id="RE1", level=WarningLevel.ORANGE, start=NOW - HOUR, end=NOW + 24 * HOUR),
        *[
            Calendar(
                id=f"CA-{industry}",
                name=f"错峰 {industry}",
                spans=spans,
                measure=Measure.STOP,
                industry=industry,
                exempt=tuple(UNITS),
            )
            for industry in INDUSTRIES.values()
        ],
        *[
            Document(id=f"DM-{industry}", industry=industry, title=f"手册 {industry}", text="…")
            for industry in INDUSTRIES.values()
        ],
    ]


def of_firm(firm: str, alarm: int) -> list[Body]:
    """One of each kind; two tasks: one whose officer is on the way, one who was there."""
    unit, text = UNITS[firm], f"关于 {firm}"
    scope: dict[str, Any] = {"scope": Scope.UNIT, "subject": unit}
    held: dict[str, Any] = {"start": NOW - HOUR, "end": NOW + HOUR}
    return [
        Task(id=f"TK-{firm}-gone", enterprise=firm, text=text),
        TaskStep(task=f"TK-{firm}-gone", verb=TaskVerb.APPROVE),
        TaskStep(task=f"TK-{firm}-gone", verb=TaskVerb.ASSIGN, person="city"),
        TaskStep(task=f"TK-{firm}-gone", verb=TaskVerb.ACCEPT),
        TaskStep(task=f"TK-{firm}-gone", verb=TaskVerb.ARRIVE),
        Task(id=f"TK-{firm}-secret", enterprise=firm, text=text),
        Inspection(id=f"IN-{firm}", enterprise=firm, mode=Mode.SURPRISE, at=NOW),
        Station(id=f"ST-{firm}", enterprise=firm, person="city", start=NOW, reason=text),
        Finding(
            id=f"FD-{firm}",
            enterprise=firm,
            source=Source.COMPLAINT,
            at=NOW,
            what=text,
            task=f"TK-{firm}-gone",
        ),
        Clue(id=f"CL-{firm}", enterprise=firm, text=text, alarms=(str(alarm),)),
        Focus(id=f"FC-{firm}", weakness=text, **scope),
        Declaration(id=f"DC-{firm}", kind=Absence.MAINTENANCE, **scope, **held),
        Plan(id=f"PL-{firm}", measure=Measure.STOP, origin="RE1", **scope, **held),
        Preset(
            id=f"PS-{firm}", enterprise=firm, level=WarningLevel.ORANGE, exempt=Exemption.PROTECTED
        ),
        Calendar(
            id=f"CA-{firm}",
            name=text,
            spans=(Span(**held),),
            measure=Measure.STOP,
            **scope,
        ),
        Consumable(id=f"CS-{firm}", unit=unit, kind="bags", replaced_at=NOW, limit_hours=10.0),
        Assistance(id=f"AS-{firm}", enterprise=firm, topic=Topic.OTHER, problem_text=text),
        Reminder(id=f"RM-{firm}", enterprise=firm, text=text),
        Silence(id=f"SL-{firm}", enterprise=firm, reason=text, **held),
        evidence(firm, "unit", unit),
        evidence(firm, "clue", f"CL-{firm}"),
    ]


def evidence(firm: str, about: str, subject: str) -> Evidence:
    return Evidence(
        id=NEW,
        about=about,
        subject=subject,
        sha256=digest(firm),
        size=len(picture(firm)),
        media="image/jpeg",
        name=f"{firm}.jpg",
        received_at=NOW,
    )
