"""``wattwarden grading``: shown, checked, tried on what was, and changed by two people."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.storage.cases.city import after, with_alarm
from tests.storage.registry.council import SHIPPED, STRICT, with_council
from tests.tools.conftest import Execute

from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def city(store_dsn: str, execute: Execute, where: list[str]) -> list[str]:
    """The options that lead to a simulated city an hour after an alarm of class A and one of B."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await with_council(connection)
        await with_alarm(connection, ended=20)
        await with_alarm(connection, "R4", at=1, ended=5, enterprise="E2")
        await connection.close()

    asyncio.run(work())
    execute("INSERT INTO simulated DEFAULT VALUES")
    execute("INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 0, 1)")
    execute("INSERT INTO tick VALUES (0, 1, $1, 1)", round(after(60).timestamp()))
    return where


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A stricter grading."""
    file = tmp_path / "strict.toml"
    file.write_text(STRICT, "utf-8")
    return file


def rows(capsys: Capture, *words: str, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["grading", *words, "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_stricter_grading_is_tried_on_what_was_and_changes_nothing(
    city: list[str], strict: Path, capsys: Capture
) -> None:
    *differing, summary = rows(capsys, "backtest", str(strict), *city)
    assert [(one["rule"], one["level"], one["would_be"]) for one in differing] == [("R2", 2, 3)]
    assert (summary["alarms"], summary["differ"]) == (2, 1)
    # The raise and the end; what was to come, had it stood, is nobody's notice.
    assert [summary["notices"][level] for level in "234"] == [[2, 0], [0, 2], [0, 0]]
    assert rows(capsys, "backtest", str(strict), "--enterprise", "E2", *city)[-1]["differ"] == 0
    assert rows(capsys, "backtest", str(strict), "--as", "P4", *city)[-1]["alarms"] == 1
    assert rows(capsys, "show", *city)[0]["version"] == "1"


def test_a_grading_is_in_force_from_its_day_on_once_another_decided(
    city: list[str], strict: Path, capsys: Capture
) -> None:
    propose = ["propose", str(strict), "--reason", "从严", "--as", "C1", *city]
    draft = rows(capsys, *propose)[0]["id"]
    assert main(["grading", "activate", draft, "--as", "C1", *city]) == 1
    assert "须由他人审定" in capsys.readouterr().err
    activate = ["activate", draft, "--as", "P5", *city]
    assert main(["grading", *activate, "--from", "2026-11-22 09:59"]) == 1
    assert "只对今后的报警生效" in capsys.readouterr().err
    rows(capsys, *activate, "--from", "2026-11-23")
    assert rows(capsys, "show", *city)[0]["version"] == "1"
    assert main(["grading", "show", *city]) == 0
    assert "2026-11-23 00:00: grading 2" in capsys.readouterr().out
    assert rows(capsys, "drafts", *city)[0]["in_force_by"].startswith("P5 ")


def test_what_each_class_comes_to_is_shown(city: list[str], capsys: Capture) -> None:
    assert rows(capsys, "show", *city)[0]["classes"]["C"] == [[0, 3], [1800, 4]]
    assert main(["grading", "show", *city]) == 0
    assert "0 min 预警, 30 min 报警, 120 min 严重报警" in capsys.readouterr().out


def test_the_shipped_grading_is_a_template_that_is_sound(tmp_path: Path, capsys: Capture) -> None:
    assert main(["grading", "template"]) == 0
    printed = capsys.readouterr().out
    assert printed == SHIPPED
    file = tmp_path / "own.toml"
    file.write_text(printed, "utf-8")
    assert main(["grading", "check", str(file)]) == 0
    file.write_text(printed.replace("at_s = 1800", "at_s = -1", 1), "utf-8")
    assert main(["grading", "check", str(file)]) == 1
    assert "at_s" in capsys.readouterr().out
    assert main(["grading", "check", str(tmp_path / "none.toml")]) == 2
