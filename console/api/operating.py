"""Quarantine, meters, channels, for whoever runs them; what authorities give on, and flag."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from pydantic import Field

from wattwarden.alarms.acting.scope import Read, oversees
from wattwarden.alarms.channels.channel import Delivered
from wattwarden.alarms.enforcement.words import Flag
from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.api.asked import OfFirm, Shown, Stretch, Text, asked_for, bounds, unfit
from wattwarden.console.api.meters import MeterRow, meter_of, meter_row
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import (
    Asked,
    Found,
    Resource,
    json_of,
    sliced,
    tag_of,
    tagged,
)
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import check_match, read, sent_json
from wattwarden.console.api.singles import MOST_COUNTED_S, USUAL_COUNTED_S
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.meters.accepting import accept_meter
from wattwarden.console.meters.quarantine import retry_frames
from wattwarden.console.routes import Only
from wattwarden.console.rules.channels import ADDRESS_LETTERS, try_out
from wattwarden.console.visit import Visit
from wattwarden.protocol.errors import Refusal
from wattwarden.storage.enforcement.flagged import FlaggedFirm, load_flags
from wattwarden.storage.outbox.load import load_routing
from wattwarden.storage.quarantine import Selection
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.statistics.plain import plain
from wattwarden.storage.statistics.share import Wanted, shared

LINES: Final = "application/x-ndjson"
_MOST_FRAMES: Final = 1_000


class Retrying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which frames to read again: all conditions that are given; with none, all that wait."""

    ids: (
        Annotated[
            tuple[Annotated[int, msgspec.Meta(ge=1, le=2**53)], ...],
            msgspec.Meta(max_length=_MOST_FRAMES),
        ]
        | None
    ) = None
    codec: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    meter: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    kind: Refusal | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class RetriedRow(Row, frozen=True):
    """How many frames were tried, how many gave readings now, and how many rows that made."""

    tried: int
    resolved: int
    rows: int


class Sending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which endpoint to send a test, and to which address where it takes one."""

    endpoint: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    to: Annotated[str, msgspec.Meta(max_length=ADDRESS_LETTERS)] = ""


class TriedRow(Row, frozen=True):
    """Whether a test was taken, and why not."""

    delivered: bool
    reason: str


class FlagRow(Row, frozen=True):
    """What a firm is flagged for, on what it rests, and the firm's open task."""

    enterprise: str
    flag: Flag
    alarms: list[int]
    consumables: list[str]
    task: str | None
    zh: str
    en: str


class Sharing(Stretch):
    """What is given on."""

    agency: Annotated[Text, Field(description="Its firms, and those of agencies below it.")]


async def retry(visit: Visit) -> web.StreamResponse:
    """Read frames in quarantine again, with today's codecs, configuration and keys."""
    asked_for(Shown, visit)
    wanted = read(await sent_json(visit), Retrying)
    selection = Selection(**msgspec.structs.asdict(wanted))
    done = await retry_frames(visit, selection)
    return json_of(RetriedRow(tried=done.tried, resolved=done.resolved, rows=done.rows))


async def accept(visit: Visit) -> web.StreamResponse:
    """Vouch for a meter that enrolled itself, and read what waits of it."""
    asked_for(Shown, visit)
    number = visit.parameter("meter")
    async with visit.reading() as (connection, reader):
        before = await meter_row(connection, reader, number)
        if before is None:
            raise NOT_FOUND
        check_match(visit.request, tag_of(before))
        meter = await meter_of(connection, reader, number)
        await accept_meter(visit, connection, meter, reader.now)
        after = await meter_row(connection, reader, number)
    return tagged(visit.request, after)


async def send_test(visit: Visit) -> web.StreamResponse:
    """Send one message by an endpoint at once, past the outbox."""
    asked_for(Shown, visit)
    wanted = read(await sent_json(visit), Sending)
    async with visit.reading() as (connection, _reader):
        configured = (await load_routing(connection)).endpoint.get(wanted.endpoint)
    if configured is None:
        raise unfit("没有此渠道", "there is no such endpoint")
    if configured.address is not None and not wanted.to:
        raise unfit("须给出接收地址", "it takes an address")
    outcome = await try_out(visit, wanted.endpoint, wanted.to)
    reason = "" if isinstance(outcome, Delivered) else outcome.reason
    return json_of(TriedRow(delivered=isinstance(outcome, Delivered), reason=reason))


async def share(visit: Visit) -> web.StreamResponse:
    """Give an agency's firms on, a record a line."""
    asked = asked_for(Sharing, visit)
    async with visit.reading() as (connection, reader):
        since, until = bounds(asked, reader.now, USUAL_COUNTED_S, MOST_COUNTED_S)
        registry = await load_registry(connection)
        if asked.agency not in registry.agency or not oversees(
            visit.person, asked.agency, registry.agency
        ):
            raise NOT_FOUND
        wanted = Wanted(asked.agency, Period(since, until))
        response = web.StreamResponse(headers={"Content-Type": LINES})
        response.enable_compression()
        is_begun = False
        async for record in shared(connection, registry, wanted):
            if not is_begun:
                # What fails before the first record is told by its status.
                await response.prepare(visit.request)
                is_begun = True
            await response.write(msgspec.json.encode(plain(record)) + b"\n")
    await response.write_eof()
    return response


async def _flags(asked: Asked[OfFirm]) -> Found[FlagRow]:
    firms = asked.reader.within(asked.filters.enterprise)
    found = await load_flags(asked.connection, firms, asked.reader.now)
    return sliced(_rows(found), lambda row: (row.enterprise, row.flag), asked, newest=False)


def _rows(found: Sequence[FlaggedFirm]) -> list[FlagRow]:
    return [
        FlagRow(
            enterprise=one.enterprise.id,
            flag=one.flagged.flag,
            alarms=list(one.flagged.alarms),
            consumables=list(one.flagged.consumables),
            task=one.task,
            zh=one.flagged.zh,
            en=one.flagged.en,
        )
        for one in found
    ]


_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))
FLAGS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="flags",
        zh="企业标记：虚假整改、长期带病、高频报警等",
        en="Firms that are flagged: false rectification, faulty running, frequent alarms",
        row=FlagRow,
        needs=Read.FLAGS,
        filters=OfFirm,
        key=("", ""),
        load=_flags,
    ),
)
OPERATING: Final = (
    Operation(
        method="POST", path="/quarantine/retry", name="api.quarantine.retry", group="quarantine",
        zh="重新解析隔离区报文", en="Read waiting frames again, as codecs and keys are now",
        handler=retry, needs=_ADMINISTRATORS, body=Retrying, told=RetriedRow,
    ),
    Operation(
        method="POST", path="/meters/{meter}/accept", name="api.meter.accept", group="meters",
        zh="确认自行上线的电表", en="Vouch for a meter that enrolled itself",
        handler=accept, needs=_ADMINISTRATORS, told=MeterRow, is_tagged=True, is_matched=True,
    ),
    Operation(
        method="POST", path="/channels/test", name="api.channel.test", group="channels",
        zh="发一条测试通知", en="Send one message by an endpoint at once",
        handler=send_test, needs=_ADMINISTRATORS, body=Sending, told=TriedRow,
    ),
    Operation(
        method="GET", path="/shares", name="api.share", group="shares",
        zh="向机构共享的数据，每行一条", en="What an agency may see, a record a line",
        handler=share, needs=Read.SHARES, asked=Sharing, media=(LINES,),
    ),
)  # fmt: skip
