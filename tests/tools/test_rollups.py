"""Rollups as people and programs read them."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.tools.conftest import Execute

from wattwarden.storage.rollups import Rollup, Width
from wattwarden.tools.main import main
from wattwarden.tools.rollups import Every, show_rollups

QUARTER = Rollup(
    7, "1-1", datetime(2026, 11, 22, 3, 15, tzinfo=UTC), 14, 15,
    1500.0, 0.0, 3000.0, 230.25, 229.0, 231.5, 2.5, 0.0, 5.0, None, None, None, 100, 475, 375,
)  # fmt: skip
QUARTERS = Every(Width.QUARTER, ZoneInfo("Asia/Shanghai"))
EMPTY = Rollup(7, "", datetime(2026, 11, 22, 3, 30, tzinfo=UTC), 1, 0, *[None] * 15)


def test_a_span_is_shown_with_its_mean_and_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollups("acrel:M1", [QUARTER, EMPTY], QUARTERS, json=False, as_csv=False)
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert "14/15" in first
    assert "1500 (0–3000)" in first
    assert "375" in first
    assert "None" not in second


def test_programs_get_every_number_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollups("acrel:M1", [QUARTER], QUARTERS, json=True, as_csv=False)
    row = json.loads(capsys.readouterr().out)
    assert row["meter"] == "acrel:M1"
    assert row["start"].startswith("2026-11-22T03:15:00")
    assert (row["power_mean"], row["energy_used"], row["power_factor_mean"]) == (1500.0, 375, None)


def test_a_table_without_rows_still_names_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollups("acrel:M1", [], QUARTERS, json=False, as_csv=True)
    (header,) = capsys.readouterr().out.splitlines()
    assert header.startswith("meter,channel,start,received,expected,power_mean")


HOURS = """
INSERT INTO meter (codec, address, state, enrolled_at)
    VALUES ('acrel', 'M1', 'unconfirmed', now());
INSERT INTO {table} (meter, channel, start, received, expected, energy_first, energy_last,
    energy_used)
    SELECT 1, '', start, {many}, {many}, n, n + 1, 1 FROM generate_series(
        '2026-03-20T16:00Z'::timestamptz, '2026-03-22T15:59Z', '{step}')
        WITH ORDINALITY AS h (start, n);
"""


@pytest.fixture
def hours(where: list[str], execute: Execute) -> list[str]:
    """Two whole days in Shanghai, by hours and quarters."""
    execute(HOURS.format(table="rollup_hour", step="1 hour", many=60))
    execute(HOURS.split(";", 1)[1].format(table="rollup_15min", step="15 minutes", many=15))
    return where


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        pytest.param(
            [],
            [("2026-03-21T00:00:00+08:00", 1440, 24), ("2026-03-22T00:00:00+08:00", 1440, 24)],
            id="as ledgers have them",
        ),
        pytest.param(
            ["--zone", "Asia/Tokyo"],
            [
                ("2026-03-21T00:00:00+09:00", 23 * 60, 23),
                ("2026-03-22T00:00:00+09:00", 1440, 24),
                ("2026-03-23T00:00:00+09:00", 60, 1),
            ],
            id="of another zone",
        ),
        pytest.param(
            ["--zone", "Asia/Kolkata"],
            [
                ("2026-03-20T00:00:00+05:30", 150, 10),
                ("2026-03-21T00:00:00+05:30", 1440, 96),
                ("2026-03-22T00:00:00+05:30", 1290, 86),
            ],
            id="that begin within an hour",
        ),
    ],
)
def test_days_are_local_ones(
    hours: list[str], capsys: pytest.CaptureFixture[str], zone: list[str],
    days: list[tuple[str, int, int]],
) -> None:  # fmt: skip
    words = ["readings", "acrel:M1", "--every", "day", *zone, *hours]
    assert main([*words, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["start"], row["received"], row["energy_used"]) for row in rows] == days
    assert {row["expected"] for row in rows} == {1440}
    assert main(words) == 0
    assert f"start ({zone[1] if zone else 'Asia/Shanghai'})" in capsys.readouterr().out


@pytest.mark.parametrize("every", ["15min", "quarter", "hour"])
def test_shorter_spans_are_called_by_their_names(
    hours: list[str], capsys: pytest.CaptureFixture[str], every: str
) -> None:
    assert main(["readings", "acrel:M1", "--every", every, "--json", *hours]) == 0
    assert len(capsys.readouterr().out.splitlines()) == (48 if every == "hour" else 192)


def test_a_zone_that_is_none_is_refused(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["readings", "M1", "--every", "day", "--zone", "Mars/Base", *where]) == 2
    assert "such as Asia/Shanghai" in capsys.readouterr().err
