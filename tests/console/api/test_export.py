"""Lists as files: whole, and without anything that a spreadsheet would compute."""

import csv
import io
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook
from pyarrow import parquet
from tests.console.api.caller import Caller

from wattwarden.console.api import export
from wattwarden.console.api.export import flat, printable, safe

FORMULA = "=HYPERLINK(1)"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_what_a_spreadsheet_would_compute_stays_text(start: str) -> None:
    assert safe(f"{start}1+1") == f"'{start}1+1"


def test_numbers_and_moments_stay_what_they_are() -> None:
    assert safe(-1.5) == -1.5
    assert safe(datetime(2026, 11, 22, tzinfo=UTC)) == "2026-11-22T00:00:00Z"


def test_bodies_are_spread_and_lists_are_not() -> None:
    assert flat({"id": 1, "body": {"why": "x"}, "files": ["a"]}) == {
        "id": 1,
        "body.why": "x",
        "files": '["a"]',
    }


def test_excel_gets_no_letters_that_it_refuses() -> None:
    assert printable("a\x00b\x1fc\n") == "abc\n"


async def test_a_list_as_csv_has_every_row(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 1)
    rows = (await caller.get("alarms", "leader")).items
    answer = await caller.get("alarms?format=csv", "leader")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="alarms.csv"' in answer.headers["Content-Disposition"]
    read = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert [row["id"] for row in read] == [str(row["id"]) for row in rows]
    assert {row["enterprise"] for row in read} == {"E1", "E2"}


async def test_a_formula_of_a_stranger_is_no_formula_in_any_file(caller: Caller) -> None:
    body = {"id": "new", "enterprise": "E1", "text": FORMULA}
    assert (await caller.post("decisions/reminder", "leader", body)).status == 201
    path = "enterprises/E1/reminders?format="
    told = (await caller.get(f"{path}csv", "duty1")).body.decode("utf-8-sig")
    assert f"'{FORMULA}" in told

    book = load_workbook(io.BytesIO((await caller.get(f"{path}xlsx", "duty1")).body))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
    assert [cell.data_type for cell in cells if str(cell.value).endswith(FORMULA)] == ["s"]

    table = parquet.read_table(io.BytesIO((await caller.get(f"{path}parquet", "duty1")).body))
    assert FORMULA in table.column("body.text").to_pylist()


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
async def test_an_empty_list_is_a_file_too(caller: Caller, form: str) -> None:
    answer = await caller.get(f"quarantine?format={form}", "admin")
    assert answer.status == 200


async def test_who_may_not_read_a_list_gets_no_file_of_it(caller: Caller) -> None:
    assert (await caller.get("decisions?format=csv", "duty1")).status == 403
    told = (await caller.get("enterprises?format=csv", "duty1")).body.decode()
    assert "E1" in told
    assert "E2" not in told
