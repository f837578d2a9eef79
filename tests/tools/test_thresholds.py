"""``wattwarden thresholds``: numbers of single units, shown and changed by two people."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.storage.registry.council import with_council

from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def city(store_dsn: str, where: list[str]) -> list[str]:
    """The options that lead to a city with people who decide."""

    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await with_council(connection)
        await connection.close()

    asyncio.run(work())
    return where


def rows(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["thresholds", *words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_numbers_of_a_unit_are_proposed_by_one_and_put_in_force_by_another(
    city: list[str], tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('version = "2"\n[unit.U2]\ntheta_off = 0.05\n', "utf-8")
    propose = ["propose", str(file), "--reason", "风机小", "--as", "S1", *city]
    draft = rows(capsys, *propose)[0]["id"]
    assert main(["thresholds", "activate", draft, "--as", "S1", *city]) == 1
    assert "无权办理" in capsys.readouterr().err
    rows(capsys, "activate", draft, "--as", "C1", *city)
    numbers = [(one["kind"], one["id"], one["name"]) for one in rows(capsys, "show", *city)]
    assert numbers == [("unit", "U2", "theta_off"), ("outlet", "O1", "a21002")]
    assert main(["thresholds", "show", *city]) == 0
    assert "theta_off" in capsys.readouterr().out
    assert rows(capsys, "drafts", *city)[0]["in_force_by"].startswith("C1 ")


def test_a_draft_is_refused_and_stays_refused(
    city: list[str], tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('version = "2"\n[unit.U2]\ntheta_off = 0.05\n', "utf-8")
    draft = rows(capsys, "propose", str(file), "--reason", "风机小", "--as", "C1", *city)[0]["id"]
    rows(capsys, "refuse", draft, "--reason", "证据不足", "--as", "C2", *city)
    assert main(["thresholds", "activate", draft, "--as", "C2", *city]) == 1
    assert "退回" in capsys.readouterr().err
    (row,) = rows(capsys, "drafts", *city)
    assert (row["in_force_by"], row["refused_by"][:3]) == (None, "C2 ")
    assert main(["rules", "refuse", draft, "--reason", "x", "--as", "C2", *city]) == 1
    assert "there is no draft" in capsys.readouterr().err


def test_where_there_are_none_that_is_said(where: list[str], capsys: Capture) -> None:
    assert main(["thresholds", "show", *where]) == 0
    assert "nothing has numbers of its own" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [("version = 2", 1, "thresholds"), (None, 2, "name a TOML file")],
    ids=["none", "no-file"],
)
def test_a_file_that_is_none_is_not_proposed(
    tmp_path: Path, capsys: Capture, text: str | None, status: int, why: str
) -> None:
    file = tmp_path / "own.toml"
    if text is not None:
        file.write_text(text, "utf-8")
    assert main(["thresholds", "propose", str(file), "--reason", "x", "--as", "C1"]) == status
    assert why in capsys.readouterr().err
