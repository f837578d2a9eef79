"""Books: Excel files and folders of CSV, read with bounds and without believing formulas."""

import zipfile
from datetime import time
from pathlib import Path

import pytest
from openpyxl import Workbook

from wattwarden.tools.errors import CommandError
from wattwarden.tools.registry import book
from wattwarden.tools.registry.book import FORMULA, Table, read_book, write_book

HOSTILE = ("=1+1", "+1", "-1", "@x", "'x", "'=x", "a,b", 'q"q', "两\n行")
TABLE = Table("设施", ("编号", "a", "b"), ((2, ("U1", 1.5, None)), (3, ("007", "2", 3))))


def excel(path: Path, rows: list[list[object]], title: str = "设施") -> Path:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    made.save(path)
    return path


@pytest.mark.parametrize("name", ["book.xlsx", "folder"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    write_book(tmp_path / name, [TABLE])
    (read,) = read_book(tmp_path / name)
    assert (read.title, read.heads) == (TABLE.title, TABLE.heads)
    assert [[str(cell or "") for cell in row] for _, row in read.rows] == [
        ["U1", "1.5"],
        ["007", "2", "3"],
    ]
    assert [number for number, _ in read.rows] == [2, 3]


@pytest.mark.parametrize("name", ["book.xlsx", "folder"])
def test_a_text_stays_a_text_whatever_it_begins_with(tmp_path: Path, name: str) -> None:
    write_book(tmp_path / name, [Table("设施", ("编号",), ((2, HOSTILE),))])
    (read,) = read_book(tmp_path / name)
    assert read.rows[0][1] == HOSTILE


def test_a_spreadsheet_computes_nothing_of_what_a_csv_holds(tmp_path: Path) -> None:
    write_book(tmp_path, [Table("设施", ("编号",), ((2, ("=cmd()",)),))])
    assert "\n'=cmd()" in (tmp_path / "设施.csv").read_text("utf-8-sig").replace("\r", "")


def test_a_formula_is_seen_and_not_computed(tmp_path: Path) -> None:
    (read,) = read_book(excel(tmp_path / "b.xlsx", [["编号", "a"], ["U1", "=1+1"]]))
    assert read.rows[0][1] == ("U1", FORMULA)


def test_hours_are_texts_and_empty_rows_are_passed_over(tmp_path: Path) -> None:
    rows: list[list[object]] = [[], ["编号", "a"], [], ["U1", time(8, 30)], [None, ""], ["U2"]]
    (read,) = read_book(excel(tmp_path / "b.xlsx", rows))
    assert read.heads == ("编号", "a")
    assert [row for _, row in read.rows] == [("U1", "08:30"), ("U2",)]
    assert [number for number, _ in read.rows] == [4, 6]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_csv_is_read_in_the_encodings_that_are_in_use(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "设施.csv").write_text("编号,名称\nU1,磨机\n", encoding)
    (read,) = read_book(tmp_path)
    assert (read.heads, read.rows) == (("编号", "名称"), ((2, ("U1", "磨机")),))
    assert read_book(tmp_path / "设施.csv") == [read]


def test_an_encoding_that_is_none_of_them_is_told(tmp_path: Path) -> None:
    (tmp_path / "设施.csv").write_bytes(b"\xff\xff\xff")
    with pytest.raises(CommandError, match="neither UTF-8 nor GBK"):
        read_book(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"\xd0\xcf\x11\xe0old excel"])
def test_what_is_no_book_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.xlsx"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=r"no Excel file \(\.xlsx\)"):
        read_book(path)


def test_an_archive_that_is_no_book_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(CommandError, match="no Excel file"):
        read_book(tmp_path / "b.xlsx")


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"has no \.csv file"):
        read_book(tmp_path)


@pytest.mark.parametrize(
    "bound", ["MAX_FILE_BYTES", "MAX_UNPACKED_BYTES", "MAX_SHEETS", "MAX_ROWS", "MAX_COLUMNS"]
)
def test_a_book_beyond_a_bound_is_refused(
    tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = excel(tmp_path / "b.xlsx", [["编号", "a"], ["U1", 1]])
    assert read_book(path)
    monkeypatch.setattr(book, bound, 0)
    with pytest.raises(CommandError, match="at most 0 are read"):
        read_book(path)
