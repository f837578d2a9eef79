"""Plans, files, consumables, notices: what is kept, as it stands."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.decisions.bodies import Consumable, Plan
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.responses.bodies import Calendar, Preset
from wattwarden.alarms.routing.bodies import Silence
from wattwarden.console.api.asked import Filters, Key, OfFirm, Text
from wattwarden.console.api.resource import Asked, Found, Resource, by_decision, by_id, cut, sliced
from wattwarden.console.api.rows import Row, Thing, thing
from wattwarden.storage.cases.evidence import files_seen
from wattwarden.storage.consumables.load import PartNow, load_parts, parts_now
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.listing import Listed, Tried, Wanted, attempts_of, list_outbox
from wattwarden.storage.outbox.load import load_silences
from wattwarden.storage.registry.decisions import in_force
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.responses.load import calendars_for, load_presets

B = TypeVar("B", bound=Body)


class PartRow(Row, frozen=True):
    """A consumable as it stands: how far it is used up, and when it is due."""

    id: str
    enterprise: str
    level: str
    colour: str
    since: datetime
    share: float
    hours: float
    days: float
    left_hours: float | None
    due_at: datetime | None
    body: Consumable


class NoticeWhole(Row, frozen=True):
    """A notice with every attempt to send it."""

    notice: Listed
    attempts: list[Tried]


class NoticeFilters(Filters):
    """Which notices."""

    state: Annotated[
        tuple[Text, ...], Field(max_length=10, description="Only in these states.")
    ] = ()
    recipient: Annotated[Text | None, Field(description="Only to this person.")] = None
    alarm: Annotated[int | None, Field(ge=1, lt=2**63, description="Only about this alarm.")] = None


async def _plans(asked: Asked[OfFirm]) -> Found[Thing[Plan]]:
    firms = asked.reader.within(asked.filters.enterprise)
    entered = await in_force(asked.connection, Plan.kind_name, firms)
    rows = [thing(one, one.body) for one in entered if isinstance(one.body, Plan)]
    return sliced(rows, by_decision, asked)


async def _presets(asked: Asked[OfFirm]) -> Found[Preset]:
    firms = asked.reader.within(asked.filters.enterprise)
    found = await load_presets(asked.connection, enterprises=firms)
    return sliced(found, by_id, asked, newest=False)


async def _calendars(asked: Asked[Filters]) -> Found[Calendar]:
    found = await calendars_for(asked.connection, asked.reader)
    return sliced(found, by_id, asked, newest=False)


async def _consumables(asked: Asked[OfFirm]) -> Found[PartRow]:
    firms = asked.reader.within(asked.filters.enterprise)
    parts = await load_parts(asked.connection, enterprises=firms)
    rows = map(_part_row, await parts_now(asked.connection, parts, asked.reader.now))
    return sliced(list(rows), by_id, asked, newest=False)


def _part_row(one: PartNow) -> PartRow:
    return PartRow(
        id=one.part.body.id,
        enterprise=one.part.enterprise,
        level=str(one.level),
        colour=str(one.colour),
        since=one.part.since,
        **{name: getattr(one.wear, name) for name in ("share", "hours", "days", "left_hours")},
        due_at=one.wear.due_at,
        body=one.part.body,
    )


async def _files(asked: Asked[OfFirm]) -> Found[Thing[Evidence]]:
    found = await files_seen(asked.connection, asked.reader, enterprise=asked.filters.enterprise)
    rows = [thing(one, one.body) for one in found if isinstance(one.body, Evidence)]
    return sliced(rows, by_decision, asked)


async def _silences(asked: Asked[OfFirm]) -> Found[Thing[Silence]]:
    firms = asked.reader.within(asked.filters.enterprise)
    found = await load_silences(asked.connection, firms)
    return sliced([thing(one, body) for one, body in found], by_decision, asked)


async def _notices(asked: Asked[NoticeFilters]) -> Found[Listed]:
    filters, own = asked.filters, await _own(asked.connection, asked.reader, asked.limit + 1)
    wanted = replace(
        own,
        states=filters.state or None,
        recipient=filters.recipient,
        alarm=filters.alarm,
        before=None if asked.after is None else int(asked.after[0]),
    )
    return cut(await list_outbox(asked.connection, wanted), lambda one: (one.id,), asked.limit)


async def _notice(connection: Connection, reader: Reader, identity: str) -> NoticeWhole | None:
    number = int(identity)
    own = await _own(connection, reader, 1)
    found = await list_outbox(connection, replace(own, numbers=[number]))
    if not found:
        return None
    return NoticeWhole(notice=found[0], attempts=await attempts_of(connection, number))


async def _own(connection: Connection, reader: Reader, limit: int) -> Wanted:
    """Return which notices are the reader's to see: a firm's people see those to its people."""
    recipients = None
    firm = None if reader.person is None else reader.person.enterprise
    if firm is not None:
        recipients = [
            one.id for one in await load_kind(connection, Person) if one.enterprise == firm
        ]
    return Wanted(enterprises=reader.enterprises, recipients=recipients, limit=limit)


@dataclass(frozen=True, slots=True)
class _Simple:
    """A list without singles, whatever its loader."""

    name: str
    zh: str
    en: str
    row: Any
    needs: Read
    filters: type[Filters]
    key: Key
    load: Callable[[Asked[Any]], Awaitable[Found[Any]]]

    def resource(self) -> Resource[Any, Any]:
        """Return it as a resource."""
        return Resource(**{name: getattr(self, name) for name in self.__slots__})


MATTERS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="notices",
        zh="通知，最近的在前",
        en="Notices and what came of them, the newest first",
        row=Listed,
        needs=Read.NOTICES,
        filters=NoticeFilters,
        key=(0,),
        load=_notices,
        one="notice",
        find=_notice,
        whole=NoticeWhole,
    ),
    *(
        _Simple(*one).resource()
        for one in (
            (
                "plans",
                "停限产计划",
                "Plans of stops and limits in force or to come",
                Thing[Plan],
                Read.PLANS,
                OfFirm,
                (0,),
                _plans,
            ),
            (
                "presets",
                "应急预案",
                "What firms do at each warning level",
                Preset,
                Read.PLANS,
                OfFirm,
                ("",),
                _presets,
            ),
            (
                "calendars",
                "错峰生产日历",
                "Off-peak calendars",
                Calendar,
                Read.CALENDARS,
                Filters,
                ("",),
                _calendars,
            ),
            (
                "consumables",
                "耗材",
                "Consumables, and how far they are used up",
                PartRow,
                Read.CONSUMABLES,
                OfFirm,
                ("",),
                _consumables,
            ),
            (
                "evidence",
                "附件",
                "Files that prove something",
                Thing[Evidence],
                Read.EVIDENCE,
                OfFirm,
                (0,),
                _files,
            ),
            (
                "silences",
                "静默",
                "Notices that are kept back",
                Thing[Silence],
                Read.SILENCES,
                OfFirm,
                (0,),
                _silences,
            ),
        )
    ),
)
