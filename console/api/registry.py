"""Who has what: firms, lines, units, points, people; and the ledgers of firms."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.ledgers.contents import Content
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry import nouns
from wattwarden.alarms.service.bodies import Reminder
from wattwarden.console.api.asked import Filters, OfFirm, Spanned
from wattwarden.console.api.resource import Asked, Found, Resource, cut, numbered, sliced
from wattwarden.console.api.rows import Row
from wattwarden.console.routes import SIGNED_IN
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import Chosen, load_entries
from wattwarden.storage.registry.records import load_kind, load_record
from wattwarden.storage.service.load import Reminded, load_reminders

from datetime import datetime  # isort: skip

N = TypeVar("N", bound=nouns.Noun)

# Years of a firm's ledger are read a page at a time by those who want all.
_SOME: Final = 20


class LedgerFilters(Spanned):
    """Which entries, by when things happened."""

    kind: Annotated[
        tuple[LedgerKind, ...], Field(max_length=_SOME, description="Only of these kinds.")
    ] = ()


class EntryRow(Row, frozen=True):
    """An entry of a ledger as it is kept, with its place in the chain."""

    number: int
    kind: LedgerKind
    occurred_at: datetime
    entered_at: datetime
    late: bool
    actor: str
    source: str
    corrects: int | None
    content: Content
    digest: str


class ReminderRow(Row, frozen=True):
    """A reminder to a firm, and when somebody of it read it."""

    by: str
    at: datetime
    read_at: datetime | None
    body: Reminder


async def _ledger(asked: Asked[LedgerFilters]) -> Found[EntryRow]:
    filters = asked.filters
    chosen = Chosen(kinds=filters.kind, since=filters.since, until=filters.until)
    entries = await load_entries(asked.connection, asked.named["enterprise"], chosen)
    after = 0 if asked.after is None else int(asked.after[0])
    names = ("number", "kind", "occurred_at", "entered_at", "late", "actor", "source", "corrects",
             "content")  # fmt: skip
    rows = [
        EntryRow(**{name: getattr(one, name) for name in names}, digest=one.digest.hex())
        for one in entries
        if one.number > after
    ]
    return cut(rows, lambda row: (row.number,), asked.limit)


async def _reminders(asked: Asked[Filters]) -> Found[ReminderRow]:
    firm = await load_record(asked.connection, nouns.Enterprise, asked.named["enterprise"])
    found = [] if firm is None else await load_reminders(asked.connection, firm)
    return sliced(
        [_reminder_row(one) for one in found], lambda row: (row.body.id,), asked, newest=False
    )


def _reminder_row(one: Reminded) -> ReminderRow:
    return ReminderRow(by=one.by, at=one.at, read_at=one.read_at, body=one.body)


def _records(
    name: str, zh: str, en: str, kind: type[N], sees: Callable[[Reader, N], bool], one: str = ""
) -> Resource[Any, N]:
    """Return the resource of a kind of the registry's records."""
    filters = (
        OfFirm if "enterprise" in kind.__struct_fields__ or kind is nouns.Enterprise else Filters
    )

    async def load(asked: Asked[Any]) -> Found[N]:
        firm = getattr(asked.filters, "enterprise", None)
        rows = [
            row
            for row in await load_kind(asked.connection, kind)
            if sees(asked.reader, row) and firm in (None, _firm(row))
        ]
        return sliced(rows, lambda row: (row.id,), asked, newest=False)

    async def find(connection: Connection, reader: Reader, identity: str) -> N | None:
        row = await load_record(connection, kind, identity)
        return row if row is not None and sees(reader, row) else None

    return Resource(
        name=name,
        zh=zh,
        en=en,
        row=kind,
        needs=SIGNED_IN,
        filters=filters,
        key=("",),
        load=load,
        one=one,
        find=find if one else None,
    )


def _firm(row: nouns.Noun) -> str | None:
    if isinstance(row, nouns.Enterprise):
        return row.id
    firm: str | None = getattr(row, "enterprise", None)
    return firm


def _of_its_firm(reader: Reader, row: nouns.Noun) -> bool:
    return reader.sees(_firm(row))


def _everybody(_reader: Reader, _row: nouns.Noun) -> bool:
    return True


async def _people(asked: Asked[OfFirm]) -> Found[nouns.Person]:
    agencies = {one.id: one for one in await load_kind(asked.connection, nouns.Agency)}
    firm = asked.filters.enterprise
    seen = [
        one
        for one in await load_kind(asked.connection, nouns.Person)
        if asked.reader.sees_person(one, agencies) and firm in (None, one.enterprise)
    ]
    return sliced(seen, lambda one: (one.id,), asked, newest=False)


def _by_line(kind: type[Any]) -> Callable[[Asked[Filters]], Awaitable[Found[Any]]]:
    """Return what loads records that belong to a firm by a line, a unit or an outlet."""

    async def load(asked: Asked[Filters]) -> Found[Any]:
        owners = {
            ("line", one.id): one.enterprise
            for one in await load_kind(asked.connection, nouns.Line)
        }
        owners |= {
            ("unit", o.id): o.enterprise for o in await load_kind(asked.connection, nouns.Unit)
        }
        owners |= {
            ("outlet", o.id): o.enterprise for o in await load_kind(asked.connection, nouns.Outlet)
        }
        rows = [
            row
            for row in await load_kind(asked.connection, kind)
            if asked.reader.sees(
                next(
                    (
                        owners[name, getattr(row, name)]
                        for name in ("line", "unit", "outlet")
                        if (name, getattr(row, name, None)) in owners
                    ),
                    None,
                )
            )
        ]
        return sliced(rows, lambda row: (row.id,), asked, newest=False)

    return load


def _plain(
    name: str, zh: str, en: str, kind: type[Any], filters: type[Filters], load: Any
) -> Resource[Any, Any]:
    return Resource(
        name=name, zh=zh, en=en, row=kind, needs=SIGNED_IN, filters=filters, key=("",), load=load
    )


REGISTRY: Final[tuple[Resource[Any, Any], ...]] = (
    _records("enterprises", "企业", "Firms", nouns.Enterprise, _of_its_firm, "enterprise"),
    _records("lines", "生产线", "Production lines", nouns.Line, _of_its_firm, "line"),
    _records(
        "units", "设施", "Production and treatment machines", nouns.Unit, _of_its_firm, "unit"
    ),
    _records(
        "equipment", "终端与视频", "Terminals, cameras, monitors", nouns.Equipment, _of_its_firm
    ),
    _records("outlets", "排放口", "Outlets", nouns.Outlet, _of_its_firm),
    _records(
        "standby", "备用关系", "Units that stand by for each other", nouns.Standby, _of_its_firm
    ),
    _records("regions", "区域", "Districts and towns", nouns.Region, _everybody),
    _records("agencies", "机构", "Authorities", nouns.Agency, _everybody),
    _records(
        "requirements", "安装要求", "Equipment that is obligatory", nouns.Requirement, _everybody
    ),
    _plain("people", "人员", "People, as far as they concern you", nouns.Person, OfFirm, _people),
    _plain(
        "links",
        "设施所属生产线",
        "Which unit serves which line",
        nouns.Link,
        Filters,
        _by_line(nouns.Link),
    ),
    _plain(
        "points",
        "计量点",
        "Which meter measures which unit",
        nouns.Point,
        Filters,
        _by_line(nouns.Point),
    ),
    numbered(
        "enterprises/{enterprise}/ledger",
        "企业台账，按编号",
        "A firm's ledger, by number",
        EntryRow,
        Read.LEDGERS,
        LedgerFilters,
        _ledger,
    ),
    Resource(
        name="enterprises/{enterprise}/reminders",
        zh="对企业的提醒",
        en="What a firm was reminded of",
        row=ReminderRow,
        needs=Read.REMINDERS,
        filters=Filters,
        key=("",),
        load=_reminders,
    ),
)
