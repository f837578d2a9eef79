"""``wattwarden rules``: shown, checked, activated."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
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


def told(capsys: Capture, *words: str, status: int = 0) -> dict[str, Any]:
    assert main(["rules", *words, "--json"]) == status
    out = capsys.readouterr()
    assert out.err == ""
    answer = json.loads(out.out)
    assert isinstance(answer, dict)
    return answer


def test_the_shipped_rules_are_in_force_until_others_are_activated(
    other: Path, where: list[str], capsys: Capture
) -> None:
    before = told(capsys, "show", *where)
    assert (before["version"], before["decision"]) == (default_rules().version, None)
    activated = told(capsys, "activate", str(other), "--as", "leader", *where)
    after = told(capsys, "show", *where)
    assert after["version"] == activated["version"]
    assert after["version"].startswith("2+")
    assert after["decision"] == activated["decision"]
    assert after["decision"]["actor"] == "leader"
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


def test_the_same_rules_are_not_decided_twice(
    other: Path, where: list[str], execute: Execute, capsys: Capture
) -> None:
    assert told(capsys, "activate", str(other), "--as", "A", *where)["decision"]["id"] == 1
    assert told(capsys, "activate", str(other), "--as", "B", *where)["decision"] is None
    execute("DO $$ BEGIN ASSERT (SELECT count(*) FROM decision) = 1; END $$")


def test_a_moment_that_has_been_is_kept_and_one_to_come_is_refused(
    other: Path, where: list[str], capsys: Capture
) -> None:
    words = ["activate", str(other), "--as", "A", "--at"]
    assert main(["rules", *words, "2999-01-01", *where]) == 2
    assert "activate them then" in capsys.readouterr().err
    decision = told(capsys, *words, "2026-01-01", *where)["decision"]
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
    assert main(["rules", "activate", str(file), "--as", "A", *where]) == 1
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
