"""Meters, what they said, and what is missing of it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.console.api.asked import Filters, Key, Spanned, Text, earlier
from wattwarden.console.api.resource import Asked, Found, Resource, cut, numbered, sliced
from wattwarden.console.api.rows import Row
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.whose import MAX_METER
from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection
from wattwarden.storage.fleet import Heard, list_fleet
from wattwarden.storage.gaps import open_gaps, read_gaps
from wattwarden.storage.meters import Meter, MeterState, find_meter, parse_meter
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.readings import Span, StoredReading, read_readings

_Told: TypeAlias = AsyncGenerator[StoredReading, None]

# What is asked for without a time is looked at as far back.
_USUAL: Final = timedelta(days=1)
_USUAL_GAPS: Final = timedelta(days=7)


class MeterFilters(Filters):
    """Which meters."""

    state: Annotated[MeterState | None, Field(description="Only in this state.")] = None
    q: Annotated[Text | None, Field(description="Only whose name, firm or unit holds this.")] = None


class MeterRow(Row, frozen=True):
    """A meter; `name` is how points call it, `heard` whether it reports: now, before, never."""

    id: int
    name: str
    codec: str
    address: str
    state: MeterState
    enrolled_at: datetime
    enterprise: str | None
    unit_name: str
    heard: Heard
    heard_at: datetime | None
    session: str | None
    session_at: datetime | None
    peer: str | None


class GapRow(Row, frozen=True):
    """A stretch without readings, how many are missing, how often they were asked for again."""

    since: datetime
    until: datetime
    missing: int
    tries: int
    is_open: bool


class ValueRow(Row, frozen=True):
    """A value as the meter reported it."""

    quantity: str
    value: float | int | None
    unit: str
    flag: str


class ReadingRow(Row, frozen=True):
    """A reading; `quality` names what is doubtful about it, nothing for a good one."""

    at: datetime
    channel: str
    period: str
    received_at: datetime
    quality: list[str]
    values: list[ValueRow]


async def _meters(asked: Asked[MeterFilters]) -> Found[MeterRow]:
    filters, after = asked.filters, 0
    if asked.after is not None:
        after = min(max(int(asked.after[0]), 0), MAX_METER)
    rows: list[MeterRow] = []
    while len(rows) <= asked.limit:
        found = await list_fleet(
            asked.connection,
            asked.reader.enterprises,
            asked.reader.now,
            said=filters.q or "",
            state=filters.state,
            after=after,
        )
        rows += [_meter_row(one, asked.reader) for one in found]
        if not found:
            break
        after = found[-1].id
    return cut(rows, lambda row: (row.id,), asked.limit)


async def meter_row(connection: Connection, reader: Reader, identity: str) -> MeterRow | None:
    """Return a meter by its number; None where there is none, or it is not the reader's."""
    found = await _fleet_meter(connection, reader, identity)
    return None if found is None else _meter_row(found, reader)


async def _fleet_meter(connection: Connection, reader: Reader, identity: str) -> Any | None:
    number = int(identity)
    if number > MAX_METER:
        return None
    found = await list_fleet(connection, reader.enterprises, reader.now, only=number)
    return found[0] if found else None


def _meter_row(one: Any, reader: Reader) -> MeterRow:
    computed = {"name", "enterprise", "heard"}
    plain = {
        name: getattr(one, name) for name in MeterRow.__struct_fields__ if name not in computed
    }
    return MeterRow(
        **plain, name=one.name, enterprise=one.firm or None, heard=one.heard(reader.now)
    )


async def _readings(asked: Asked[Spanned]) -> Found[ReadingRow]:
    filters, after = asked.filters, asked.after
    meter = await meter_of(asked.connection, asked.reader, asked.named["meter"])
    since = filters.since or earlier(filters.until or asked.reader.now, _USUAL)
    if after is not None:
        since = max(since, _moment(after[0]))
    rows: list[ReadingRow] = []
    span = Span(since=since, until=filters.until)
    told = cast("_Told", read_readings(asked.connection, meter, span))
    # Left early, it lets go of its transaction at once.
    async with aclosing(told) as found:
        async for one in found:
            row = _reading_row(one)
            if after is None or _reading_key(row) > after:
                rows.append(row)
            if len(rows) > asked.limit:
                break
    return cut(rows, _reading_key, asked.limit)


async def meter_of(connection: Connection, reader: Reader, identity: str) -> Meter:
    """Return a meter by its number.

    Raises:
        PageError: 404; there is none, or not one that is the reader's to see.
    """
    found = await _fleet_meter(connection, reader, identity)
    if found is None:
        raise NOT_FOUND
    return await find_meter(connection, parse_meter(found.name))


async def _gaps(asked: Asked[Spanned]) -> Found[GapRow]:
    filters = asked.filters
    meter = await meter_of(asked.connection, asked.reader, asked.named["meter"])
    until = filters.until or asked.reader.now
    since = filters.since or earlier(until, _USUAL_GAPS)
    found = await read_gaps(asked.connection, [meter.id], since, until)
    found += await open_gaps(asked.connection, [meter.id], until)
    names = GapRow.__struct_fields__
    rows = [GapRow(**{name: getattr(one, name) for name in names}) for one in found]
    return sliced(rows, lambda row: (us_of(row.since),), asked, newest=False)


def _moment(us: str | int) -> datetime:
    try:
        return moment_of(int(us))
    except (OverflowError, ValueError) as error:
        raise NOT_FOUND from error


def _reading_key(row: ReadingRow) -> Key:
    return us_of(row.at), row.channel, row.period


def _reading_row(one: StoredReading) -> ReadingRow:
    return ReadingRow(
        at=one.at,
        channel=one.channel,
        period=one.period,
        received_at=one.received_at,
        quality=[bit.name.lower() for bit in Quality if bit.name and one.quality & bit],
        values=[
            ValueRow(quantity=value.quantity, value=value.value, unit=value.unit, flag=value.flag)
            for value in one.values
        ],
    )


METERS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="meters",
        zh="电表",
        en="Meters, and whether they report",
        row=MeterRow,
        needs=Read.STATES,
        filters=MeterFilters,
        key=(0,),
        load=_meters,
        one="meter",
        find=meter_row,
    ),
    Resource(
        name="meters/{meter}/readings",
        zh="电表读数，最早的在前；未给时段时为最近一天",
        en="What a meter said, oldest first; of the last day if no time is given",
        row=ReadingRow,
        needs=Read.STATES,
        filters=Spanned,
        key=(0, "", ""),
        load=_readings,
    ),
    numbered(
        "meters/{meter}/gaps",
        "电表缺失的读数，最早的在前；未给时段时为最近七天",
        "What is missing of a meter, oldest first; of the last week if no time is given",
        GapRow,
        Read.STATES,
        Spanned,
        _gaps,
    ),
)
