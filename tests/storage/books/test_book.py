"""Books: Excel files and folders of CSV, read with bounds and without believing formulas."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import time
from pathlib import Path

import pytest
from openpyxl import Workbook

from wattwarden.storage.books.book import FORMULA, ON_DISK, SENT, BookError, Bounds, Table
from wattwarden.storage.books.reading import read_book, read_sent
from wattwarden.storage.books.writing import packed_book, packed_csv, write_book

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
    with pytest.raises(BookError, match="neither UTF-8 nor GBK"):
        read_book(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"\xd0\xcf\x11\xe0old excel"])
def test_what_is_no_book_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.xlsx"
    path.write_bytes(content)
    with pytest.raises(BookError, match=r"no Excel file \(\.xlsx\)"):
        read_book(path)


def test_an_archive_that_is_no_book_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(BookError, match="no Excel file"):
        read_book(tmp_path / "b.xlsx")


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"has no \.csv file"):
        read_book(tmp_path)


@pytest.mark.parametrize("bound", [one.name for one in fields(Bounds)])
def test_a_book_beyond_a_bound_is_refused(tmp_path: Path, bound: str) -> None:
    path = excel(tmp_path / "b.xlsx", [["编号", "a"], ["U1", 1]])
    assert read_book(path)
    narrow = replace(ON_DISK, **{bound: 0})
    with pytest.raises(BookError, match="at most 0 are read"):
        read_book(path, bounds=narrow)
    with pytest.raises(BookError, match="at most 0 are read"):
        read_sent(path.read_bytes(), "b.xlsx", narrow)


@pytest.mark.parametrize("pack", [packed_book, packed_csv])
def test_what_is_packed_is_read_by_its_content(pack: Callable[[list[Table]], bytes]) -> None:
    (read,) = read_sent(pack([TABLE]), "whatever.bin")
    assert (read.title, read.heads) == (TABLE.title, TABLE.heads)
    assert len(read.rows) == 2


def test_a_single_table_is_called_as_its_file_is() -> None:
    text = "编号,名称\nU1,磨机\n".encode("gbk")
    (read,) = read_sent(text, "C:\\tables\\设施.csv")
    assert (read.title, read.rows) == ("设施", ((2, ("U1", "磨机")),))


def test_names_that_windows_packed_in_gbk_are_read() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("设施.csv", "编号\nU1\n")
    # As packers of that kind do: the bytes are GBK, and no flag says otherwise.
    raw = packed.getvalue().replace("设施".encode(), "设施".encode("gbk").ljust(6, b"!"))
    flagless = raw.replace(b"\x00\x08\x00\x00", b"\x00\x00\x00\x00")
    (read,) = read_sent(flagless, "b.zip")
    assert read.title == "设施!!"


def bomb(name: str, size: int) -> bytes:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        for _ in range(size // 2**20):
            member.write(bytes(2**20))
    return packed.getvalue()


@pytest.mark.parametrize("name", ["设施.csv", "[Content_Types].xml"])
def test_what_unpacks_to_more_than_any_book_is_never_unpacked(name: str) -> None:
    narrow = replace(SENT, unpacked_bytes=8 * 2**20)
    packed = bomb(name, 9 * 2**20)
    assert len(packed) < 2**16
    tracemalloc.start()
    with pytest.raises(BookError, match="are read, got"):
        read_sent(packed, "bomb", narrow)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_file_that_lies_about_its_size_is_refused() -> None:
    packed = bomb("设施.csv", 2**20)
    said = (2**20).to_bytes(4, "little")
    with pytest.raises(BookError):
        read_sent(packed.replace(said, (64).to_bytes(4, "little")), "lie")


ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 9))
    + "]><x>&a8;</x>"
)


def test_entities_that_grow_are_not_expanded(tmp_path: Path) -> None:
    path = excel(tmp_path / "b.xlsx", [["编号"], ["U1"]])
    hostile = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(hostile, "w") as made:
        for member in archive.namelist():
            is_book = member == "xl/workbook.xml"
            made.writestr(member, ENTITIES if is_book else archive.read(member))
    with pytest.raises(BookError, match="no Excel file"):
        read_sent(hostile.getvalue(), "b.xlsx")


@pytest.mark.parametrize("name", ["../../etc/设施.csv", "/设施.csv", "a/b/设施.csv"])
def test_a_path_in_an_archive_is_a_title_and_nothing_more(name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "编号\nU1\n")
    (read,) = read_sent(packed.getvalue(), "b.zip")
    assert read.title == "设施"


def test_an_archive_of_something_else_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("run.exe", "MZ")
    with pytest.raises(BookError, match=r"no \.csv file"):
        read_sent(packed.getvalue(), "b.zip")
