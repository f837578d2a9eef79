"""The registry as a book for programs: given away whole, tried, taken in wholly or not at all."""

from http import HTTPStatus
from typing import Annotated, Final

from aiohttp import web
from pydantic import Field

from wattwarden.console.api.asked import Shown, Text, asked_for, unfit
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.records import READERS
from wattwarden.console.api.resource import json_of
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import CHANGED, sent_file
from wattwarden.console.registry.books import MEDIA, Packing, book_of
from wattwarden.console.routes import Right
from wattwarden.console.visit import Visit
from wattwarden.storage.books.book import SENT
from wattwarden.storage.books.exchange import Sent, Taken, load_tables
from wattwarden.storage.books.parse import Fault
from wattwarden.storage.books.tables import tables_of
from wattwarden.storage.books.telling import Told

# By its size and a slow line.
FILE_S: Final = 120.0
_MARK: Final = "^[0-9a-f]{64}$"


class Giving(Shown):
    """As what the registry is given."""

    format: Annotated[Packing, Field(description="A workbook, or a ZIP of CSV files.")] = (
        Packing.EXCEL
    )
    empty: Annotated[bool, Field(description="A template: heads alone.")] = False


class Taking(Shown):
    """How a book is taken in."""

    dry_run: Annotated[bool, Field(description="Tell what would change, and change nothing.")] = (
        False
    )
    remove_others: Annotated[
        bool, Field(description="Remove records that a sheet of their kind does not name.")
    ] = False
    seen: Annotated[
        Annotated[str, Field(pattern=_MARK)] | None,
        Field(description="Only these changes: the `mark` of a dry run. Others: 412."),
    ] = None
    name: Annotated[Text, Field(description="The file's name: the title of a single CSV.")] = "book"


class BookRow(Row, frozen=True):
    """What a book changes: by kind, and the first 200 one by one; or the first 200 faults."""

    dry_run: bool
    changed: dict[str, int]
    changes: list[Told]
    fault_count: int
    faults: list[Fault]
    mark: str
    decisions: list[int]


async def take(visit: Visit) -> web.StreamResponse:
    """Try a book, or take it in."""
    asked = asked_for(Taking, visit)
    data = await sent_file(visit, FILE_S)
    sent = Sent(
        data, asked.name, visit.person, asked.remove_others, asked.dry_run, asked.seen or ""
    )
    taken = await visit.parts.gateways.take_book(sent)
    if taken.refused is not None:
        raise unfit(*taken.refused)
    if taken.faults and not asked.dry_run:
        raise unfit(*_told(taken))
    if asked.seen not in {None, taken.mark}:
        raise CHANGED
    told = BookRow(
        dry_run=asked.dry_run,
        changed=taken.counts,
        changes=taken.changes,
        fault_count=taken.fault_count,
        faults=taken.faults,
        mark=taken.mark,
        decisions=taken.decisions,
    )
    return json_of(told, HTTPStatus.CREATED if taken.decisions else HTTPStatus.OK)


async def give(visit: Visit) -> web.StreamResponse:
    """Give the registry and what is in force as a book."""
    asked = asked_for(Giving, visit)
    async with visit.reading() as (connection, _reader):
        tables = tables_of({}) if asked.empty else await load_tables(connection)
    return await book_of(tables, asked.format)


def _told(taken: Taken) -> tuple[str, str]:
    first, count = taken.faults[0], taken.fault_count
    where = f"{first.sheet} {first.row or ''} {first.column}".replace("  ", " ")
    zh = f"{count}处错误，没有导入；第一处：{where}：{first.zh}。试读(dry_run)可见全部"
    en = f"{count} faults, nothing was imported; the first: {where}: {first.en}; dry_run tells more"
    return zh, en


BOOKS: Final = (
    Operation(
        method="POST", path="/registry/import", name="api.book.take", group="registry",
        zh="整本试读或导入档案", en="Try a book of the registry, or import all of it or nothing",
        handler=take, needs=Right("registry"), asked=Taking, takes_file=True, told=BookRow,
        other_status=HTTPStatus.CREATED, is_matched=True, body_bytes=SENT.file_bytes + 1,
    ),
    Operation(
        method="GET", path="/registry/export", name="api.book.give", group="registry",
        zh="整本导出档案", en="The registry and what is in force as a book",
        handler=give, needs=READERS, asked=Giving, media=tuple(MEDIA.values()),
    ),
)  # fmt: skip
