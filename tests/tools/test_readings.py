"""``wattwarden readings``: what the store has, for people, JSON and spreadsheets."""

import csv
import io
import json

import pytest
from tests.tools.conftest import Execute

from wattwarden.tools.main import main
from wattwarden.tools.readings import COLUMNS, marks

STORED = """
INSERT INTO meter (codec, address, state, enrolled_at) VALUES
    ('acrel', 'M1', 'unconfirmed', now()), ('acrel', 'M2', 'unconfirmed', now());
INSERT INTO reading (meter, step, at, received_at, quality, period, channel, voltage_a,
    energy_forward) VALUES
    (1, 1, '2026-11-22T03:00Z', '2026-11-22T03:00:01Z', 0, 'i', '1-1', 220.1, 740),
    (1, 1, '2026-11-22T04:00Z', '2026-11-22T04:00:01Z', 9, 'i', '1-1', 220.1, 740),
    (1, 1, '2026-11-22T04:00Z', '2026-11-22T04:00:01Z', 0, 'i', '1-2', 220.1, 740);
INSERT INTO factor_layout (codes, digest, first_meter, first_at)
    VALUES ('{a34004-Avg,zz-Cou}', 'x', 2, now());
INSERT INTO factor (meter, step, at, received_at, layout, quality, period, channel, amounts, flags)
    VALUES (2, 1, '2026-11-22T03:00Z', '2026-11-22T03:00Z', 1, 0, 'm', '', '{0.0395,NULL}', 'N ');
"""


@pytest.fixture
def where(where: list[str], execute: Execute) -> list[str]:
    """Three readings of M1, two channels, one marked; one row of factors of M2."""
    execute(STORED)
    return where


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["readings", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_reading_is_one_json_line(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = (json.loads(line) for line in lines(capsys, "acrel:M1", "--json", *where))
    assert first == {
        "meter": "acrel:M1",
        "channel": "1-1",
        "period": "instant",
        "at": "2026-11-22T03:00:00Z",
        "received_at": "2026-11-22T03:00:01Z",
        "quality": [],
        "readings": [
            {"quantity": "voltage_a", "value": 220.1, "unit": "V"},
            {"quantity": "energy_forward", "value": 740, "unit": "Wh"},
        ],
    }
    assert second["quality"] == ["no_clock", "backfill"]


def test_factors_stand_under_their_codes_with_flag(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = (json.loads(line) for line in lines(capsys, "M2", "--json", *where))
    assert row["period"] == "minute"
    assert row["readings"] == [{"quantity": "a34004-Avg", "value": 0.0395, "unit": "", "flag": "N"}]


def test_csv_has_a_line_per_value(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(lines(capsys, "M1/1-1", "--csv", *where))
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0]) == list(COLUMNS)
    assert [(row["at"][11:13], row["quantity"], row["value"]) for row in table] == [
        ("03", "voltage_a", "220.1"),
        ("03", "energy_forward", "740"),
        ("04", "voltage_a", "220.1"),
        ("04", "energy_forward", "740"),
    ]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["M1"], 3),
        (["M1/1-2"], 1),
        (["M1", "--since", "2026-11-22T04:00:00Z"], 2),
        (["M1", "--since", "2026-11-22 12:00"], 2),
        (["M1", "--until", "2026-11-22T04:00:00Z"], 1),
        (["M1", "--since", "2030-01-01"], 0),
    ],
)
def test_a_meter_channel_and_span_are_chosen(
    words: list[str], count: int, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(lines(capsys, *words, "--json", *where)) == count


def test_people_get_a_line_per_value(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = lines(capsys, "M1", *where)
    assert out[0] == "2026-11-22T03:00:00Z  1-1  instant"
    assert out[1].split() == ["voltage_a", "220.1", "V"]


def test_a_meter_that_is_not_there_is_told(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["readings", "nobody", *where]) == 1
    assert "no meter nobody" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["M1", "--json", "--csv"], "choose --json or --csv"),
        (["M1", "--since", "yesterday"], "is no time"),
    ],
)
def test_wrong_options_are_status_2_without_asking_the_database(
    words: list[str], says: str, nowhere: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["readings", *words, *nowhere]) == 2
    assert says in capsys.readouterr().err


def test_marks_are_named() -> None:
    assert marks(0) == []
    assert marks(9) == ["no_clock", "backfill"]
