"""``wattwarden archive``: closed days become files, are listed, verified and given back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.storage.archive.days import fill, partitions
from tests.storage.store import Hand

from wattwarden.tools.main import main

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def where(where: list[str], hand: Hand) -> list[str]:
    """Two days of August with readings and factors."""
    hand.do(lambda store: fill(store, seed=1))
    return where


@pytest.fixture
def told(where: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of the archive; return its JSON lines."""

    def run(*words: str, status: int = 0) -> list[dict[str, Any]]:
        assert main(["archive", *words, "--json", *where]) == status
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_closed_days_become_files_that_are_listed_and_verified(
    told: Run, data: Path, hand: Hand
) -> None:
    done = told("run")
    listed = told("list")

    assert hand.do(partitions) == set()
    assert [(one["day"], one["kind"]) for one in listed] == [
        (day, kind) for day in ("2026-08-01", "2026-08-02") for kind in ("factor", "reading")
    ]
    assert {one["rows"] for one in done} == {one["rows"] for one in listed}
    for one in listed:
        assert (data / "archive/days" / one["path"]).stat().st_size == one["bytes"]
        assert one["store"] == (data / "archive/days").as_uri()
    assert [one["fault"] for one in told("verify")] == [None] * 4
    assert told("run") == []


def test_verify_names_what_is_damaged_and_fails(told: Run, data: Path) -> None:
    told("run")
    (file,) = (data / "archive/days").rglob("factor_20260802-g1.parquet")
    file.write_bytes(b"PAR1")

    assert [one["fault"] is None for one in told("verify", "2026-08-01")] == [True, True]
    found = told("verify", status=1)

    assert [one["day"] for one in found if one["fault"]] == ["2026-08-02"]


def test_a_day_that_was_given_back_stays_for_a_while(told: Run, hand: Hand) -> None:
    rows = {one["kind"]: one["rows"] for one in told("run") if one["day"] == "2026-08-01"}

    back = told("restore", "2026-08-01")

    assert {one["kind"]: one["rows"] for one in back} == rows
    assert hand.do(partitions) == {"reading_20260801", "factor_20260801"}
    assert told("run") == []
    assert [one["stands"] for one in told("list", "2026-08-01")] == [False, False]


def test_what_cannot_be_done_is_said(
    told: Run, where: list[str], hand: Hand, capsys: pytest.CaptureFixture[str]
) -> None:
    async def behind(store: Any) -> None:
        await store.execute("UPDATE slice_position SET step = 0")

    told("restore", "2026-07-01", status=1)
    assert main(["archive", "restore", *where]) == 2
    assert main(["archive", "run", "--hot-days=-1", *where]) == 2
    for days in ("0", "-3", "999999999"):
        words = ["restore", "2026-08-01", f"--for-days={days}"]
        assert main(["archive", *words, *where]) == 2
    hand.do(behind)
    capsys.readouterr()
    assert main(["archive", "run", *where]) == 0
    assert "waits: the warden has taken steps up to 0 of 21601" in capsys.readouterr().out


def test_a_day_that_fails_keeps_no_other_from_going(told: Run, data: Path, hand: Hand) -> None:
    (data / "archive/days").mkdir(parents=True)
    # No folder can be made where a file is.
    (data / "archive/days/factor").touch()

    done = told("run", status=1)

    assert [(one["kind"], "fault" in one) for one in done] == [
        ("factor", True), ("reading", False), ("factor", True), ("reading", False),
    ]  # fmt: skip
    assert hand.do(partitions) == {"factor_20260801", "factor_20260802"}


def test_people_get_tables_and_sentences(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (("run",), "rows, "),
        (("run",), "no day has closed since"),
        (("list",), "reading_20260801-g1.parquet"),
        (("verify",), "4 files are as they were written"),
        (("restore", "2026-08-01", "--for-days", "1"), "2026-08-01 factor: "),
    ):
        assert main(["archive", *words, *where]) == 0
        assert said in capsys.readouterr().out
