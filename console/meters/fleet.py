"""The meters: all of them, and one with all that is known of it."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.rights import COMMAND_RIGHT, RIGHTS
from wattwarden.alarms.acting.roles import CITY_WIDE
from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.codecs import load_codecs
from wattwarden.console.doors import NOT_FOUND, told
from wattwarden.console.meters.accepting import accept_meter
from wattwarden.console.meters.reasons import reason_of
from wattwarden.console.meters.shown import is_strength, shown_reading
from wattwarden.console.visit import Visit
from wattwarden.protocol.command import CannotAskError, Command, Verb
from wattwarden.storage.clocks import read_clocks
from wattwarden.storage.commands.entering import Wish, check_wish, enter_as
from wattwarden.storage.commands.listing import list_commands
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.fleet import PAGE, count_fleet, list_fleet, session_events
from wattwarden.storage.gaps import read_gaps
from wattwarden.storage.meters import Meter, MeterState, load_meter
from wattwarden.storage.quarantine import Selection, list_held
from wattwarden.storage.readings import Span, StoredReading, Value, read_readings
from wattwarden.storage.text import is_number

SEARCH_LETTERS: Final = 60
# As many as somebody reads of each.
READINGS: Final = 20
HELD: Final = 10
COMMANDS: Final = 10
GAPS_WITHIN: Final = timedelta(days=7)
# Most meters say something within that.
READINGS_WITHIN: Final = timedelta(hours=2)
ITEM_LETTERS: Final = 400
# What waits longer for a meter that is away is asked again by whoever still wants it.
WAITS: Final = timedelta(hours=1)
RECALL_HOURS: Final = (1, 6, 24, 72)
# What came in at the port is for whoever runs the system.
FRAME_READERS: Final = CITY_WIDE


async def show(visit: Visit) -> web.StreamResponse:
    """List the meters that are the visitor's to see."""
    said, state = visit.asked("q")[:SEARCH_LETTERS], visit.asked("state")
    after = visit.asked("after")
    chosen = MeterState(state) if state in tuple(MeterState) else None
    async with visit.reading() as (connection, reader):
        found = await list_fleet(
            connection,
            reader.enterprises,
            reader.now,
            said=said,
            state=chosen,
            after=int(after) if is_number(after) else 0,
        )
        count = await count_fleet(connection, reader.enterprises, reader.now)
        clocks = await read_clocks(connection, [one.id for one in found[:PAGE]])
    shown = {
        "meters": found[:PAGE],
        "more": found[PAGE - 1].id if len(found) > PAGE else None,
        "count": count,
        "clocks": clocks,
        "said": said,
        "state": chosen,
        "states": list(MeterState),
        "now": reader.now,
    }
    return visit.page("meters/list.html", shown)


async def show_one(visit: Visit) -> web.StreamResponse:
    """Show one meter."""
    return await _page(visit)


async def accept(visit: Visit) -> web.StreamResponse:
    """Vouch for a meter that enrolled itself, and read what waits of it."""
    async with visit.reading() as (connection, reader):
        meter = await meter_of(visit, connection)
        await accept_meter(visit, connection, meter, reader.now)
    return visit.go(visit.url("meter", meter=meter.id))


async def command(visit: Visit) -> web.StreamResponse:
    """Ask a meter for something, as whoever may; what it answers stands on its page."""
    verb = visit.field("verb")
    if verb not in tuple(Verb):
        raise NOT_FOUND
    try:
        await _enter(visit, Verb(verb))
    except CannotAskError as error:
        zh, en = error.whole
        return await _page(visit, [(f"此表不能这样问：{zh}", en)])
    except RefusedError as error:
        return await _page(visit, [(one.zh, one.en) for one in error.problems])
    except StorageError as error:
        if error.retryable:
            raise
        return await _page(visit, [(f"没有提交：{error.message}", error.message)])
    return visit.go(visit.url("meter", meter=visit.parameter("meter")) + "#commands")


async def _enter(visit: Visit, verb: Verb) -> None:
    """Enter what a form asks of a meter.

    Raises:
        CannotAskError: It cannot be asked so, or too much waits for the meter.
        RefusedError: This person may not.
        StorageError: The database is away.
    """
    async with visit.reading() as (connection, reader):
        meter = await meter_of(visit, connection)
        wanted = _wanted(visit, verb, round(reader.now.timestamp()))
        wish = Wish(meter, wanted, reader.now + WAITS)
        await check_wish(connection, wish, visit.parts.secrets, reader.now)
        await enter_as(connection, wish, visit.person.id, reader.now)


def _wanted(visit: Visit, verb: Verb, now_s: int) -> Command:
    """Return what a form asks for.

    Raises:
        CannotAskError: The form holds nothing that could be asked.
    """
    said = visit.field("items")[:ITEM_LETTERS].replace("，", ",").replace("\n", ",")
    items = tuple(one.strip() for one in said.split(",") if one.strip())
    if verb is Verb.SET:
        pairs = [one.partition("=") for one in items]
        return Command(verb, values={name.strip(): value.strip() for name, _, value in pairs})
    if verb is Verb.ASK:
        return Command(verb, items=items)
    hours = visit.field("hours")
    span_s = 3_600 * int(hours) if hours in map(str, RECALL_HOURS) else 3_600
    since_us, until_us = (now_s - span_s) * 1_000_000, now_s * 1_000_000
    return Command(verb, items=items or ("minute",), since=since_us, until=until_us)


async def _page(visit: Visit, refused: list[tuple[str, str]] | None = None) -> web.Response:
    role = visit.person.role
    async with visit.reading() as (connection, reader):
        meter = await meter_of(visit, connection)
        (found,) = await list_fleet(connection, None, reader.now, only=meter.id)
        held = []
        if role in FRAME_READERS:
            selection = Selection(meter=meter.address, codec=meter.codec, state="open")
            held = await list_held(connection, selection, most=HELD)
        since = reader.now - GAPS_WITHIN
        readings = await _readings(connection, meter, found.heard_at or reader.now)
        shown: dict[str, Any] = {
            "meter": meter,
            "found": found,
            "heard": found.heard(reader.now),
            "now": reader.now,
            "clock": (await read_clocks(connection, [meter.id])).get(meter.id),
            "gaps": await read_gaps(connection, [meter.id], since, reader.now),
            "events": await session_events(connection, meter.codec, meter.address),
            "readings": [shown_reading(one) for one in readings],
            "strength": _strength(readings),
            "commands": await list_commands(connection, meter=meter.id, most=COMMANDS),
            "held": held,
        }
    codec = load_codecs().get(meter.codec)
    asks = codec is not None and codec.ask is not None
    shown |= {
        "codec": meter.codec if codec is None else codec.title,
        "able": role is Role.ADMINISTRATOR,
        "looks": role in FRAME_READERS,
        "verbs": [one for one in Verb if asks and role in RIGHTS[COMMAND_RIGHT[one]]],
        "hours": RECALL_HOURS,
        "why": reason_of,
        "refused": told(refused or []),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return visit.page("meters/meter.html", shown, status)


async def meter_of(visit: Visit, connection: Connection) -> Meter:
    """Return the meter of the path, which the guard found to be there.

    Raises:
        PageError: It is there no more.
    """
    meter = await load_meter(connection, int(visit.parameter("meter")))
    if meter is None:
        raise NOT_FOUND
    return meter


async def _readings(connection: Connection, meter: Meter, last: datetime) -> list[StoredReading]:
    """Return what a meter said last, the latest first."""
    span = Span(since=last - READINGS_WITHIN)
    found = [one async for one in read_readings(connection, meter, span)]
    return found[: -READINGS - 1 : -1]


def _strength(readings: list[StoredReading]) -> Value | None:
    """Return how well a meter's radio is heard, as it said last; None where it does not say."""
    said = (value for one in readings for value in one.values if is_strength(value.quantity))
    return next(said, None)
