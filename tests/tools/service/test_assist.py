"""``wattwarden assist``: a firm asks, an officer helps, both see what they may."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    EquipmentKind,
    Person,
    Requirement,
    Role,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.registry.registry import save_registry
from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# Mended one after another, each by another way.
PEOPLE = (
    Person(id="P3", name="赵六", role=Role.DUTY, enterprise="E2"),
    Person(id="P4", name="钱支", role=Role.CITY_OFFICER, agency="A"),
)


@pytest.fixture
def city(store_dsn: str, where: list[str]) -> list[str]:
    """A store with two firms and their people; the options that lead to it."""
    made = registry(
        *[("person", one) for one in PEOPLE],
        ("requirement", Requirement(id="V", equipment=EquipmentKind.VIDEO, industry="cement")),
    )

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await save_registry(connection, difference(Registry(), made), "me", now=LONG_AGO)
        await connection.execute(
            "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended,"
            " found_in, version, explanation) VALUES ('R2', 'unit:U2', '', now() - interval '3 h',"
            " 'E1', 'L1', now() - interval '3 h', now() - interval '1 h', 'readings', '1',"
            """ '{"zh": "风机停运", "en": "the fan is off", "signals": {}, "thresholds": {},"""
            """ "windows": {}, "version": "1"}')"""
        )
        await connection.close()

    asyncio.run(work())
    return where


def told(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    assert main(["assist", *words, "--json"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    return [json.loads(line) for line in out.out.splitlines()]


def shown(capsys: Capture, *words: str) -> str:
    assert main(["assist", *words]) == 0
    return capsys.readouterr().out


def test_a_firm_asks_and_confirms_what_an_officer_solved(city: list[str], capsys: Capture) -> None:
    ask = ("request", "排污许可如何变更", "--topic", "permit", "--as", "P2", "--wanted", "now")
    (entered,) = told(capsys, *ask, *city)
    identity = entered["id"]
    assert (entered["kind"], entered["enterprise"]) == ("assistance", "E1")
    for words in (
        ("accept", identity, "--as", "P1"),
        ("schedule", identity, "--as", "P1", "--at", "now", "--visitor", "P1"),
        ("solve", identity, "--as", "P1", "--text", "重新申领"),
        ("reopen", identity, "--as", "P2", "--text", "还缺附件"),
        ("solve", identity, "--as", "P1", "--text", "补交附件"),
        ("confirm", identity, "--as", "P2"),
    ):
        told(capsys, *words, *city)
    (request,) = told(capsys, "list", *city)
    assert (request["state"], request["solution"]) == ("confirmed", "补交附件")
    assert [step["deed"] for step in request["steps"]][-2:] == ["solve", "confirm"]
    text = shown(capsys, "show", identity, *city)
    assert "企业已确认" in text
    assert "补交附件" in text
    assert main(["assist", "solve", identity, "--as", "P1", "--text", "再次", *city]) == 1
    assert "已由P2于" in capsys.readouterr().err


def test_a_request_may_be_declined_or_taken_back(city: list[str], capsys: Capture) -> None:
    ids = [told(capsys, "request", "风机", "--as", "P2", *city)[0]["id"] for _ in range(2)]
    told(capsys, "decline", ids[0], "--as", "P1", "--text", "不属环保事项", *city)
    told(capsys, "withdraw", ids[1], "--as", "P2", *city)
    (one,) = told(capsys, "list", "--state", "declined", *city)
    assert one["id"] == ids[0]
    assert "已撤回" in shown(capsys, "list", *city)


def test_firms_see_their_own_requests_and_no_others(city: list[str], capsys: Capture) -> None:
    told(capsys, "request", "风机", "--as", "P2", *city)
    assert told(capsys, "list", "--as", "P3", *city) == []
    assert len(told(capsys, "list", "--as", "P1", *city)) == 1
    assert main(["assist", "show", "AS2", "--as", "P3", *city]) == 1
    assert "no request" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "what"),
    [
        (("request", "x", "--as", "P1"), 2, "of no enterprise"),
        (("request", "x", "--as", "P2", "--enterprise", "E2"), 1, "管辖范围"),
        (("remind", "x", "--as", "P2", "--enterprise", "E1"), 1, "无权"),
        (("reminders", "E9"), 1, "没有企业E9"),
        (("reminders", "E1", "--as", "P3"), 1, "没有企业E1"),
        (("weak-points", "E1", "--as", "P9"), 1, "没有人员P9"),
        (("documents", "DM9"), 1, "没有手册DM9"),
        (("publish", "none.md", "--as", "P4", "--industry", "i", "--title", "t"), 1, "read"),
    ],
    ids=[
        "no firm", "another's", "not an officer", "no such firm", "not theirs", "nobody",
        "no manual", "no file",
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_why(
    city: list[str], capsys: Capture, words: tuple[str, ...], status: int, what: str
) -> None:
    assert main(["assist", *words, *city]) == status
    assert what in capsys.readouterr().err


def test_a_manual_is_shown_to_firms_of_its_industry(
    city: list[str], capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "cement.md"
    file.write_text("# 水泥行业环境管理手册\n", "utf-8")
    publish = ("publish", str(file), "--as", "P4", "--industry", "cement", "--title", "一业一册")
    (entered,) = told(capsys, *publish, *city)
    assert shown(capsys, "documents", entered["id"], *city).startswith("# 水泥")
    (own,) = told(capsys, "documents", "--as", "P2", *city)
    assert own["title"] == "一业一册"
    assert told(capsys, "documents", "--as", "P3", *city) == []
    assert "一业一册" in shown(capsys, "documents", "--as", "P1", *city)
    told(capsys, *publish, "--id", entered["id"], "--withdraw", *city)
    assert told(capsys, "documents", *city) == []


def test_a_firm_is_reminded_by_officers_and_by_what_is_known_of_it(
    city: list[str], capsys: Capture
) -> None:
    (entered,) = told(capsys, "remind", "及时换炭", "--as", "P1", "--enterprise", "E1", *city)
    told(capsys, "remind", "停产预案", "--as", "P4", "--industry", "cement", "--due", "now", *city)
    told(capsys, "read", entered["id"], "--as", "P2", *city)
    found = told(capsys, "reminders", "E1", "--as", "P2", *city)
    assert [one["kind"] for one in found] == ["case", "equipment", "reminder", "reminder"]
    assert "风机停运" in found[0]["zh"]
    assert (found[2]["read_at"] is None, found[3]["read_at"]) == (False, None)
    text = shown(capsys, "reminders", "E1", *city)
    assert "视频监控应装未装" in text
    assert "停产预案" in text


def test_training_round_tables_and_solutions_are_entered(city: list[str], capsys: Capture) -> None:
    firm = ("--enterprise", "E1")
    (table,) = told(capsys, "round-table", "座谈会", "--as", "P1", "--at", "now", *firm, *city)
    train = ("train", "巡检制度", "--as", "P1", "--at", "now", "--guidance", "patrols")
    (trained,) = told(capsys, *train, *firm, "--attendees", "30", *city)
    solve = ("solution", "许可到期", "延续申请", "--as", "P1", "--topic", "permit")
    (solved,) = told(capsys, *solve, *firm, "--round-table", table["id"], *city)
    kinds = [one["kind"] for one in (table, trained, solved)]
    assert kinds == ["round_table", "training", "solution"]


def test_a_firms_weak_points_are_its_machines_with_alarms(city: list[str], capsys: Capture) -> None:
    (point,) = told(capsys, "weak-points", "E1", "--as", "P2", "--since", "-1d", *city)
    assert (point["subject"], point["alarms"], point["rules"]) == ("unit:U2", 1, {"R2": 1})
    assert point["open_ms"] == pytest.approx(7_200_000, abs=1000)
    assert "unit:U2" in shown(capsys, "weak-points", "E1", *city)
