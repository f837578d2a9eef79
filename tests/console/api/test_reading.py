"""Lists and single things: everybody gets what is theirs, a page at a time, tagged."""

import pytest
from tests.console.api.caller import Caller
from tests.storage.acting.two_firms import HOUR, NOW, digest, picture

from wattwarden.console.api.routes import RESOURCES

LISTS = [one.name.replace("{enterprise}", "E1") for one in RESOURCES if "{meter}" not in one.name]
# Who asks, whose things are theirs, whose are not.
READERS = (("duty1", "E1", "E2"), ("head2", "E2", "E1"), ("district1", "E1", "E2"))
MOST_PAGES = 4
FIRMS = {"E1", "E2"}


async def test_nobody_of_a_firm_is_told_of_another_by_any_list(caller: Caller) -> None:
    leaked, told_of_own = [], 0
    for name in LISTS:
        for person, own, foreign in READERS:
            answer = await caller.get(f"{name}?limit=200", person)
            if answer.status in {403, 404}:
                continue
            told = {row.get("enterprise") for row in answer.items}
            told_of_own += own in told
            leaked += [(name, person)] if foreign in told else []
    assert leaked == []
    assert told_of_own > len(LISTS)


async def test_each_list_comes_whole_in_pages_of_one(caller: Caller) -> None:
    torn = []
    for name in LISTS:
        person = "admin" if (await caller.get(name, "leader")).status == 403 else "leader"
        whole = (await caller.get(f"{name}?limit=200", person)).items
        paged, after = [], ""
        for _ in whole[:MOST_PAGES] or [{}]:
            answer = await caller.get(f"{name}?limit=1{after}", person)
            paged += answer.items
            after = f"&after={answer.told['next']}"
        torn += [name] if paged != whole[:MOST_PAGES] else []
    assert torn == []


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("tasks", "TK-E1-gone"),
        ("declarations", "DC-E1"),
        ("findings", "FD-E1"),
        ("inspections", "IN-E1"),
        ("stations", "ST-E1"),
        ("clues", "CL-E1"),
        ("focus", "FC-E1"),
        ("requests", "AS-E1"),
        ("enterprises", "E1"),
        ("units", "U1"),
        ("lines", "L1"),
    ],
)
async def test_a_single_thing_is_the_row_of_its_list(caller: Caller, name: str, one: str) -> None:
    listed = {row["id"]: row for row in (await caller.get(f"{name}?limit=200", "leader")).items}
    answer = await caller.get(f"{name}/{one}", "leader")
    assert answer.status == 200
    assert answer.told == listed[one]
    foreign = one.replace("E1", "E2").replace("U1", "U9").replace("L1", "L9")
    assert (await caller.get(f"{name}/{foreign}", "duty1")).status in {403, 404}
    assert (await caller.get(f"{name}/nothing", "leader")).status == 404


async def test_an_alarm_is_told_with_its_explanation(caller: Caller) -> None:
    alarm = await caller.desk.alarm_of("E1")
    told = (await caller.get(f"alarms/{alarm}", "duty1")).told
    assert told["alarm"]["id"] == alarm
    assert told["explanation"]["zh"] == "停运"
    foreign = await caller.desk.alarm_of("E2")
    there, not_there = [await caller.get(f"alarms/{n}", "duty1") for n in (foreign, 999_999)]
    assert there.status == not_there.status == 404
    assert there.body == not_there.body


async def test_a_tag_that_still_holds_spares_the_body(caller: Caller) -> None:
    first = await caller.get("enterprises/E1", "leader")
    again = await caller.get("enterprises/E1", "leader", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    other = await caller.get("enterprises/E2", "leader", If_None_Match=first.headers["ETag"])
    assert other.status == 200


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("limit=0", id="no rows"),
        pytest.param("limit=201", id="too many rows"),
        pytest.param("limit=x", id="no number"),
        pytest.param("limit=1&limit=2", id="twice"),
        pytest.param("surprise=1", id="no filter of it"),
        pytest.param("state=nothing", id="no state"),
        pytest.param("since=2026-01-01", id="no moment"),
        pytest.param("since=2026-01-01T00:00:00", id="no offset"),
        pytest.param("after=%21", id="no cursor"),
        pytest.param("after=WyJhIiwxXQ", id="another list's cursor"),
        pytest.param("after=Wy0xLDFd", id="a cursor before time began"),
        pytest.param("enterprise=%07", id="what no text holds"),
        pytest.param("format=exe", id="no form"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(caller: Caller, query: str) -> None:
    answer = await caller.get(f"alarms?{query}", "leader")
    assert answer.status == 422, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.told["code"] == "asked_wrongly"
    assert answer.told["detail"]


@pytest.mark.parametrize(
    ("path", "person", "status"),
    [
        pytest.param("alarms", None, 401, id="nobody"),
        pytest.param("alarms", "ww_wrong", 401, id="no token of ours"),
        pytest.param("decisions", "duty1", 403, id="not for this role"),
        pytest.param("nothing", "leader", 404, id="no such thing"),
    ],
)
async def test_errors_are_problems(
    caller: Caller, path: str, person: str | None, status: int
) -> None:
    answer = await caller.get(path, person)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.told["status"] == status


async def test_who_asks_is_told_who_they_are(caller: Caller) -> None:
    told = (await caller.get("me", "duty1")).told
    assert (told["id"], told["enterprise"], told["role"]) == ("duty1", "E1", "duty")
    assert "action.rectify" in told["rights"]
    assert "clues" not in told["reads"]


async def test_the_bytes_of_a_file_are_for_whoever_sees_it(caller: Caller) -> None:
    answer = await caller.get(f"evidence/{digest('E1')}/bytes", "duty1")
    assert (answer.status, answer.body) == (200, picture("E1"))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (await caller.get(f"evidence/{digest('E2')}/bytes", "duty1")).status == 404


@pytest.mark.parametrize(
    "path",
    ["statistics", "statistics?by=enterprise", "units/U1/curve", "enterprises/E1/weak-points"],
)
async def test_figures_are_told_for_a_time(caller: Caller, path: str) -> None:
    answer = await caller.get(path, "duty1")
    assert answer.status == 200, answer.body
    assert answer.told["since"] < answer.told["until"]
    end = "&" if "?" in path else "?"
    backwards = f"{path}{end}since=2026-11-02T00:00:00Z&until=2026-11-01T00:00:00Z"
    assert (await caller.get(backwards, "duty1")).status == 422
    assert (await caller.get(f"{path}{end}since=0001-01-01T00:00:00Z", "duty1")).status == 422


async def test_a_leader_sees_counts_of_all_and_a_firm_its_own(caller: Caller) -> None:
    for person, seen in (("leader", FIRMS), ("duty1", {"E1"})):
        rows = (await caller.get("statistics?by=enterprise", person)).told["items"]
        assert {row["name"] for row in rows} == seen


async def with_readings(caller: Caller) -> int:
    """Let the meter of U1 say something three times; return its number."""
    await caller.desk.fetch("DELETE FROM reading")
    await caller.desk.fetch("DELETE FROM meter")
    point, *_ = await caller.desk.fetch(
        "SELECT body ->> 'meter' AS meter, body ->> 'channel' AS channel FROM registry_entry"
        " WHERE kind = 'point' AND body ->> 'unit' = 'U1' AND coalesce(body ->> 'factor', '') = ''"
    )
    codec, _, address = point["meter"].partition(":")
    (row,) = await caller.desk.fetch(
        "INSERT INTO meter (codec, address, state, enrolled_at) VALUES ($1, $2, 'accepted', $3)"
        " RETURNING id",
        codec,
        address,
        NOW - HOUR,
    )
    await caller.desk.fetch(
        "INSERT INTO reading (meter, channel, period, at, received_at, quality, step, power_total)"
        " SELECT $1, $2, 'i', $3::timestamptz + n * interval '1 minute', $3, 0, 1, 100 * n"
        " FROM generate_series(1, 3) AS n",
        row["id"],
        point["channel"] or "",
        NOW - HOUR,
    )
    return int(row["id"])


async def test_a_meter_and_what_it_said_are_for_its_firm(caller: Caller) -> None:
    meter = await with_readings(caller)
    one = (await caller.get(f"meters/{meter}", "duty1")).told
    assert (one["enterprise"], one["state"]) == ("E1", "accepted")
    paged, after = [], ""
    for _ in range(3):
        answer = await caller.get(f"meters/{meter}/readings?limit=1{after}", "duty1")
        paged += answer.items
        after = f"&after={answer.told['next']}"
    assert [row["values"][0]["value"] for row in paged] == [100, 200, 300]
    for path in (f"meters/{meter}", f"meters/{meter}/readings"):
        assert (await caller.get(path, "head2")).status == 404
    assert (await caller.get("meters", "head2")).items == []
    curve = (await caller.get("units/U1/curve", "duty1")).told
    assert curve["watts"]


async def test_a_meter_that_cannot_be_asked_is_not_asked(caller: Caller) -> None:
    meter = await with_readings(caller)
    body = {"command": {"verb": "ask", "items": ["nothing"]}}
    answer = await caller.post(f"meters/{meter}/commands", "leader", body)
    assert answer.status == 422, answer.body
    assert (await caller.get("commands", "leader")).items == []
    assert (await caller.post(f"meters/{meter}/commands", "duty1", body)).status in {403, 422}
