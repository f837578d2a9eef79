"""After each pass: what fell due, told once, at its own time, however passes are cut."""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.alarms.cases.photo import photo
from tests.storage.cases.city import (
    RAISED,
    action,
    after,
    declaration,
    known,
    with_alarm,
    with_firm,
)
from tests.storage.feed import TICK_S, readings, register, small_city, store_rows, store_ticks
from tests.storage.folding import fold

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.cases.case import Ending, State
from wattwarden.alarms.decisions.bodies import Review
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.rulebook import default_rules
from wattwarden.server.passes import PassLimits
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.follow import follow
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.cases.together import act_with_files, declare
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import in_force, told
from wattwarden.storage.warden.followed import Followed

DAY = 1440
Happening = Callable[[Connection], Awaitable[object]]
# What happens to the firm: when it is known, and what it is.
Story = list[tuple[float, Happening]]


def followed(now: datetime, *, slices: tuple[int, ...] = tuple(range(32))) -> Followed:
    registry = known()
    # Two meters of a minute: an end may be three minutes behind.
    return Followed(registry, default_rules(), slices, now - timedelta(seconds=1), now)


async def passes(store: Connection, story: Story, cuts: list[float]) -> None:
    """Let things happen, and end a pass at each of these minutes."""
    left = sorted(story, key=lambda one: one[0])
    for minutes in cuts:
        while left and left[0][0] <= minutes:
            await left.pop(0)[1](store)
        async with store.transaction():
            await follow(store, followed(after(minutes)))


async def events(store: Connection) -> list[tuple[Any, ...]]:
    rows = await store.fetch(
        "SELECT a.rule, e.at, e.why, e.level, e.told, e.task FROM case_event AS e"
        " JOIN alarm AS a ON a.id = e.alarm ORDER BY e.at, a.rule, e.why"
    )
    return [tuple(row) for row in rows]


async def short(store: Connection) -> list[tuple[float, str, int]]:
    """Each event's minute, why, and level."""
    return [
        ((at - RAISED).total_seconds() / 60, why, level)
        for _, at, why, level, _, _ in await events(store)
    ]


def raised(rule: str = "R2", at: float = 0, **more: Any) -> tuple[float, Happening]:
    """An alarm, found a minute after its raise."""

    async def happen(store: Connection) -> None:
        await with_alarm(store, rule, at=at, **more)

    return (at + 1, happen)


def ended(rule: str, at: float | None, known_at: float) -> tuple[float, Happening]:
    """Its end, or that it goes on after all, and when that is known."""

    async def happen(store: Connection) -> None:
        moment = None if at is None else after(at)
        await store.execute("UPDATE alarm SET ended = $1 WHERE rule = $2", moment, rule)

    return (known_at, happen)


def said(at: float, rule: str, verb: Verb, who: str, **more: Any) -> tuple[float, Happening]:
    async def happen(store: Connection) -> None:
        number = await store.fetchval("SELECT id FROM alarm WHERE rule = $1", rule)
        body = action(number, verb, **more)
        files = [Arrived(photo("2026:11:23 09:00:00"), "x.jpg", "alarm", str(number))]
        sent = files if verb is Verb.RECTIFY else []
        await act_with_files(store, body, sent, who, after(at))

    return (at, happen)


def works(at: float, unit: str, state: str) -> tuple[float, Happening]:
    async def happen(store: Connection) -> None:
        await store.execute(
            "INSERT INTO unit_transition VALUES ('E1', $1, $2, $3)", unit, after(at), state
        )

    return (at + 1, happen)


async def test_what_an_officer_makes_graver_is_told_to_the_next_in_charge_at_once(
    store: Connection,
) -> None:
    await with_firm(store)
    escalated = said(12, "R2", Verb.ESCALATE, "P1", reason="当日第三次")
    # What a person did is certain; nobody waits for the slowest meter to hear of it.
    await passes(store, [raised(), escalated], [5, 12])
    assert await short(store) == [(0, "raised", 2), (12, "graded", 3)]
    await passes(store, [], [13, 33])
    assert await short(store) == [(0, "raised", 2), (12, "graded", 3), (30, "lasts", 4)]
    (raised_to, graded_to) = (set(one[4]) for one in (await events(store))[:2])
    assert raised_to < graded_to


@pytest.mark.parametrize(
    ("now", "told_then"),
    [
        (1, [(0, "raised", 2)]),
        (32.9, [(0, "raised", 2)]),
        (33, [(0, "raised", 2), (30, "lasts", 3)]),
        (63, [(0, "raised", 2), (30, "lasts", 3), (60, "repeats", 3)]),
    ],
    ids=["at-once", "not-yet", "half-an-hour", "again"],
)
async def test_what_falls_due_is_told_as_soon_as_it_is_sure(
    store: Connection, now: float, told_then: list[tuple[float, str, int]]
) -> None:
    await with_firm(store)
    await passes(store, [raised()], [now])
    assert await short(store) == told_then


async def test_each_rung_is_told_once_and_the_list_knows_when_to_look_next(
    store: Connection,
) -> None:
    await with_firm(store)
    story = [raised(), said(40, "R2", Verb.ACK, "P2")]
    await passes(store, story, [2.0 * minute for minute in range(1, 130)])
    found = await short(store)
    assert found == [
        (0, "raised", 2), (30, "lasts", 3), (120, "lasts", 4),
    ]  # fmt: skip
    row = await store.fetchrow("SELECT * FROM alarm_case")
    assert row is not None
    assert (row["state"], row["level"], row["deadline"]) == ("acked", 4, after(DAY))
    # Four hours after the rung, and what a meter may be late.
    assert row["next_due"] == after(120 + 240 + 3)
    assert await store.fetchval("SELECT count(*) FROM case_touched") == 0


async def test_who_is_told_goes_with_the_rung(store: Connection) -> None:
    await with_firm(store)
    await passes(store, [raised()], [125])
    told_of = [(why, set(roles), task) for _, _, why, _, roles, task in await events(store)]
    assert told_of == [
        ("raised", {"duty"}, "none"),
        ("lasts", {"duty", "head", "district_officer"}, "none"),
        ("repeats", {"duty", "head", "district_officer"}, "none"),
        ("repeats", {"duty", "head", "district_officer"}, "none"),
        ("lasts", {"duty", "head", "district_officer", "city_officer"}, "candidate"),
    ]


async def test_that_it_is_gone_is_told_when_it_cannot_come_back(store: Connection) -> None:
    await with_firm(store)
    story = [raised(), ended("R2", 20, 24), ended("R2", None, 27), ended("R2", 40, 44)]
    await passes(store, story, [1.0 * minute for minute in range(1, 70)])
    assert await short(store) == [(0, "raised", 2), (30, "lasts", 3), (50, "cleared", 3)]


async def test_what_is_brief_settles_at_its_own_time(store: Connection) -> None:
    await with_firm(store)
    await passes(store, [raised("R4"), ended("R4", 10, 14)], [15, 400])
    row = await store.fetchrow("SELECT state, next_due FROM alarm_case")
    assert row is not None
    assert tuple(row) == ("closed", None)


async def test_only_the_pass_s_own_slices_are_followed(store: Connection) -> None:
    await with_firm(store)
    await with_alarm(store)
    others = tuple(number for number in range(32) if number != slice_of("E1"))
    await follow(store, followed(after(40), slices=others))
    assert await events(store) == []
    await follow(store, followed(after(40), slices=(slice_of("E1"),)))
    assert len(await events(store)) == 2


async def test_a_day_of_production_verifies_by_itself(store: Connection) -> None:
    await with_firm(store)
    story = [
        raised(), works(-100, "U1", "running"), ended("R2", 50, 54),
        said(60, "R2", Verb.ACK, "P2"), said(61, "R2", Verb.HANDLE, "P2"),
        said(DAY, "R2", Verb.RECTIFY, "P2"),
        works(DAY + 60, "U1", "off"), works(DAY + 660, "U1", "running"),
    ]  # fmt: skip
    proved = DAY + 600 + DAY
    await passes(store, story, [DAY + 1, proved + 2])
    assert [one.actor for one in await told(store, ["action"])] == ["P2"] * 3
    await passes(store, [], [proved + 63])
    last = (await told(store, ["action"]))[-1]
    assert isinstance(last.body, Action)
    assert (last.actor, last.body.verb, last.effective_at) == (SYSTEM, Verb.VERIFY, after(proved))
    case = await load_case(store, 1, now=after(proved + 70))
    assert case is not None
    assert (case.state, case.verified) == (State.VERIFIED, after(proved))
    await passes(store, [], [proved + DAY])
    state = await store.fetchval("SELECT state FROM alarm_case")
    assert state == "closed"
    closed = await load_case(store, 1, now=after(proved + DAY))
    assert closed is not None
    assert closed.ending is Ending.VERIFIED


async def test_what_came_again_meanwhile_is_left_to_an_officer(store: Connection) -> None:
    await with_firm(store)
    story = [
        raised(), works(-100, "U1", "running"), ended("R2", 50, 54),
        said(60, "R2", Verb.ACK, "P2"), said(61, "R2", Verb.HANDLE, "P2"),
        said(DAY, "R2", Verb.RECTIFY, "P2"), raised(at=DAY + 500, ended=DAY + 520),
    ]  # fmt: skip
    await passes(store, story, [DAY + 1, 3 * DAY])
    assert [one.actor for one in await told(store, ["action"])] == ["P2"] * 3
    assert await store.fetchval("SELECT state FROM alarm_case WHERE alarm = 1") == "rectified"
    assert await store.fetchval("SELECT parent FROM alarm_case WHERE alarm = 2") == 1


async def test_a_review_is_followed(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await declare(store, declaration(), number, "P2", after(2))
    await passes(store, [], [5])
    assert await store.fetchval("SELECT state FROM alarm_case") == "declared"
    (made,) = await in_force(store, "declaration")
    body = declaration(id=f"DC{made.id}", state=Review.APPROVED)
    await decide(store, body, "P1", after(10))
    await passes(store, [], [15, 400])
    assert await store.fetchval("SELECT state FROM alarm_case") == "closed"
    assert await short(store) == [(0, "raised", 2)]


async def test_what_was_exempt_is_followed_again_when_the_approval_is_revoked(
    store: Connection,
) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await declare(store, declaration(), number, "P2", after(2))
    (made,) = await in_force(store, "declaration")
    body = declaration(id=f"DC{made.id}", state=Review.APPROVED)
    await decide(store, body, "P1", after(10))
    await passes(store, [], [15])
    assert await store.fetchval("SELECT state FROM alarm_case") == "closed"
    revoked = msgspec.structs.replace(body, state=Review.REVOKED, opinion="现场仍在生产")
    await decide(store, revoked, "P5", after(20))
    await passes(store, [], [25])
    row = await store.fetchrow("SELECT state, done FROM alarm_case")
    assert row is not None
    assert tuple(row) == ("acked", None)


async def test_a_silent_meter_that_speaks_again_is_no_fault_of_the_firm(store: Connection) -> None:
    await with_firm(store)
    story = [
        raised("R8"), works(-100, "U1", "running"), ended("R8", 50, 54),
        said(60, "R8", Verb.ACK, "P2"),
        said(61, "R8", Verb.HANDLE, "P2", cause=Cause.COMMUNICATION),
        said(62, "R8", Verb.RECTIFY, "P2"),
    ]  # fmt: skip
    await passes(store, story, [70, DAY + 70])
    last = (await told(store, ["action"]))[-1]
    assert isinstance(last.body, Action)
    assert (last.actor, last.body.fault) == (SYSTEM, Fault.METERING)


async def test_an_officer_is_not_overruled_by_the_system_s_earlier_proof(
    store: Connection,
) -> None:
    await with_firm(store)
    story = [
        raised(), works(-100, "U1", "running"), ended("R2", 50, 54),
        said(60, "R2", Verb.ACK, "P2"), said(61, "R2", Verb.HANDLE, "P2"),
        said(62, "R2", Verb.RECTIFY, "P2"),
    ]  # fmt: skip
    await passes(store, story, [70])
    await decide(store, action(1, Verb.VERIFY), "P1", after(DAY + 65))
    with pytest.raises(RefusedError, match="verify by 王建国"):
        await decide(store, action(1, Verb.VERIFY), SYSTEM, after(DAY + 62))


# Five minutes' worth of everything: ends, returns, deeds, proofs.
STORY: Story = [
    raised(), raised("R4", 7), raised("R11", 90), raised("R8", 95),
    works(-100, "U1", "running"),
    ended("R4", 20, 24), ended("R4", None, 26), ended("R4", 126, 130),
    ended("R2", 57, 61),
    said(40, "R2", Verb.ACK, "P2"), said(41, "R2", Verb.HANDLE, "P2"),
    said(50, "R4", Verb.ACK, "P3"),
    said(100, "R2", Verb.RECTIFY, "P2"),
    said(150, "R11", Verb.ACK, "P3"),
    ended("R8", 300, 304),
    works(400, "U1", "off"), works(700, "U1", "running"),
    ended("R11", 900, 904),
    said(950, "R11", Verb.CLOSE, "P1"),
]  # fmt: skip
END = 3 * DAY


def randomly(seed: int) -> list[float]:
    """Ends of passes: close together while much happens, then by the hour."""
    chance, cuts, at = random.Random(seed), [], 0.0
    while at < END:
        at += chance.choice([0.5, 1, 3, 7] if at < 160 else [30, 59, 240])
        cuts.append(at)
    return cuts


async def begin_anew(store: Connection) -> None:
    """Forget all that happened, and begin with the firm."""
    tables = ("registry_entry", "decision", "evidence")
    for table in tables:
        await store.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for table in ("alarm", "unit_transition", *tables):
        await store.execute(f"DELETE FROM {table}")  # noqa: S608  ours
    for table in tables:
        await store.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    await with_firm(store)


async def test_events_do_not_depend_on_how_passes_are_cut(store: Connection) -> None:
    found = []
    # Each end of a pass at once, by the quarter of an hour, and anyhow.
    for cuts in ([], [15.0 * part for part in range(1, 85)], randomly(1)):
        await begin_anew(store)
        await passes(store, STORY, [*cuts, END + 10.0])
        states = await store.fetch(
            "SELECT a.rule, c.state, c.level, c.deadline, c.parent FROM alarm_case AS c"
            " JOIN alarm AS a ON a.id = c.alarm ORDER BY a.rule"
        )
        system = [
            (one.effective_at, msgspec.json.encode(one.body)[-60:])
            for one in await told(store, ["action"])
            if one.actor == SYSTEM
        ]
        found.append((await events(store), [tuple(row) for row in states], system))
    assert len(found[0][0]) > 20
    assert len(found[0][2]) == 1
    for other in found[1:]:
        assert other == found[0]


def _power(_firm: str, part: str, minute: int) -> float | None:
    return 0.0 if part == "t" and 60 <= minute < 130 else 0.8


async def test_a_warden_s_own_passes_lead_to_the_same_events(
    store: Connection, store_dsn: str
) -> None:
    await register(store, small_city(["E0", "E1"]))
    await store_rows(store, readings(["E0", "E1"], range(40, 150), _power))
    await store_ticks(store, 150)
    begin = 40 * 60 // TICK_S
    found = []
    for limits in (PassLimits(), PassLimits(steps=31)):
        for table in ("kept_state", "day_state", "alarm", "unit_transition", "refold"):
            await store.execute(f"DELETE FROM {table}")  # noqa: S608  ours
        await store.execute("UPDATE slice_position SET step = $1, epoch = 0, holder = NULL", begin)
        await fold(store_dsn, limits)
        rows = await store.fetch(
            "SELECT a.subject, e.at, e.why, e.level FROM case_event AS e JOIN alarm AS a"
            " ON a.id = e.alarm WHERE a.rule = 'R2' ORDER BY e.at, a.subject, e.why"
        )
        found.append([tuple(row) for row in rows])
    assert [why for _, _, why, _ in found[0]][::2] == ["raised", "lasts", "repeats", "cleared"]
    assert found[1] == found[0]
