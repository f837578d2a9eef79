"""What people do about alarms from the command line, by the system's clock."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.alarms.cases.photo import photo
from tests.storage.cases.city import after, with_alarm, with_firm
from tests.tools.conftest import Execute

from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
Tell = Callable[..., Any]


@pytest.fixture
def alarm(store_dsn: str, execute: Execute) -> int:
    """A firm's alarm that ended after an hour, and others, in a system that was simulated."""

    async def work() -> int:
        connection = await asyncpg.connect(store_dsn)
        await with_firm(connection)
        number = await with_alarm(connection, ended=60)
        await with_alarm(connection, "R4", at=10)
        await with_alarm(connection, "R8", at=20, subject="meter:M9", line="", enterprise="E2")
        await with_alarm(connection, "R3", at=30, suppressed_by='{"rule": "R2"}')
        await connection.close()
        return number

    execute("INSERT INTO simulated DEFAULT VALUES")
    execute("INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 0, 1)")
    return asyncio.run(work())


@pytest.fixture
def tell(where: list[str], execute: Execute, capsys: Capture) -> Tell:
    """Run a command so many minutes after the raise; returns its JSON lines."""

    def run(minutes: float, *words: str, status: int = 0) -> Any:
        second = round(after(minutes).timestamp())
        execute("DELETE FROM tick")
        execute("INSERT INTO tick VALUES (0, 1, $1, 1)", second)
        capsys.readouterr()
        assert main([*words, *where, "--json"]) == status
        out = capsys.readouterr()
        if status:
            return out.err
        lines = [json.loads(line) for line in out.out.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A photo of half past nine in Shanghai, half an hour after the raise."""
    made = tmp_path / "现场.jpg"
    made.write_bytes(photo("2026:11:22 09:30:00"))
    return made


def test_a_case_goes_its_whole_way(alarm: int, tell: Tell, file: Path) -> None:
    number, firm, officer = str(alarm), ("--as", "P2"), ("--as", "P1")
    seen = tell(5, "alarms", "ack", number, *firm, "--note", "看到了")
    assert seen["case"]["state"] == "acked"
    assert (seen["actor"], seen["entered_at"]) == ("P2", "2026-11-22T01:05:00Z")
    cause = ("--cause", "ageing", "--reason", "皮带老化", "--part", "皮带")
    handled = tell(10, "alarms", "handle", number, *firm, *cause)
    assert (handled["case"]["cause"], handled["case"]["part"]) == ("ageing", "皮带")
    steps = ("--step", "换皮带@2026-11-22 15:00@张三", "--step", "试车@2026-11-22 16:00")
    planned = tell(20, "alarms", "plan", number, *officer, *steps, "--deadline", "2026-11-22 18:00")
    assert planned["case"]["planned_by"] == "P1"
    assert planned["case"]["deadline"] == "2026-11-22T10:00:00Z"
    assert planned["case"]["plan"] == [
        {"what": "换皮带", "by": "2026-11-22T07:00:00Z", "who": "张三"},
        {"what": "试车", "by": "2026-11-22T08:00:00Z", "who": ""},
    ]
    mended = tell(70, "alarms", "rectify", number, *firm, "--reason", "已换", "--file", str(file))
    assert mended["case"]["state"] == "rectified"
    assert mended["case"]["evidence"] == [hashlib.sha256(file.read_bytes()).hexdigest()]
    back = tell(75, "alarms", "reject", number, *officer, "--reason", "看不清铭牌")
    assert back["case"]["state"] == "rectifying"
    tell(80, "alarms", "rectify", number, *firm, "--reason", "补拍")
    sound = tell(90, "alarms", "verify", number, *officer, "--fault", "enterprise")
    assert (sound["case"]["state"], sound["case"]["fault"]) == ("verified", "enterprise")
    tell(91, "alarms", "comment", number, *officer, "--reason", "电话回访")
    done = tell(95, "alarms", "close", number, *officer, "--reason", "办结")
    assert (done["case"]["state"], done["case"]["ending"]) == ("closed", "verified")
    shown = tell(100, "alarms", "show", number)
    assert [one["deed"] for one in shown["history"]] == [
        "报警", "确认", "处置", "制定整改方案", "消除", "整改完成", "退回", "整改完成", "核实",
        "备注", "办结",
    ]  # fmt: skip


def test_an_officer_makes_an_alarm_graver_and_its_firm_does_not(alarm: int, tell: Tell) -> None:
    number, why = str(alarm), ("--reason", "当日第三次")
    seen = tell(5, "alarms", "escalate", number, "--as", "P1", *why)
    assert (seen["case"]["state"], seen["case"]["level"]) == ("raised", 3)
    assert "无权办理" in tell(6, "alarms", "escalate", number, "--as", "P2", *why, status=1)
    tell(7, "alarms", "escalate", number, "--as", "P1", *why)
    assert "已是最高级" in tell(8, "alarms", "escalate", number, "--as", "P1", *why, status=1)
    assert [one["deed"] for one in tell(9, "alarms", "show", number)["history"]] == [
        "报警", "升级", "升级",
    ]  # fmt: skip


def test_a_refusal_is_told_in_both_languages_and_changes_nothing(alarm: int, tell: Tell) -> None:
    number = str(alarm)
    tell(5, "alarms", "ack", number, "--as", "P2")
    told = tell(6, "alarms", "ack", number, "--as", "P3", status=1)
    assert "已由李敏于2026-11-22 09:05确认" in told
    assert "ack by 李敏 at 2026-11-22 09:05" in told
    assert "nothing was changed" in told
    assert "须由区级执法员" in tell(7, "alarms", "verify", number, "--as", "P2", status=1)
    assert "nobody's name" in tell(7, "alarms", "ack", number, "--as", "system", status=1)
    assert "there is no alarm 99" in tell(7, "alarms", "ack", "99", "--as", "P2", status=1)


def test_alarms_are_listed_by_what_became_of_them(alarm: int, tell: Tell) -> None:
    tell(5, "alarms", "ack", str(alarm), "--as", "P2")

    def ids(*words: str, at: float = 90) -> list[int]:
        found = tell(at, "alarms", "list", *words)
        return [one["id"] for one in (found if isinstance(found, list) else [found])]

    assert ids() == [3, 2, 1]
    assert ids("--all") == [4, 3, 2, 1]
    assert ids("--open") == [3, 2]
    assert ids("--state", "cleared") == [1]
    assert ids("--level", "2") == [2]
    assert ids("--class", "A", "--class", "B") == [2, 1]
    assert ids("--rule", "R8") == [3]
    assert ids("--enterprise", "E1") == [2, 1]
    assert ids("--district", "A1") == [3, 2, 1]
    assert ids("--district", "R1", "--enterprise", "E2") == [3]
    assert ids("--limit", "1") == [3]
    assert ids("--overdue", at=25 * 60) == [1]
    first = tell(90, "alarms", "list", "--rule", "R2")
    assert (first["explanation"]["zh"], first["level"], first["exported_level"]) == (
        "风机未运行", 3, 2,
    )  # fmt: skip


def test_how_many_there_are_is_told_by_state_level_and_class(alarm: int, tell: Tell) -> None:
    tell(5, "alarms", "ack", str(alarm), "--as", "P2")
    counted = tell(90, "alarms", "list", "--totals")
    assert (counted["cases"], counted["open"], counted["standing"]) == (3, 3, 2)
    assert counted["by_state"] == {"cleared": 1, "raised": 2}
    assert counted["by_class"] == {"A": 1, "B": 1, "D": 1}


def test_people_read_tables(alarm: int, tell: Tell, where: list[str], capsys: Capture) -> None:
    tell(5, "alarms", "ack", str(alarm), "--as", "P2")
    for words in (("list",), ("show", str(alarm))):
        assert main(["alarms", *words, *where]) == 0
        out = capsys.readouterr().out
        assert "已确认" in out
        assert "L2 预警" in out
        assert "(U2)" in out
        assert "unit:U2" not in out
        assert "2026-11-22 09:00" in out
        assert "T01:00" not in out
    said = ["--as", "P2", "--cause", "ageing", "--reason", "皮带断裂", "--part", "皮带"]
    assert main(["alarms", "handle", str(alarm), *said, *where]) == 0
    assert main(["alarms", "show", str(alarm), *where]) == 0
    assert "原因 部件老化" in capsys.readouterr().out
    assert main(["alarms", "comment", str(alarm), "--as", "P1", "--reason", "x", *where]) == 0
    assert "alarm 1: 整改中 (rectifying), by P1 at 2026-11-22 09:05" in capsys.readouterr().out


def test_an_alarm_is_declared_and_an_officer_reviews_it(alarm: int, tell: Tell) -> None:
    words = ("--kind", "meter-fault", "--end", "2026-11-22 12:00", "--reason", "互感器损坏")
    declared = tell(5, "alarms", "declare", str(alarm), "--as", "P2", *words)
    name = declared["case"]["declaration"]
    listed = tell(6, "declarations", "list", "--state", "pending", "--enterprise", "E1")
    assert (listed["id"], listed["subject"], listed["start"]) == (
        name, "U2", "2026-11-22T00:55:00Z",
    )  # fmt: skip
    opinion = ("--opinion", "属实")
    tell(10, "declarations", "review", name, "approve", "--as", "P1", *opinion)
    assert tell(11, "declarations", "list")["state"] == "approved"
    shown = tell(12, "alarms", "show", str(alarm))
    assert (shown["state"], shown["ending"]) == ("closed", "exempt")
    told = tell(13, "declarations", "review", name, "reject", "--as", "P1", status=1)
    assert "已由王建国于2026-11-22 09:10审核" in told


def test_what_is_declared_in_advance_comes_again_and_explains_a_later_alarm(
    alarm: int, tell: Tell
) -> None:
    of = ("--scope", "unit", "--subject", "U2", "--kind", "maintenance", "--repeats", "weekly")
    when = ("--start", "2026-11-15 09:00", "--end", "2026-11-15 11:00", "--until", "2026-12-31")
    made = tell(-9000, "declarations", "add", "--as", "P3", *of, *when)
    too_long = tell(-8000, "declarations", "review", made["id"], "approve", "--as", "P1", status=1)
    assert "超过30天的申报须由领导批准" in too_long
    tell(-8000, "declarations", "review", made["id"], "approve", "--as", "P5")
    done = tell(3, "alarms", "declare", str(alarm), "--as", "P2", "--declaration", made["id"])
    assert (done["case"]["state"], done["case"]["ending"]) == ("closed", "exempt")


def test_a_declaration_ends_sooner_is_withdrawn_or_revoked(alarm: int, tell: Tell) -> None:
    words = ("--kind", "maintenance", "--end", "+2d", "--reason", "检修")
    name = tell(5, "alarms", "declare", str(alarm), "--as", "P2", *words)["case"]["declaration"]
    tell(6, "declarations", "review", name, "approve", "--as", "P1", "--opinion", "属实")
    assert tell(7, "declarations", "list")["end"] == "2026-11-24T01:05:00Z"
    tell(30, "declarations", "end", name, "--as", "P2", "--reason", "提前开机")
    listed = tell(31, "declarations", "list")
    assert (listed["end"], listed["ended"], listed["state"]) == (
        "2026-11-22T01:30:00Z", "提前开机", "approved",
    )  # fmt: skip
    told = tell(32, "declarations", "end", name, "--as", "P3", "--reason", "x", status=1)
    assert "申报本就于2026-11-22 09:30结束,只能提前" in told
    assert tell(33, "alarms", "show", str(alarm))["ending"] == "exempt"
    tell(34, "declarations", "revoke", name, "--as", "P2", "--reason", "不实", status=1)
    tell(35, "declarations", "revoke", name, "--as", "P1", "--reason", "现场仍在生产")
    shown = tell(36, "alarms", "show", str(alarm))
    assert (shown["state"], shown["ending"], shown["history"][-1]["deed"]) == (
        "acked", None, "申报撤销",
    )  # fmt: skip
    of = ("--scope", "unit", "--subject", "U2", "--kind", "trial")
    when = ("--start", "+1d", "--end", "+2d")
    made = tell(40, "declarations", "add", "--as", "P3", *of, *when)
    tell(41, "declarations", "end", made["id"], "--as", "P3", "--reason", "取消")
    assert tell(42, "declarations", "list", "--state", "withdrawn")["ended"] == "取消"
    told = tell(43, "declarations", "end", "DC99", "--as", "P3", "--reason", "x", status=1)
    assert "there is no declaration DC99" in told


def test_what_is_declared_afterwards_or_for_long_is_told_as_such(
    alarm: int, tell: Tell, where: list[str], capsys: Capture
) -> None:
    assert alarm == 1
    tell(5, "declarations", "list")
    of = ("--as", "P2", "--scope", "unit", "--subject", "U2", "--kind", "meter-fault")
    said = ["declarations", "add", *of, "--start", "-3h", "--end", "+40d", *where]
    assert main(said) == 0
    told = capsys.readouterr().out
    assert "补报:2026-11-22 06:05开始,2026-11-22 09:05才申报" in told
    assert "时段过长,须由领导批准" in told
    listed = tell(6, "declarations", "list")
    assert (listed["declared_late"], listed["for_leader"]) == (True, True)
    assert main(["declarations", "list", *where]) == 0
    table = capsys.readouterr().out
    for text in ("待领导审核", "表计故障", "2026-11-22 06:05", "2026-11-22 09:05 补报", "(U2)"):
        assert text in table
    assert "pending" not in table


def test_a_firm_grants_itself_no_time_and_an_officer_does(alarm: int, tell: Tell) -> None:
    tell(5, "alarms", "ack", str(alarm), "--as", "P2")
    why = ("--cause", "ageing", "--reason", "皮带老化", "--deadline", "+2d")
    told = tell(6, "alarms", "handle", str(alarm), "--as", "P2", *why, status=1)
    assert "整改期限为2026-11-23 09:00,企业只能提前" in told
    steps = ("--step", "换皮带@+1d", "--deadline", "+2d")
    planned = tell(7, "alarms", "plan", str(alarm), "--as", "P1", *steps)
    assert planned["case"]["deadline"] == "2026-11-24T01:07:00Z"
    handled = tell(8, "alarms", "handle", str(alarm), "--as", "P2", *why[:4], "--deadline", "+47h")
    assert handled["case"]["deadline"] == "2026-11-24T00:08:00Z"


def test_a_file_is_kept_shown_and_verified(
    alarm: int, tell: Tell, file: Path, tmp_path: Path, execute: Execute
) -> None:
    kept = tell(40, "evidence", "add", str(alarm), str(file), "--as", "P2", "--note", "新皮带")
    assert (kept["media"], kept["taken_at"]) == ("image/jpeg", "2026-11-22T01:30:00Z")
    out = tmp_path / "copy.jpg"
    shown = tell(50, "evidence", "show", kept["sha256"], "--out", str(out))
    assert (shown["actor"], shown["note"]) == ("P2", "新皮带")
    assert out.read_bytes() == file.read_bytes()
    assert tell(50, "evidence", "verify") == {"altered": []}
    execute("ALTER TABLE evidence DISABLE TRIGGER USER")
    execute("UPDATE evidence SET bytes = '\\x00'")
    execute("ALTER TABLE evidence ENABLE TRIGGER USER")
    tell(50, "evidence", "verify", status=1)


def test_an_old_photo_is_refused(alarm: int, tell: Tell, tmp_path: Path) -> None:
    old = tmp_path / "旧.jpg"
    old.write_bytes(photo("2026:11:21 09:30:00"))
    told = tell(40, "evidence", "add", str(alarm), str(old), "--as", "P2", status=1)
    assert "早于报警1的发生时间(2026-11-22 09:00)" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("alarms", "plan", "1", "--step", "换皮带", "--deadline", "now"), "a step is WHAT@TIME"),
        (("alarms", "declare", "1"), "needs --kind and --end"),
        (("alarms", "rectify", "1", "--reason", "x", "--file", "/none"), "is no file"),
    ],
    ids=["a-step-without-time", "nothing-declared", "no-file"],
)
def test_what_is_asked_wrongly_is_told_so(
    alarm: int, tell: Tell, words: tuple[str, ...], told: str
) -> None:
    assert alarm == 1
    assert told in tell(5, *words, "--as", "P2", status=2)


@pytest.mark.parametrize(
    "words",
    [
        ("alarms", "show", "99"),
        ("evidence", "show", "0" * 64),
        ("declarations", "review", "DC9", "approve", "--as", "P1"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_told_so(alarm: int, tell: Tell, words: tuple[str, ...]) -> None:
    assert alarm == 1
    assert "there is no" in tell(5, *words, status=1)
