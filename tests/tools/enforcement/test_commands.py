"""What officers do, played through the command line."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from tests.storage.enforcement.firm import DAY, HOUR, NOW, found, raised

from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
Say = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def alarms(store_dsn: str) -> list[int]:
    """A city whose time is NOW, and three grave alarms of E1 in it."""

    async def work() -> list[int]:
        connection = await asyncpg.connect(store_dsn)
        await found(connection)
        await connection.execute("INSERT INTO simulated DEFAULT VALUES")
        await connection.execute(
            "INSERT INTO tick (shard, number, second, covers_s) VALUES (0, 1, $1, 1)",
            int(NOW.timestamp()),
        )
        begun = [NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY]
        numbers = [await raised(connection, at, ended=at + HOUR) for at in begun]
        await connection.close()
        return numbers

    return asyncio.run(work())


@pytest.fixture
def say(where: list[str], capsys: Capture, alarms: list[int]) -> Say:
    """Run a command with --json and return its lines."""
    assert alarms

    def run(*words: str, person: str = "", status: int = 0) -> list[dict[str, Any]]:
        acting = ["--as", person] if person else []
        assert main([*words, *acting, *where, "--json"]) == status
        told = capsys.readouterr()
        assert (told.err == "") == (status == 0), told.err
        return [json.loads(line) for line in told.out.splitlines()]

    return run


@pytest.fixture
def wrong(where: list[str], capsys: Capture, alarms: list[int]) -> Callable[..., str]:
    """Run a command that is refused and return what it says."""
    assert alarms

    def run(*words: str) -> str:
        assert main([*words, *where]) == 1
        return capsys.readouterr().err

    return run


def test_a_task_goes_from_proposal_to_observation(say: Say, alarms: list[int]) -> None:
    (told,) = say(
        "tasks", "propose", "E1", "--text", "多次报警", "--alarm", str(alarms[0]), person="P3"
    )
    name = told["id"]
    (task,) = say("tasks", "list", "--open")
    assert (task["id"], task["state"], task["state_zh"]) == (name, "proposed", "待批准")
    say("tasks", "attach", name, "--alarm", str(alarms[1]), person="P1")
    say("tasks", "approve", name, person="P3")
    say("tasks", "assign", name, "--to", "P4", person="P3")
    say("tasks", "assign", name, "--to", "P1", "--instead-of", "P4", person="P3")
    say("tasks", "accept", name, person="P1")
    say("tasks", "arrive", name, person="P1")
    say("tasks", "result", name, "--outcome", "ordered", "--note", "风机老化", person="P1")
    say("tasks", "follow-up", name, person="P1")
    say("findings", "add", "E1", "--source", "drone", "--what", "烟羽", "--task", name, person="P1")
    (shown,) = say("tasks", "show", name)
    assert (shown["state"], shown["assignee"], shown["outcome"]) == ("follow_up", "P1", "ordered")
    assert shown["alarms"] == sorted(alarms[:2])
    assert len(shown["findings"]) == 1
    assert [one["body"]["verb"] for one in shown["steps"]][-2:] == ["result", "follow_up"]
    assert shown["steps"][-1]["body"]["days"] == 7
    assert say("tasks", "list", "--state", "closed") == []
    say("tasks", "close", name, person="P1", status=1)


def test_a_refusal_says_why_in_both_languages(say: Say, wrong: Callable[..., str]) -> None:
    say("tasks", "propose", "E3", "--text", "t", person="P1")
    (task,) = say("tasks", "list", "--enterprise", "E3")
    told = wrong("tasks", "approve", task["id"], "--as", "P1")
    assert "须由领导批准" in told
    assert "a leader approves visits to it" in told
    assert "no task TK99" in wrong("tasks", "show", "TK99")
    say("tasks", "reject", task["id"], "--note", "误报", person="P6")
    assert say("tasks", "list", "--open") == []


def test_what_people_read_is_in_chinese(say: Say, where: list[str], capsys: Capture) -> None:
    say("tasks", "propose", "E1", "--text", "多次报警", person="P3")
    (task,) = say("tasks", "list")
    say("tasks", "approve", task["id"], person="P3")
    say("findings", "add", "E1", "--source", "online", "--what", "超标", "--task", task["id"],
        person="P1")  # fmt: skip
    for words, wanted in (
        (("tasks", "list"), ("已批准", "多次报警")),
        (
            ("tasks", "show", task["id"]),
            ("赵丽", "批准", "提出", "人工提出", "超标", "在线监测数据"),
        ),
        (("findings", "list"), ("在线监测数据", "王建国")),
    ):
        assert main([*words, *where]) == 0
        out = capsys.readouterr().out
        assert all(text in out for text in wanted), out
        assert re.search(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} ", out), out
        assert "Z " not in out


def test_a_task_is_shown_in_chinese_to_its_end(say: Say, where: list[str], capsys: Capture) -> None:
    (told,) = say("tasks", "propose", "E2", "--text", "巡查发现", person="P3")
    name = told["id"]
    say("tasks", "approve", name, person="P3")
    say("tasks", "assign", name, "--to", "P4", person="P3")
    say("tasks", "accept", name, person="P4")
    say("tasks", "arrive", name, person="P4")
    say("tasks", "assign", name, "--to", "P3", "--instead-of", "P4", "--note", "患病", person="P3")
    say("tasks", "accept", name, person="P3")
    say("tasks", "arrive", name, person="P3")
    (seen,) = say("inspections", "add", "E2", "--mode", "off-site", person="P3")
    say("inspections", "conclude", seen["id"], "--problems", "0", person="P3")
    exempted = ["tasks", "result", name, "--outcome", "exempted", "--minor", "--harmless"]
    say(*exempted, person="P3", status=1)
    say(*exempted, "--inspection", seen["id"], person="P3")
    say("tasks", "follow-up", name, "--days", "3", person="P3")
    assert main(["tasks", "show", name, *where]) == 0
    out = capsys.readouterr().out
    for text in ("批准", "指派  孙强", "接受", "到场", "指派  赵丽  接替孙强  患病",
                 "结果  免予处罚", f"检查{seen['id']}", "回访观察  3天"):  # fmt: skip
        assert text in out, out
    for word in ("propose", "approve", "assign", "exempted", "follow_up", "Z "):
        assert word not in out, out


def test_a_firm_that_came_onto_the_list_needs_a_leaders_endorsement(
    say: Say, wrong: Callable[..., str]
) -> None:
    (told,) = say("tasks", "propose", "E1", "--text", "t", person="P1")
    say("tasks", "approve", told["id"], person="P1")
    assert "须由领导办理" in wrong("tasks", "endorse", told["id"], "--as", "P1")
    say("tasks", "endorse", told["id"], person="P6")


def test_flags_tell_what_a_firm_is_recognised_by(
    say: Say, alarms: list[int], where: list[str], capsys: Capture
) -> None:
    (flag,) = say("flags")
    assert (flag["enterprise"], flag["flag"], flag["alarms"]) == ("E1", "high_frequency", alarms)
    assert flag["task"] is None
    assert say("flags", "E2") == []
    assert say("flags", "--at", (NOW - 2 * DAY).isoformat()) == []
    (told,) = say("tasks", "propose", "E1", "--text", "t", person="P1")
    assert say("flags", "E1")[0]["task"] == told["id"]
    assert main(["flags", *where]) == 0
    assert "高频报警" in capsys.readouterr().out


def test_inspections_are_entered_switched_ended_and_counted(
    say: Say, where: list[str], capsys: Capture
) -> None:
    for _ in range(3):
        say("inspections", "add", "E1", "--mode", "off-site", "--means", "electricity",
            person="P1")  # fmt: skip
    (surprise,) = say("inspections", "add", "E1", "--mode", "surprise", "--means", "sampling",
                      "--with", "P4", "--at", "-1h", person="P1")  # fmt: skip
    first = say("inspections", "list")[0]["id"]
    say("inspections", "switch", first, "--note", "数据异常", person="P1")
    say("inspections", "conclude", surprise["id"], "--problems", "2", person="P1")
    (total,) = say("inspections", "list", "--total")
    assert total == {
        "off_site": 2, "on_site": 2, "surprise": 1, "switched": 1, "problems": 2, "total": 4,
        "share": 0.5,
    }  # fmt: skip
    assert say("inspections", "list", "--since", "2999-01-01") == []
    assert main(["inspections", "list", "--total", *where]) == 0
    assert "非现场 2 (50.0%)" in capsys.readouterr().out
    assert main(["inspections", "list", *where]) == 0
    assert "突击检查" in capsys.readouterr().out


def test_a_supervisor_comes_is_relieved_and_leaves(
    say: Say, where: list[str], capsys: Capture
) -> None:
    (told,) = say("stations", "add", "E1", "--supervisor", "P1", "--reason", "排放不达标",
                  "--start", "-3h", person="P1")  # fmt: skip
    say("stations", "relieve", told["id"], "--supervisor", "P4", "--at", "-1h", person="P1")
    say("stations", "end", told["id"], person="P1")
    (station,) = say("stations", "list")
    assert (station["state"], len(station["steps"])) == ("ended", 2)
    assert main(["stations", "list", *where]) == 0
    out = capsys.readouterr().out
    assert "已撤离" in out
    assert "孙强" in out


def test_clues_and_weak_points_live_through_the_command_line(
    say: Say, alarms: list[int], where: list[str], capsys: Capture
) -> None:
    (finding,) = say("findings", "add", "E1", "--source", "complaint", "--what", "异味",
                     person="P1")  # fmt: skip
    say("findings", "attach", finding["id"], "--alarm", str(alarms[0]), person="P1")
    assert say("findings", "list", "--source", "complaint")[0]["alarms"] == [str(alarms[0])]
    assert say("findings", "list", "--source", "video") == []
    (clue,) = say("clues", "add", "E1", "--text", "夜间", "--alarm", str(alarms[0]),
                  "--finding", finding["id"], person="P1")  # fmt: skip
    say("clues", "assign", clue["id"], "--to", "P4", person="P1")
    say("clues", "confirm", clue["id"], "--note", "属实", person="P4")
    say("clues", "dismiss", clue["id"], "--note", "不实", person="P4", status=1)
    assert say("clues", "list")[0]["state"] == "confirmed"
    (weak,) = say("focus", "add", "U2", "--scope", "unit", "--weakness", "叶轮老化",
                  "--officer", "P1", "--due", "2026-12-01", person="P1")  # fmt: skip
    say("focus", "rectify", weak["id"], "--note", "更换", person="P2")
    say("focus", "return", weak["id"], "--note", "未装", person="P1")
    say("focus", "rectify", weak["id"], "--note", "更换", person="P2")
    say("focus", "confirm", weak["id"], person="P1")
    assert say("focus", "list", "--enterprise", "E1")[0]["state"] == "confirmed"
    for words, wanted in ((("clues", "list"), "已查实"), (("focus", "list"), "已消除")):
        assert main([*words, *where]) == 0
        assert wanted in capsys.readouterr().out
