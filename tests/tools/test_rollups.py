"""Rollups as people and programs read them."""

import json
from datetime import UTC, datetime

import pytest

from wattwarden.storage.rollups import Rollup
from wattwarden.tools.rollups import show_rollups

QUARTER = Rollup(
    7, "1-1", datetime(2026, 11, 22, 3, 15, tzinfo=UTC), 14, 15,
    1500.0, 0.0, 3000.0, 230.25, 229.0, 231.5, 2.5, 0.0, 5.0, None, None, None, 100, 475, 375,
)  # fmt: skip
EMPTY = Rollup(7, "", datetime(2026, 11, 22, 3, 30, tzinfo=UTC), 1, 0, *[None] * 15)


def test_a_span_is_shown_with_its_mean_and_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollups("acrel:M1", [QUARTER, EMPTY], json=False, as_csv=False)
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert "14/15" in first
    assert "1500 (0–3000)" in first
    assert "375" in first
    assert "None" not in second


def test_programs_get_every_number_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollups("acrel:M1", [QUARTER], json=True, as_csv=False)
    row = json.loads(capsys.readouterr().out)
    assert row["meter"] == "acrel:M1"
    assert row["start"].startswith("2026-11-22T03:15:00")
    assert (row["power_mean"], row["energy_used"], row["power_factor_mean"]) == (1500.0, 375, None)


def test_a_table_without_rows_still_names_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollups("acrel:M1", [], json=False, as_csv=True)
    (header,) = capsys.readouterr().out.splitlines()
    assert header.startswith("meter,channel,start,received,expected,power_mean")
