"""Who gets what, when and why: each case of the table is one that somebody would ask about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.routing.bodies import Reach, Silence
from wattwarden.alarms.routing.hours import Hours, end_of, next_time
from wattwarden.alarms.routing.people import Scene
from wattwarden.alarms.routing.route import (
    Event,
    Heard,
    Outcome,
    Push,
    Reason,
    Silent,
    hear,
    is_person,
    route,
)
from wattwarden.alarms.routing.table import Table, default_text, load_table
from wattwarden.protocol.zone import CHINA

# 20:00 in Shanghai.
EVENING: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
# 23:00 there, and 07:00 of the next morning.
NIGHT: Final = EVENING + timedelta(hours=3)
MORNING: Final = EVENING + timedelta(hours=11)
ENDPOINTS: Final = """
[endpoint.wecom]
channel = "wecom_app"
settings = { corpid = "C", agentid = 1 }
secrets = { corpsecret = "corp" }
address = "wechat"

[endpoint.sms]
channel = "aliyun_sms"
settings = { sign_name = "S", template = "SMS_1", variables = { a = "title" } }
secrets = { key_id = "i", key_secret = "s" }
address = "phone"
parallel = 4

[endpoint.hook]
channel = "webhook"
settings = { url = "https://example.org/in" }
secrets = { secret = "k" }
"""
STREAM: Final = '[[stream]]\nendpoint = "hook"\nlevel = 2\n'
PEOPLE: Final = (
    Person(id="D1", name="甲", role=Role.DUTY, enterprise="E1", wechat="d1", phone="131"),
    Person(id="D2", name="乙", role=Role.DUTY, enterprise="E1", phone="132", language="en"),
    Person(id="D9", name="丙", role=Role.DUTY, enterprise="E2", wechat="d9"),
    Person(id="H1", name="丁", role=Role.HEAD, enterprise="E1", wechat="h1", phone="133"),
    Person(id="O1", name="戊", role=Role.DISTRICT_OFFICER, agency="A1", wechat="o1", phone="134"),
    Person(id="N1", name="己", role=Role.LEADER, agency="A"),
)


def table(more: str = "") -> Table:
    return load_table(default_text() + ENDPOINTS + more)


def scene(now: datetime = EVENING, **more: Any) -> Scene:
    known = registry()
    values: dict[str, Any] = {
        "table": table(),
        "firm": known.enterprise["E1"],
        "people": PEOPLE,
        "agencies": known.agency,
        "now": now,
    }
    return Scene(**(values | more))


def event(**more: Any) -> Event:
    values: dict[str, Any] = {
        "alarm": 1,
        "at": EVENING,
        "why": Why.RAISED,
        "level": Level.WARNING,
        "told": frozenset({Role.DUTY}),
        "rule": "R5",
        "grade": "B",
        "subject": "unit:U2",
    }
    return Event(**(values | more))


def shown(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    return [
        (one.recipient, one.endpoint if isinstance(one, Push) else "", one.reason.name)
        for one in outcomes
    ]


def night(**more: Any) -> Event:
    return event(at=NIGHT, told=frozenset({Role.HEAD}), **more)


EVERY = frozenset({Role.DUTY, Role.HEAD})
HOUR = timedelta(hours=1)
OFF_NOW = (Hours(since="08:00", until="17:00"),)


@pytest.mark.parametrize(
    ("what", "where", "heard", "expected"),
    [
        (event(), scene(), {}, [("D1", "wecom", "FIRST"), ("D2", "sms", "FIRST")]),
        (
            event(level=Level.SEVERE),
            scene(),
            {"D1": Heard(2, EVENING - HOUR)},
            [("D1", "wecom", "WORSE"), ("D1", "sms", "WORSE"), ("D2", "sms", "FIRST")],
        ),
        (
            event(why=Why.REPEATS),
            scene(),
            {"D1": Heard(2, EVENING - HOUR), "D2": Heard(2, EVENING - timedelta(minutes=5))},
            [("D1", "wecom", "REPEAT"), ("D2", "", "RECENT")],
        ),
        (
            event(why=Why.OVERDUE),
            scene(),
            {"D1": Heard(2, EVENING - timedelta(minutes=5))},
            [("D1", "wecom", "OVERDUE"), ("D2", "sms", "FIRST")],
        ),
        (
            event(why=Why.CLEARED, told=EVERY),
            scene(),
            {"D1": Heard(2, EVENING - HOUR), "O1": Heard(3, EVENING - HOUR)},
            [("D1", "wecom", "RESOLVED"), ("O1", "wecom", "RESOLVED")],
        ),
        (
            event(told=frozenset({Role.MAINTENANCE})),
            scene(),
            {},
            [("role:maintenance", "", "NOBODY")],
        ),
        (event(told=frozenset({Role.LEADER})), scene(), {}, [("N1", "", "NO_WAY")]),
        (
            event(told=frozenset({Role.DISTRICT_OFFICER})),
            scene(),
            {},
            [("O1", "wecom", "FIRST")],
        ),
        (
            event(),
            scene(reaches={"D1": Reach(id="D1", duty=OFF_NOW)}),
            {},
            [("D1", "", "OFF_DUTY"), ("D2", "sms", "FIRST")],
        ),
        (
            event(),
            scene(
                reaches={
                    "D1": Reach(id="D1", away_until=EVENING + HOUR),
                    "D2": Reach(id="D2", duty=OFF_NOW),
                }
            ),
            {},
            [("D1", "", "OFF_DUTY"), ("D2", "sms", "FIRST")],
        ),
        (
            event(),
            scene(
                reaches={
                    "D1": Reach(id="D1", duty=(Hours(since="17:00", until="08:00"),)),
                    "D2": Reach(id="D2", duty=OFF_NOW),
                }
            ),
            {},
            [("D1", "wecom", "FIRST"), ("D2", "", "OFF_DUTY")],
        ),
        (
            event(level=Level.SEVERE),
            scene(reaches={"D1": Reach(id="D1", duty=OFF_NOW)}),
            {},
            [("D1", "wecom", "FIRST"), ("D1", "sms", "FIRST"), ("D2", "sms", "FIRST")],
        ),
        (
            event(),
            scene(reaches={"D1": Reach(id="D1", chain=("sms", "wecom"), addresses={"phone": "9"})}),
            {},
            [("D1", "sms", "FIRST"), ("D2", "sms", "FIRST")],
        ),
        (event(), scene(now=EVENING + timedelta(days=2)), {}, [("", "", "STALE")]),
    ],
    ids=[
        "everybody of the role at the firm, by the first way that they have",
        "worse goes to all, at level 4 by SMS beside the chain",
        "repeats, but not right after another",
        "a missed deadline is told whatever was told before",
        "the end goes to those who heard of it, whatever their role",
        "nobody has the role",
        "no address",
        "the officer of the firm's agency",
        "only who is on duty",
        "somebody off duty where all others are away",
        "who is on duty until the morning",
        "level 4 reaches all who are here",
        "an order of one's own",
        "found days later",
    ],
)
def test_who_gets_it_by_which_way_and_why(
    what: Event, where: Scene, heard: dict[str, Heard], expected: list[tuple[str, str, str]]
) -> None:
    assert shown(route(what, where, heard)) == expected


@pytest.mark.parametrize(
    ("what", "due"),
    [
        (night(), MORNING),
        (night(grade="A"), NIGHT + timedelta(seconds=1)),
        (night(grade="C"), NIGHT + timedelta(seconds=1)),
        (night(mutable=False), NIGHT + timedelta(seconds=1)),
        (night(level=Level.SEVERE), NIGHT),
        (night(why=Why.CLEARED, grade="A"), NIGHT + timedelta(seconds=1)),
        (night(digest=True), MORNING + timedelta(hours=1, minutes=10)),
    ],
    ids=["held", "class A", "class C", "never mutable", "level 4", "end of class A", "digest"],
)
def test_quiet_hours_hold_back_what_can_wait(what: Event, due: datetime) -> None:
    (push, *_) = route(what, scene(NIGHT), {"H1": Heard(1, NIGHT - HOUR)})
    assert isinstance(push, Push)
    assert push.due == due
    assert push.expires > push.due


def test_quiet_hours_of_one_s_own_take_the_place_of_the_role_s() -> None:
    never = Reach(id="H1", quiet=Hours(since="00:00", until="00:00"))
    (push,) = route(night(), scene(NIGHT, reaches={"H1": never}), {})
    assert isinstance(push, Push)
    assert push.due < MORNING


def silence(**more: Any) -> Silence:
    values: dict[str, Any] = {
        "id": "SL1",
        "enterprise": "E1",
        "start": EVENING - HOUR,
        "end": EVENING + HOUR,
        "reason": "检修",
    }
    return Silence(**(values | more))


@pytest.mark.parametrize(
    ("one", "what", "silent"),
    [
        (silence(), event(), True),
        (silence(end=EVENING), event(), False),
        (silence(rules=("R2",)), event(), False),
        (silence(rules=("R5",)), event(), True),
        (silence(unit="U1"), event(), False),
        (silence(unit="U2"), event(), True),
        (silence(level=1), event(), False),
        (silence(), event(level=Level.SEVERE), False),
        (silence(), event(why=Why.CLEARED), False),
    ],
    ids=["all", "over", "rule", "its rule", "unit", "its unit", "level", "level 4", "the end"],
)
def test_a_silence_keeps_back_what_it_names_and_never_level_four(
    one: Silence,
    what: Event,
    silent: bool,  # noqa: FBT001  a column of the table
) -> None:
    outcomes = route(what, scene(silences=[one]), {"D1": Heard(1, EVENING - HOUR)})
    assert ([o.reason for o in outcomes] == [Reason.SILENCED]) is silent
    if silent:
        assert outcomes == [Silent("", Reason.SILENCED, "SL1: 检修")]


def test_a_way_that_fails_has_the_others_behind_it() -> None:
    push = route(event(), scene(), {})[0]
    assert isinstance(push, Push)
    assert [(way.endpoint, way.address) for way in push.fallbacks] == [("sms", "131")]
    assert push.fallback_at == push.due + timedelta(seconds=900)


@pytest.mark.parametrize(
    ("more", "what", "expected"),
    [
        ("", event(told=frozenset()), ["stream:hook"]),
        ("", event(told=frozenset(), level=Level.REMINDER), []),
        ('classes = ["A"]', event(told=frozenset()), []),
        ('enterprises = ["E2"]', event(told=frozenset()), []),
        ('agencies = ["A"]', event(told=frozenset()), ["stream:hook"]),
        ('agencies = ["X"]', event(told=frozenset()), []),
    ],
    ids=["all", "level", "class", "enterprise", "agency above", "other agency"],
)
def test_streams_get_what_they_are_for(more: str, what: Event, expected: list[str]) -> None:
    where = scene(table=table(STREAM + more))
    assert [one.recipient for one in route(what, where, {})] == expected


def test_what_is_sent_is_heard_and_what_is_silent_is_not() -> None:
    where = scene(reaches={"D1": Reach(id="D1", duty=OFF_NOW)})
    what = event(level=Level.ALARM)
    assert hear({}, what, route(what, where, {})) == {"D2": Heard(3, EVENING)}
    before = {"D2": Heard(4, EVENING - HOUR)}
    assert hear(before, what, route(what, where, before)) == {"D2": Heard(4, EVENING)}


def test_the_firm_s_own_officer_is_told_alone() -> None:
    other = Person(id="O2", name="庚", role=Role.DISTRICT_OFFICER, agency="A1", wechat="o2")
    known = registry().enterprise["E1"]
    where = scene(
        people=(*PEOPLE, other),
        firm=type(known)(
            **{**{f: getattr(known, f) for f in known.__struct_fields__}, "officer": "O2"}
        ),
    )
    what = event(told=frozenset({Role.DISTRICT_OFFICER}))
    assert [one.recipient for one in route(what, where, {})] == ["O2"]
    assert len(route(what, replace(where, firm=known), {})) == 2


@pytest.mark.parametrize(
    ("hours", "at", "ends"),
    [
        (Hours(since="22:00", until="07:00"), NIGHT, MORNING),
        (Hours(since="22:00", until="07:00"), MORNING - HOUR, MORNING),
        (Hours(since="22:00", until="07:00"), MORNING, None),
        (Hours(since="22:00", until="07:00", days=(1,)), NIGHT, None),
        (Hours(since="22:00", until="07:00", days=(7,)), MORNING - HOUR, MORNING),
        (Hours(since="20:00", until="24:00"), EVENING, EVENING + 4 * HOUR),
        (Hours(since="00:00", until="00:00"), EVENING, None),
    ],
    ids=["night", "after midnight", "end", "other day", "began yesterday", "to 24", "none"],
)
def test_hours_of_a_day(hours: Hours, at: datetime, ends: datetime | None) -> None:
    assert end_of(hours, at, CHINA) == ends


def test_the_next_time_of_a_clock_is_after_now() -> None:
    assert next_time("08:10", MORNING, CHINA) == MORNING + timedelta(hours=1, minutes=10)
    at = MORNING + timedelta(hours=1, minutes=10)
    assert next_time("08:10", at, CHINA) == at + timedelta(days=1)


def test_a_stream_is_told_of_the_end_of_what_it_was_told_and_not_twice_soon() -> None:
    where = scene(table=table(STREAM))
    (name,) = {one.recipient for one in route(event(), where, {}) if not is_person(one.recipient)}
    told = {name: Heard(int(Level.WARNING), EVENING)}

    def to_stream(what: Event, heard: dict[str, Heard]) -> list[str]:
        return [reason for who, _, reason in shown(route(what, where, heard)) if who == name]

    assert to_stream(event(), {}) == ["FIRST"]
    assert to_stream(event(why=Why.CLEARED), told) == ["RESOLVED"]
    assert to_stream(event(why=Why.CLEARED), {}) == []


def test_a_stream_is_not_told_the_same_within_some_minutes() -> None:
    where = scene(table=table(STREAM))
    (name,) = {one.recipient for one in route(event(), where, {}) if not is_person(one.recipient)}
    gap = timedelta(seconds=where.table.repeat_gap_s)

    def said(after: timedelta) -> list[str]:
        before = {name: Heard(int(Level.WARNING), EVENING - after)}
        return [why for who, _, why in shown(route(event(), where, before)) if who == name]

    assert said(gap - timedelta(seconds=1)) == ["RECENT"]
    assert said(gap) == ["REPEAT"]
