"""``wattwarden meters gaps``, and what `meters` says of clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.tools.conftest import Execute
from tests.tools.test_meters import enrolled, rows

from wattwarden.tools.main import main

# Noon in Shanghai, two days ago.
NOON = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0) - timedelta(days=2)
DAY = (NOON + timedelta(hours=8)).date()


@pytest.fixture
def _missing(execute: Execute, where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    enrolled(execute, "M1", "M2")
    rows(capsys, "meters", "set", "M1", "--cycle", "60", "--recall", "auto", *where)
    execute(
        "INSERT INTO gap (meter, since, until, missing) SELECT id, $1, $2, 9 FROM meter"
        " WHERE address = 'M1'",
        NOON,
        NOON + timedelta(minutes=10),
    )
    execute(
        "INSERT INTO gap (meter, since, until, missing) SELECT id, $1, $2, 1439 FROM meter"
        " WHERE address = 'M1'",
        NOON + timedelta(minutes=60),
        NOON + timedelta(minutes=60 + 1440),
    )
    execute(
        "INSERT INTO recall (meter, hour, tries, asked_at, command) SELECT id, $1, 2, $1, 1"
        " FROM meter WHERE address = 'M1'",
        NOON,
    )


@pytest.mark.usefixtures("_missing")
def test_what_is_missing_is_listed_by_meter_and_local_day(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = rows(capsys, "meters", "gaps", *where)
    assert (first["meter"], first["day"]) == ("acrel:M1", DAY.isoformat())
    assert (first["missing"], first["minutes"]) == (9 + 11 * 60 - 1, 9 + 11 * 60 - 1)
    assert [gap["missing"] for gap in first["gaps"]] == [9, 11 * 60 - 1]
    assert [gap["tries"] for gap in first["gaps"]] == [2, 0]
    assert (second["day"], first["recall"]) == ((DAY + timedelta(days=1)).isoformat(), "auto")
    assert first["missing"] + second["missing"] == 9 + 1439
    assert rows(capsys, "meters", "gaps", "acrel:M2", *where) == []
    since = (NOON + timedelta(days=1)).isoformat()
    assert len(rows(capsys, "meters", "gaps", "M1", "--since", since, *where)) == 1
    assert main(["meters", "gaps", *where]) == 0
    assert "acrel:M1" in capsys.readouterr().out


@pytest.mark.usefixtures("_missing")
def test_more_than_a_page_is_listed_whole(
    where: list[str],
    execute: Execute,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute(
        "INSERT INTO gap (meter, since, until, missing) SELECT id, $1, $2, 4 FROM meter"
        " WHERE address = 'M2'",
        NOON,
        NOON + timedelta(minutes=5),
    )
    whole = rows(capsys, "meters", "gaps", *where)
    monkeypatch.setattr("wattwarden.storage.gaps.MOST_GAPS", 1)
    assert rows(capsys, "meters", "gaps", *where) == whole
    assert [row["missing"] for row in whole if row["meter"] == "acrel:M2"] == [4]


def test_who_is_away_is_listed_with_what_it_owes(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(execute, "M1")
    rows(capsys, "meters", "set", "M1", "--cycle", "60", *where)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    execute(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel, power_total)"
        " SELECT id, 1, $1, $1, 0, 'i', '', 1 FROM meter",
        start,
    )
    execute(
        "INSERT INTO collected_hour (meter, channel, factors, start, received, valid, slots)"
        " SELECT id, '', FALSE, $1, 1, 1, 1 FROM meter",
        start,
    )
    found = rows(capsys, "meters", "gaps", "M1", *where)
    assert sum(row["missing"] for row in found) >= 179
    assert all(gap["open"] for row in found for gap in row["gaps"])
    assert main(["meters", "gaps", "M1", *where]) == 0
    assert "since" in capsys.readouterr().out


def test_a_meters_clock_policy_is_set_and_its_clock_is_shown(
    where: list[str], execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(execute, "M1", "M2")
    (row,) = rows(capsys, "meters", "set", "M1", "--clock", "sync", "--recall", "off", *where)
    assert (row["clock"], row["recall"]) == ("sync", "off")
    execute(
        "INSERT INTO meter_clock (meter, skew_s, readings, measured_at, synced_at, syncs)"
        " SELECT id, -42.25, 10, $1, $1, 3 FROM meter WHERE address = 'M1'",
        NOON,
    )
    shown = rows(capsys, "meters", "show", "M1", *where)[0]
    assert (shown["skew_s"], shown["skew_readings"], shown["syncs"]) == (-42.2, 10, 3)
    listed = rows(capsys, "meters", "list", *where)
    assert [one["skew_s"] for one in listed] == [-42.2, None]
    assert main(["meters", "list", *where]) == 0
    assert "-42.2" in capsys.readouterr().out
    (row,) = rows(capsys, "meters", "set", "M1", "--unset", "clock", "--unset", "recall", *where)
    assert (row["clock"], row["recall"]) == (None, None)
    assert main(["meters", "set", "M1", "--clock", "sundial", *where]) != 0
