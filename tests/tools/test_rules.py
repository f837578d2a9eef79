"""``wattwarden rules``: shown, checked, activated."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.storage.registry.council import with_council
from tests.tools.conftest import Execute

from wattwarden.alarms.rulebook import RULE_IDS, default_rules, default_text
from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Rules with another T1, under another version."""
    text = default_text().replace("delay_s = 600", "delay_s = 420", 1)
    file = tmp_path / "other.toml"
    file.write_text(text.replace('version = "1"', 'version = "2"'), "utf-8")
    return file


@pytest.fixture
def council(store_dsn: str, where: list[str]) -> list[str]:
    """The options that lead to a store that has people who may decide."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await with_council(connection)
        await connection.close()

    asyncio.run(work())
    return where


def proposed(capsys: Capture, file: Path, where: list[str], person: str = "C1") -> str:
    words = [str(file), "--as", person, "--reason", "试行"]
    return str(told(capsys, "propose", *words, *where)["id"])


def told(capsys: Capture, *words: str, status: int = 0) -> dict[str, Any]:
    assert main(["rules", *words, "--json"]) == status
    out = capsys.readouterr()
    assert out.err == ""
    answer = json.loads(out.out)
    assert isinstance(answer, dict)
    return answer


def test_the_shipped_rules_are_in_force_until_others_are_activated(
    other: Path, council: list[str], capsys: Capture
) -> None:
    before = told(capsys, "show", *council)
    assert (before["version"], before["decision"]) == (default_rules().version, None)
    assert main(["rules", "template", *council]) == 0
    assert capsys.readouterr().out == default_text()
    draft = proposed(capsys, other, council)
    assert told(capsys, "show", *council)["decision"] is None
    activated = told(capsys, "activate", draft, "--as", "C2", *council)
    after = told(capsys, "show", *council)
    assert after["version"] == activated["version"]
    assert after["version"].startswith("2+")
    assert after["decision"] == activated["decision"]
    assert after["decision"]["actor"] == "C2"
    assert main(["rules", "template", *council]) == 0
    assert capsys.readouterr().out == other.read_text("utf-8")
    first = next(rule for rule in after["rules"] if rule["id"] == "R1")
    assert (first["zh"], first["class"], first["numbers"]["delay_s"]) == (
        "治污设施未开启",
        "A",
        420,
    )


def test_all_rules_numbers_and_templates_are_shown(where: list[str], capsys: Capture) -> None:
    shown = told(capsys, "show", *where)
    assert [rule["id"] for rule in shown["rules"]] == list(RULE_IDS)
    assert shown["state"]["theta_off"] == 0.1
    assert shown["templates"]["template.production"] == {"state.theta_off": 0.2}
    assert main(["rules", "show", *where]) == 0
    text = capsys.readouterr().out
    assert "as shipped" in text
    assert all(rule["zh"] in text and rule["en"] in text for rule in shown["rules"])
    assert "delay_s 600 s" in text
    assert re.search(r"voltage_min +0 V", text)


@pytest.mark.parametrize(
    ("person", "why"),
    [("C1", "须由他人审定"), ("P2", "环保专员"), ("S1", "系统管理员"), ("nobody", "no person")],
    ids=["who-proposed", "a-firm", "administrator", "nobody"],
)
def test_rules_are_put_in_force_by_another_officer_of_the_city_alone(
    person: str,
    why: str,
    other: Path,
    council: list[str],
    execute: Execute,
    capsys: Capture,
) -> None:
    draft = proposed(capsys, other, council)
    assert main(["rules", "activate", draft, "--as", person, *council]) == 1
    assert why in capsys.readouterr().err
    execute("DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM decision WHERE kind = 'rules'); END $$")


def test_a_draft_is_listed_with_who_proposed_it_and_who_put_it_in_force(
    other: Path, council: list[str], capsys: Capture
) -> None:
    draft = proposed(capsys, other, council, "S1")
    listed = told(capsys, "drafts", *council)
    assert (listed["id"], listed["by"], listed["in_force_by"]) == (draft, "S1", None)
    told(capsys, "activate", draft, "--as", "C2", *council)
    assert told(capsys, "drafts", *council)["in_force_by"].startswith("C2 ")
    assert main(["rules", "activate", "ND99", "--as", "C2", *council]) == 1
    assert "没有草案ND99" in capsys.readouterr().err


def test_a_moment_that_has_been_is_kept_and_one_to_come_is_refused(
    other: Path, council: list[str], capsys: Capture
) -> None:
    words = ["activate", proposed(capsys, other, council), "--as", "C2", "--at"]
    assert main(["rules", *words, "2999-01-01", *council]) == 2
    assert "activate them then" in capsys.readouterr().err
    decision = told(capsys, *words, "2026-01-01", *council)["decision"]
    assert decision["effective_at"] == "2025-12-31T16:00:00Z"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("theta_off = 0.10", "theta_off = -1", "state.theta_off"),
        ("[rule.R7]", "[rule.R77]", "rule"),
        ('class = "A"', 'class = "Z"', "rule.R1.class"),
        ("theta_off = 0.20", "theta_of = 0.20", "template.production"),
        ("i_reversed = 0.85", "", "state.i_reversed"),
        ("delay_s = 600", "delay_s = 600\ndely_s = 6", "rule.R1"),
    ],
    ids=[
        "negative",
        "no such rule",
        "no such class",
        "no such number",
        "missing",
        "misspelt",
    ],
)
def test_what_is_wrong_is_told_by_its_key(
    tmp_path: Path, where: list[str], capsys: Capture, old: str, new: str, key: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(default_text().replace(old, new, 1), "utf-8")
    assert main(["rules", "check", str(file), "--json"]) == 1
    assert key in [json.loads(line)["key"] for line in capsys.readouterr().out.splitlines()]
    assert main(["rules", "propose", str(file), "--as", "A", "--reason", "x", *where]) == 1
    assert key in capsys.readouterr().err


def test_every_fault_of_a_file_is_told_in_one_run(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "wrong.toml"
    text = default_text().replace("theta_off = 0.10", "theta_off = -1", 1)
    file.write_text(text.replace("delay_s = 600", "dely_s = 600", 1), "utf-8")
    assert main(["rules", "check", str(file)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "state.theta_off: must not be negative, got -1",
        "rule.R1: unknown key dely_s; did you mean delay_s?",
        "rule.R1.delay_s: missing",
    ]


def test_a_sound_file_is_told_with_its_version(other: Path, capsys: Capture) -> None:
    assert main(["rules", "check", str(other)]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert told(capsys, "check", str(other))["version"].startswith("2+")


def test_a_file_that_is_not_there_is_a_wrong_use(tmp_path: Path, capsys: Capture) -> None:
    assert main(["rules", "check", str(tmp_path / "none.toml")]) == 2
    assert "name a TOML rule file" in capsys.readouterr().err
