"""What the system does about tasks after passes of a warden, however these are cut."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.storage.enforcement.firm import DAY, HOUR, NOW, found, produced, raised

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.slices import SLICES, slice_of
from wattwarden.alarms.enforcement.bodies import TaskStep
from wattwarden.alarms.enforcement.flags import flags
from wattwarden.alarms.enforcement.from_cases import worn_since
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.tasks import alarms_of
from wattwarden.alarms.enforcement.words import Outcome, TaskVerb
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.states.running import Doing, Spell
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.follow import MAX_MOMENTS, follow
from wattwarden.storage.enforcement.history import load_history, load_spells
from wattwarden.storage.enforcement.lives import TASK, load_lives
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.warden.followed import Followed

MINUTE = timedelta(minutes=1)
SETTLE = timedelta(minutes=default_limits().review.settle_min)


async def passed(
    store: Connection,
    made: Registry,
    since: datetime,
    now: datetime,
    slices: tuple[int, ...] = tuple(range(SLICES)),
) -> None:
    """Follow a pass so long that the moments up to ``now`` are settled."""
    async with store.transaction():
        await follow(store, Followed(made, default_rules(), slices, since, now + SETTLE))


async def caught_up(store: Connection, made: Registry, since: datetime, now: datetime) -> None:
    """Follow passes that bring nothing new until none has a moment to review."""
    reviewed: list[datetime] = []
    while len(reviewed) < 2 or reviewed[-1] > reviewed[-2]:
        await passed(store, made, since, now)
        reviewed.append(await store.fetchval("SELECT min(at) FROM enforcement_review"))


async def in_passes(
    store: Connection, made: Registry, since: datetime, now: datetime, each: timedelta
) -> None:
    """Follow passes that join without gaps."""
    while since < now:
        until = min(since + each, now)
        await passed(store, made, since, until)
        since = until


async def told(store: Connection) -> list[tuple[str, datetime, str]]:
    """What was decided about tasks: kind or verb, when, by whom."""
    rows = await store.fetch(
        "SELECT coalesce(body ->> 'verb', kind) AS what, entered_at, actor FROM decision"
        " WHERE kind IN ('task', 'task_step') ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def three_grave(store: Connection) -> list[int]:
    """Three alarms of an hour each: from half an hour on they are of level 3."""
    begun = [NOW - 3 * DAY, NOW - 2 * DAY, NOW - HOUR]
    return [await raised(store, at, ended=at + HOUR) for at in begun]


async def test_repeated_grave_alarms_become_a_task_at_the_next_moment_of_the_grid(
    store: Connection,
) -> None:
    made = await found(store)
    numbers = await three_grave(store)
    await passed(store, made, NOW - 2 * HOUR, NOW)
    # The third is grave half an hour after its raise, at 02:30.
    assert await told(store) == [("task", NOW - HOUR / 2, SYSTEM)]
    (task,) = await load_lives(store, TASK)
    assert alarms_of(task) == set(numbers)
    assert task.told.body.text == "李沧区某水泥多次产生报警信息，请前往现场调查原因。"


@pytest.mark.parametrize("each", [7 * MINUTE, 10 * MINUTE, 35 * MINUTE, 9 * HOUR], ids=str)
async def test_how_time_is_cut_into_passes_changes_nothing(
    store: Connection, each: timedelta
) -> None:
    made = await found(store)
    await three_grave(store)
    fourth = NOW + 25 * MINUTE
    await raised(store, fourth, ended=fourth + 5 * MINUTE)
    await in_passes(store, made, NOW - 3 * HOUR, NOW + 2 * HOUR, each)
    assert await told(store) == [
        ("task", NOW - HOUR / 2, SYSTEM),
        ("attach", NOW + 30 * MINUTE, SYSTEM),
    ]


async def test_no_pass_reviews_more_than_its_share_and_the_next_go_on(store: Connection) -> None:
    made = await found(store)
    await three_grave(store)
    begun = NOW - HOUR
    end = begun + 3 * MAX_MOMENTS * 10 * MINUTE
    relapse = begun + 2 * MAX_MOMENTS * 10 * MINUTE + 5 * MINUTE
    await raised(store, relapse, ended=relapse + MINUTE)
    for share in (1, 2, 3):
        await passed(store, made, begun + MINUTE, end)
        at = await store.fetchval("SELECT max(at) FROM enforcement_review")
        assert at == begun + share * MAX_MOMENTS * 10 * MINUTE
    # What was decided is what passes of ten minutes decide.
    assert await told(store) == [
        ("task", NOW - HOUR / 2, SYSTEM),
        ("attach", relapse + 5 * MINUTE, SYSTEM),
    ]


async def test_of_what_was_before_only_the_last_transition_is_read(store: Connection) -> None:
    await found(store)
    await store.execute(
        "INSERT INTO unit_transition (enterprise, unit, at, state)"
        " SELECT 'E1', unit, $1::timestamptz - n * interval '1 minute',"
        " CASE n % 2 WHEN 0 THEN 'running' ELSE 'off' END"
        " FROM generate_series(1, 3000) AS n, unnest(ARRAY['U1', 'U2']) AS unit",
        NOW - 90 * DAY,
    )
    await store.execute("ANALYZE unit_transition")
    statements: list[Any] = []
    store.add_query_logger(statements.append)
    try:
        spells = await load_spells(store, "E1", ["U1", "U2"], NOW - 90 * DAY, NOW)
        # A statement is told of once the loop goes round.
        await store.execute("ANALYZE unit_transition")
    finally:
        store.remove_query_logger(statements.append)
    assert {unit: len(many) for unit, many in spells.items()} == {"U1": 1, "U2": 1}
    asked, *_ = [one for one in statements if "AS u" in one.query]
    (plan,) = await store.fetchrow(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {asked.query}",  # the program's own
        "E1", ["U1", "U2"], NOW - 90 * DAY, NOW,
    )  # type: ignore[misc]  # a row of one column  # fmt: skip
    assert _rows_read(json.loads(plan)[0]["Plan"]) <= 2


def _rows_read(node: dict[str, Any]) -> int:
    """How many rows of the table a plan's scans gave, or looked at in vain."""
    own = 0
    if node.get("Relation Name") == "unit_transition":
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = round(rows * node["Actual Loops"])
    return own + sum(_rows_read(one) for one in node.get("Plans", ()))


async def test_the_same_moment_is_never_reviewed_twice(store: Connection) -> None:
    made = await found(store)
    await passed(store, made, NOW - HOUR, NOW)
    await three_grave(store)
    await passed(store, made, NOW - HOUR, NOW)
    assert await told(store) == []
    await passed(store, made, NOW, NOW + 9 * MINUTE)
    assert await told(store) == []
    await passed(store, made, NOW + 9 * MINUTE, NOW + 10 * MINUTE)
    assert await told(store) == [("task", NOW + 10 * MINUTE, SYSTEM)]


async def test_only_the_slices_of_the_pass_are_reviewed(store: Connection) -> None:
    made = await found(store)
    await three_grave(store)
    others = tuple(one for one in range(SLICES) if one != slice_of("E1"))
    await passed(store, made, NOW - 2 * HOUR, NOW, others)
    assert await told(store) == []
    await passed(store, made, NOW - 2 * HOUR, NOW, (slice_of("E1"),))
    assert len(await told(store)) == 1


async def test_a_pass_without_a_moment_of_the_grid_looks_at_one_table(store: Connection) -> None:
    made = await found(store)
    await passed(store, made, NOW, NOW + MINUTE)
    statements: list[str] = []
    store.add_query_logger(log := lambda record: statements.append(record.query))
    try:
        await passed(store, made, NOW + MINUTE, NOW + 2 * MINUTE)
    finally:
        store.remove_query_logger(log)
    read = [one for one in statements if one.startswith(("SELECT", "UPDATE", "INSERT"))]
    assert len(read) == 1


async def test_a_task_is_closed_by_itself_after_its_quiet_days(store: Connection) -> None:
    made = await found(store)
    await three_grave(store)
    await passed(store, made, NOW - 2 * HOUR, NOW + HOUR)
    (task,) = await load_lives(store, TASK)
    steps: list[tuple[TaskVerb, dict[str, Any]]] = [
        (TaskVerb.APPROVE, {}),
        (TaskVerb.ASSIGN, {"person": "P1"}),
        (TaskVerb.ACCEPT, {}),
        (TaskVerb.ARRIVE, {}),
        (TaskVerb.RESULT, {"outcome": Outcome.ORDERED}),
        (TaskVerb.FOLLOW_UP, {"days": 2}),
    ]
    for verb, more in steps:
        await decide(store, TaskStep(task=task.id, verb=verb, **more), "P1", NOW + HOUR)
    # A relapse on the first day begins the quiet days again.
    again = NOW + DAY
    await raised(store, again, ended=again + 20 * MINUTE)
    await caught_up(store, made, NOW + HOUR, again + 2 * DAY + HOUR)
    assert [one[:2] for one in await told(store)][-2:] == [
        ("attach", again),
        ("close", again + 2 * DAY + 20 * MINUTE),
    ]


async def test_declared_and_metering_faults_call_for_nobody(store: Connection) -> None:
    made = await found(store)
    for number in await three_grave(store):
        for verb, more in (
            (Verb.ACK, {}),
            (Verb.HANDLE, {"reason": "互感器", "cause": Cause.METER}),
            (Verb.RECTIFY, {"reason": "已更换"}),
            (Verb.VERIFY, {"fault": Fault.METERING}),
        ):
            action = Action(id=f"A{number}{verb}", alarm=str(number), verb=verb, **more)
            await enter(store, Decision(action, "P1", NOW))
    await passed(store, made, NOW - 3 * MINUTE, NOW + HOUR)
    assert await told(store) == []


async def test_false_rectification_is_found_in_what_people_said(store: Connection) -> None:
    made = await found(store)
    limits = default_limits()
    for days in (9, 5):
        at = NOW - days * DAY
        number = await raised(store, at, ended=at + HOUR)
        for verb, more in (
            (Verb.ACK, {}),
            (Verb.HANDLE, {"reason": "检修", "cause": Cause.AGEING}),
            (Verb.RECTIFY, {"reason": "已修"}),
        ):
            action = Action(id=f"A{number}{verb}", alarm=str(number), verb=verb, **more)  # type: ignore[arg-type]  # of several fields
            await enter(store, Decision(action, "P2", at + 2 * HOUR))
        await raised(store, at + DAY, ended=at + DAY + MINUTE)
    history = await load_history(store, "E1", NOW, limits, registry=made)
    (flagged,) = flags(history, NOW, limits)
    assert flagged.flag == "false_rectification"
    assert flagged.alarms == (1, 2, 3, 4)
    assert flagged.zh.startswith(f"{made.unit['U2'].name}在30天内")


async def test_production_is_that_of_the_lines_production_units(store: Connection) -> None:
    await found(store)
    await produced(store, NOW - 5 * DAY, NOW - 4 * DAY)
    await produced(store, NOW - 5 * DAY, NOW, unit="U2")
    history = await load_history(store, "E1", NOW, default_limits())
    assert history.production == {"L1": ((NOW - 5 * DAY, NOW - 4 * DAY),)}
    # What a unit did when it was last heard of before all that is looked at counts as well.
    await store.execute("DELETE FROM unit_transition")
    await produced(store, NOW - 500 * DAY, NOW - HOUR)
    later = await load_history(store, "E1", NOW, default_limits())
    assert later.production == {"L1": ((NOW - 90 * DAY, NOW - HOUR),)}


async def test_a_part_used_far_beyond_its_limit_while_producing_calls_for_a_visit(
    store: Connection,
) -> None:
    made = await found(store)
    part = Consumable(id="CS7", unit="U2", kind="carbon", replaced_at=NOW - 50 * DAY, limit_days=30)
    await enter(store, Decision(part, "P2", NOW - 50 * DAY))
    begun = NOW - 13 * DAY
    await raised(store, begun, rule="R18", kind="overdue:CS7", subject="unit:U2")
    await produced(store, NOW - 60 * DAY, NOW + 60 * DAY)
    limits = default_limits()
    history = await load_history(store, "E1", NOW, limits, registry=made)
    since = NOW - 50 * DAY + 39 * DAY
    assert [(one.consumable, one.line, one.since) for one in history.worn] == [
        ("CS7", "L1", since),
        ("CS7", "L2", since),
    ]
    (flagged,) = flags(history, NOW, limits)
    assert (flagged.flag, flagged.consumables) == ("running_sick", ("CS7",))
    await passed(store, made, NOW - 5 * MINUTE, NOW)
    (task,) = await load_lives(store, TASK)
    assert task.told.body.consumables == ("CS7",)
    replaced = Replacement(id="RP1", consumable="CS7", replaced_at=NOW)
    await enter(store, Decision(replaced, "P2", NOW))
    assert (await load_history(store, "E1", NOW, limits, registry=made)).worn == []


async def test_alarms_before_all_that_is_looked_at_count_while_they_go_on(
    store: Connection,
) -> None:
    await found(store)
    old = await raised(store, NOW - 200 * DAY)
    await raised(store, NOW - 190 * DAY, ended=NOW - 189 * DAY)
    await raised(store, NOW + DAY)
    now = await raised(store, NOW)
    history = await load_history(store, "E1", NOW, default_limits())
    assert sorted(one.alarm for one in history.incidents) == [old, now]
    (standing,) = flags(history, NOW, default_limits())
    assert (standing.flag, standing.alarms) == ("standing", (old,))


@pytest.mark.parametrize(
    ("hours", "days", "since"),
    [
        (10.0, None, NOW + 13 * HOUR),
        (None, 1.0, NOW + 1.3 * DAY),
        (10.0, 1.0, NOW + 13 * HOUR),
        (100.0, None, None),
        (None, 2.0, None),
        (100.0, 1.0, NOW + 1.3 * DAY),
    ],
    ids=["hours", "days", "hours first", "not yet", "days not yet", "days first"],
)
def test_worn_is_so_many_times_the_limit_whichever_is_first(
    hours: float | None, days: float | None, since: datetime | None
) -> None:
    part = Consumable(
        id="CS7", unit="U2", kind="bags", replaced_at=NOW, limit_hours=hours, limit_days=days
    )
    ran = [Spell(NOW, NOW + 20 * HOUR, Doing.RUN)]
    assert worn_since(part, (NOW, NOW + 2 * DAY), ran, 1.3) == since


async def test_a_moment_is_looked_at_once_meters_have_had_time_to_report(store: Connection) -> None:
    made = await found(store)
    await three_grave(store)
    span = Followed(made, default_rules(), tuple(range(SLICES)), NOW - HOUR / 2, NOW)
    async with store.transaction():
        await follow(store, span)
    # The moments until 02:50 are settled at 03:00; the third alarm was grave at 02:30.
    assert await told(store) == [("task", NOW - HOUR / 2, SYSTEM)]
    row = await store.fetchrow("SELECT min(at), max(at) FROM enforcement_review")
    assert row is not None
    assert tuple(row) == (NOW - 10 * MINUTE, NOW - 10 * MINUTE)
