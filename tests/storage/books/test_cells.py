"""Cells: what people write is read, what is written is read back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.storage.books.cells import CellError, of_cell, to_cell
from wattwarden.storage.books.sheets import SHEETS, Cell, Column, sheet_named


def column(kind: str, field: str) -> Column:
    found = SHEETS[kind].column(field)
    assert found is not None
    return found


POWER = column("unit", "rated_power")
SYNC = column("unit", "sync")
KIND = column("unit", "kind")
FROM = column("point", "valid_from")
CYCLE = column("point", "cycle_s")
EMISSIONS = column("region", "emissions")
FILES = column("replacement", "evidence")
NAME = column("unit", "name")
REDUCTION = column("plan", "reduction")
EIGHT = datetime(2026, 11, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "cell", "value"),
    [
        (POWER, 7.5, 7500.0),
        (POWER, "1,500", 1_500_000.0),
        (POWER, " 18.5 ", 18_500.0),
        (REDUCTION, "30%", 0.3),
        (REDUCTION, 30, 0.3),
        (SYNC, "是", True),
        (SYNC, False, False),
        (SYNC, 1, True),
        (SYNC, "No", False),
        (KIND, "治污设施", "treatment"),
        (KIND, "Treatment", "treatment"),
        (FROM, "2026-11-22 08:00", EIGHT),
        (FROM, "2026/11/22 08:00:00", EIGHT),
        (FROM, "2026-11-22T00:00:00Z", EIGHT),
        (FROM, datetime(2026, 11, 22, 8), EIGHT),  # noqa: DTZ001  # as spreadsheets have them
        (FROM, 46_348 + 1 / 3, EIGHT),
        (CYCLE, "300", 300),
        (CYCLE, 60.0, 60),
        (EMISSIONS, "NOx=12.5; PM=3;", {"NOx": 12.5, "PM": 3.0}),
        (EMISSIONS, "NOx\uff1d12.5\uff1bPM\uff1d3", {"NOx": 12.5, "PM": 3.0}),
        (FILES, f"{'a' * 64}; {'b' * 64}\uff1b", ["a" * 64, "b" * 64]),
        (NAME, 12.0, "12"),
        (NAME, 370211, "370211"),
    ],
)
def test_what_people_write_is_read(where: Column, cell: Cell, value: Any) -> None:
    read = of_cell(where, cell)
    if isinstance(value, datetime):
        assert abs((read - value).total_seconds()) < 0.001
    else:
        assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("where", "cell"),
    [
        (POWER, "viel"),
        (POWER, "nan"),
        (POWER, "1e999"),
        (POWER, True),
        (SYNC, "vielleicht"),
        (KIND, "风机"),
        (FROM, "gestern"),
        (FROM, "-2h"),
        (FROM, 12),
        (CYCLE, 1.5),
        (EMISSIONS, "NOx"),
        (EMISSIONS, "NOx=1; NOx=2"),
        (EMISSIONS, "=3"),
        (NAME, "长" * 4_001),
    ],
)
def test_what_is_no_value_is_told_in_both_languages(where: Column, cell: Cell) -> None:
    with pytest.raises(CellError) as told:
        of_cell(where, cell)
    assert told.value.zh
    assert told.value.en


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_scaled_number_is_read_back_to_the_last_digit(value: float) -> None:
    # Two roundings may differ in the last place; people's numbers have fewer places.
    value = float(f"{value:.15g}")
    assert of_cell(POWER, to_cell(POWER, value)) == value


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1)))  # noqa: DTZ001  # its way to say so
def test_a_moment_is_read_back(moment: datetime) -> None:
    assert of_cell(FROM, to_cell(FROM, moment)) == moment


@given(st.dictionaries(st.sampled_from(["NOx", "PM", "a34013"]), st.floats(0, 1e9), min_size=1))
def test_amounts_are_read_back(amounts: dict[str, float]) -> None:
    assert of_cell(EMISSIONS, to_cell(EMISSIONS, amounts)) == amounts


def test_nothing_is_written_as_nothing() -> None:
    assert to_cell(FILES, ("a" * 64, "b" * 64)) == f"{'a' * 64}; {'b' * 64}"
    assert [to_cell(EMISSIONS, {}), to_cell(NAME, ""), to_cell(POWER, None)] == [None] * 3


@pytest.mark.parametrize("title", ["设施", "unit", "Units", " 设施 "])
def test_a_sheet_is_named_in_either_language(title: str) -> None:
    found = sheet_named(title)
    assert found is not None
    assert found.kind == "unit"


def test_titles_and_heads_are_unmistakable() -> None:
    titles = [sheet.zh for sheet in SHEETS.values()]
    assert len(set(titles)) == len(titles)
    for sheet in SHEETS.values():
        heads = [head for column in sheet.columns for head in (column.zh, column.en)]
        assert len(set(heads)) == len(heads)
        assert {column.field for column in sheet.columns} == set(sheet.type.__struct_fields__)
    assert sheet_named("发票") is None
    assert sheet_named("enterprises") is SHEETS["enterprise"]
    assert sheet_named("agencies") is SHEETS["agency"]
