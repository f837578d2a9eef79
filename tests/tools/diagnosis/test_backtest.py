"""Back-tests over a real store: another T1, what that would have changed, and nothing touched."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.server.backtest.history import SINCE, UNTIL, counted, fill, quicker

from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.database import Connection
from wattwarden.tools.main import main

Capture = pytest.CaptureFixture[str]
SPAN = ("--since", SINCE, "--until", UNTIL)


def with_store(dsn: str, work: Callable[[Connection], Awaitable[Any]]) -> Any:
    async def connected() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


@pytest.fixture
def folded(store_dsn: str) -> str:
    """A store of two firms' readings, folded by the shipped rules."""
    with_store(store_dsn, lambda store: fill(store, store_dsn))
    return store_dsn


@pytest.fixture
def quick(tmp_path: Path) -> str:
    """A rule file whose T1 is five minutes."""
    file = tmp_path / "quicker.toml"
    file.write_text(quicker(), "utf-8")
    return str(file)


def told(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    assert main(["backtest", *words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def counts(dsn: str) -> dict[str, int]:
    found: dict[str, int] = with_store(dsn, counted)
    return found


def test_a_shorter_delay_brings_one_alarm_and_moves_another(
    folded: str, quick: str, where: list[str], capsys: Capture
) -> None:
    before = counts(folded)
    *rows, last = told(capsys, "--rules", quick, *SPAN, *where)
    changes = {(row["change"], row["rule"]): row for row in rows}
    appears, moves = changes["appears", "R1"], changes["moves", "R1"]
    assert (appears["subject"], appears["before"]) == ("unit:E1-t", None)
    assert "E1-t" in appears["zh"]
    assert moves["before"]["raised"] == "2026-11-21T15:30:38Z"
    assert moves["after"]["raised"] == "2026-11-21T15:25:38Z"
    assert moves["before"]["began"] == moves["after"]["began"]
    # What was a late start is not started, now.
    assert changes["vanishes", "R6"]["after"] is None
    summary = last["summary"]
    assert [summary[name] for name in ("appears", "vanishes", "moves")] == [1, 1, 1]
    assert summary["by_rule"]["moves"] == {"R1": 1}
    assert counts(folded) == before


def test_the_rules_in_force_would_change_nothing(
    folded: str, tmp_path: Path, where: list[str], capsys: Capture
) -> None:
    assert folded
    file = tmp_path / "same.toml"
    file.write_text(default_text(), "utf-8")
    (last,) = told(capsys, "--rules", str(file), *SPAN, *where)
    assert last["summary"]["same"] == 2
    assert last["summary"]["in_force"] == last["summary"]["tried"]


def test_other_firms_and_other_times_are_left_out(
    folded: str, quick: str, where: list[str], capsys: Capture
) -> None:
    assert folded
    words = ["--rules", quick, *where]
    (last,) = told(capsys, *words, *SPAN, "--enterprise", "E0")
    assert last["summary"]["same"] == 0
    rows = told(capsys, *words, "--since", "2026-11-21T15:20:00Z", *SPAN[2:])
    assert [row["change"] for row in rows[:-1]] == ["moves"]


def test_people_see_a_table_and_what_it_comes_to(
    folded: str, quick: str, where: list[str], capsys: Capture
) -> None:
    assert folded
    assert main(["backtest", "--rules", quick, *SPAN, *where]) == 0
    text = capsys.readouterr().out
    assert "unit:E1-t" in text
    assert "1 would appear, 1 vanish, 1 move" in text


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--since", "2026-11-22", "--until", "2026-11-21"), 2, "nothing lies between"),
        ((*SPAN, "--enterprise", "E7"), 1, "nothing was folded yet of E7"),
        (("--since", "2026-10-01", "--until", "2026-10-03"), 1, "nothing was folded between"),
    ],
    ids=["no time at all", "an unknown enterprise", "a time of which nothing is stored"],
)
def test_what_cannot_be_folded_is_told(
    folded: str, quick: str, where: list[str], capsys: Capture,
    words: tuple[str, ...], status: int, said: str,
) -> None:  # fmt: skip
    assert folded
    assert main(["backtest", "--rules", quick, *words, *where]) == status
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_rule_file_is_refused_by_its_key(
    tmp_path: Path, where: list[str], capsys: Capture
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(default_text().replace("theta_off = 0.10", "theta_off = -1", 1), "utf-8")
    assert main(["backtest", "--rules", str(file), *where]) == 1
    assert "state.theta_off" in capsys.readouterr().err
