"""Invariant: whatever a book of the registry holds, it is refused, or faults or changes are told.

Allowed: BookError from reading what was sent.  Nothing from holding its tables against what is in
force.  Tables are within bounds; a draft without faults leads to a registry without problems, and
the book that is written of that asks for nothing more.
"""

import csv
import io
import warnings
import zipfile
from functools import cache
from random import Random
from typing import Final

from fuzz.chosen import check_said, put_together, taken_apart
from fuzz.harness import Target
from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.changes import changed
from wattwarden.alarms.registry.check import check
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.books.book import SENT, BookError, Table
from wattwarden.storage.books.importing import DECIDED_KINDS, draft_import, unnamed_leave
from wattwarden.storage.books.reading import READ_AS, WORKBOOK_HAS, read_sent
from wattwarden.storage.books.sheets import SHEETS
from wattwarden.storage.books.tables import known_of, tables_of
from wattwarden.storage.books.writing import packed_book, packed_csv

# A whole file; a table of texts by its kind; then parts of a workbook, in whose place others stand.
WHOLE: Final = "whole"
TABLES: Final = tuple(SHEETS)
BODIES: Final = {kind: {} for kind in DECIDED_KINDS}  # type: ignore[var-annotated]  # of nothing
MOST_SAID_LETTERS: Final = 1_000
# Of the workbook's sheets, those that say most.
MOST_PARTS: Final = 12


def run(data: bytes) -> None:
    """Hold the invariant for one file."""
    name, body = taken_apart(data, _names())
    file = f"{SHEETS[name].zh}.csv" if name in SHEETS else "book"
    sent = _with_part(name, body) if name in _parts() else body
    try:
        tables = _read(sent, file)
    except BookError as error:
        check_said(error, 2 * len(data) + MOST_SAID_LETTERS)
        return
    _check_bounds(tables)
    _check_draft(tables)


def _read(sent: bytes, file: str) -> list[Table]:
    with warnings.catch_warnings():
        # The library says what it leaves out of a workbook.
        warnings.simplefilter("ignore")
        return read_sent(sent, file)


def _check_bounds(tables: list[Table]) -> None:
    assert len(tables) <= SENT.sheets, "more sheets than are read"
    for table in tables:
        assert len(table.rows) <= SENT.rows, "more rows than are read"
        assert all(len(row) <= SENT.columns for _, row in table.rows), "more columns than are read"


def _check_draft(tables: list[Table]) -> None:
    draft = draft_import(tables, _registry(), BODIES)
    assert draft == draft_import(tables, _registry(), BODIES), "said otherwise the second time"
    draft_import(tables, _registry(), BODIES, unnamed_leave)
    if draft.faults:
        assert all(fault.zh and fault.en for fault in draft.faults), "a fault without words"
        return
    new = changed(_registry(), draft.changes)
    assert check(new) == [], "a draft without faults leads to problems"
    if not draft.changes:
        return
    kinds = {kind: {} for kind in DECIDED_KINDS}  # type: ignore[var-annotated]  # of nothing
    for body in draft.bodies:
        kinds[body.kind_name][str(getattr(body, "id", ""))] = body
    again = read_sent(packed_csv(tables_of(known_of(new, kinds))), "book")
    left = draft_import(again, new, kinds)
    assert not left.changes, f"written and read back it asks for {left.changes[:1]}"
    assert not left.bodies, f"written and read back it decides {left.bodies[:1]}"


# --- inputs ---------------------------------------------------------------------------------------


@cache
def _registry() -> Registry:
    return registry()


@cache
def _tables() -> tuple[Table, ...]:
    return tuple(tables_of(known_of(_registry(), BODIES)))


@cache
def _workbook() -> bytes:
    return packed_book(table for table in _tables() if table.rows)


@cache
def _parts() -> tuple[str, ...]:
    with zipfile.ZipFile(io.BytesIO(_workbook())) as archive:
        names = sorted(archive.namelist(), key=lambda one: (one != WORKBOOK_HAS, one))
    return tuple(names[:MOST_PARTS])


@cache
def _names() -> tuple[str, ...]:
    return (WHOLE, *TABLES, *_parts())


def _with_part(name: str, body: bytes) -> bytes:
    """Return the workbook with another part in the place of one, packed without compression."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(_workbook())) as there,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive,
    ):
        for one in there.namelist():
            archive.writestr(one, body if one == name else there.read(one))
    return packed.getvalue()


def _csv(table: Table) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table.heads)
    writer.writerows(row for _, row in table.rows)
    return text.getvalue().encode()


def _seeds() -> list[bytes]:
    small = [table for table in _tables() if table.rows][:2]
    seeds = [put_together(_names(), WHOLE, made(small)) for made in (packed_book, packed_csv)]
    for kind, table in zip(TABLES, _tables(), strict=True):
        seeds.append(put_together(_names(), kind, _csv(table)))
    with zipfile.ZipFile(io.BytesIO(_workbook())) as archive:
        seeds += [put_together(_names(), one, archive.read(one)) for one in _parts()]
    # The same texts as spreadsheets in China once wrote them.
    seeds.append(put_together(_names(), TABLES[0], _csv(_tables()[0]).decode().encode(READ_AS[1])))
    return seeds


def _mend(data: bytes, rng: Random) -> bytes:
    """Put a row that holds together into a table, at times; or pack a file anew."""
    name, body = taken_apart(data, _names())
    if name == WHOLE and rng.random() < 0.5:
        packed = io.BytesIO()
        how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
        with zipfile.ZipFile(packed, "w", how) as archive:
            archive.writestr(rng.choice(("企业.csv", "unit.csv", "a/b.csv", "x.txt")), body)
        return put_together(_names(), WHOLE, packed.getvalue())
    if name in SHEETS and rng.random() < 0.3:
        rows = _csv(_tables()[TABLES.index(name)]).splitlines(keepends=True)
        body = rows[0] + b"".join(body.splitlines(keepends=True)[1:]) + rng.choice(rows)
    return put_together(_names(), name, body)


TOKENS: Final = (
    b"PK\3\4", b"PK\1\2", b"PK\5\6", b"\xff\xff\xff\xff", b",", b'"', b"\r\n", b"=1+1", b"'=",
    b"\xef\xbb\xbf", b"\x00", b"1e999", b"nan", b"9999-12-31", b"0001-01-01", b"NOx=1; NOx=2",
    b"<f>1</f>", b'<c r="XFD1048576" t="s"><v>9</v></c>', b'<row r="99999">', b"<sheetData>",
    b'<!DOCTYPE a [<!ENTITY b "c">]>', b"&b;", b't="d"', b't="e"', b't="b"', b't="inlineStr"',
    b"45000.5", b"-1", "是".encode(), "；".encode(), b"<is><t>x</t></is>", b'r=""', b's="99"',
)  # fmt: skip
TARGET: Final = Target("books", run, _seeds, _mend, TOKENS)
