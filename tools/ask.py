"""``wattwarden ask``, ``set`` and ``recall``: what is wanted of a meter, now or when it dials in.

asked ─► queued ─► the gateway that holds the session ─► answered, shown within --wait
            └ the meter is away: it waits, until it expires
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.protocol.command import CannotAskError, Command, Verb
from wattwarden.server.places import Places
from wattwarden.storage.commands.entering import Wish, check_wish, enter_as
from wattwarden.storage.commands.listing import Entered, find_command
from wattwarden.storage.commands.queue import enter
from wattwarden.storage.database import Connection
from wattwarden.storage.system_time import system_now
from wattwarden.tools.acting import AsPerson, refused
from wattwarden.tools.commands import MeterArgument, command_row, show_command
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.running import (
    database,
    meter_name,
    meter_of,
    operator_name,
    run,
    settings_of,
)
from wattwarden.tools.times import parse_time, to_us

# A meter that is there answers within seconds; who wants to wait longer says so.
DEFAULT_WAIT_S: Final = 30.0
MOST_WAIT_S: Final = 86_400.0
LOOK_S: Final = 0.2
# Beyond a month nobody remembers having asked.
MOST_EXPIRY: Final = timedelta(days=31)
# Loggers send history of days over minutes of 2G, and may be away for a night.
RECALL_EXPIRES: Final = "1d"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, for whom."""

    wait: Annotated[
        float,
        Parameter(help="等多少秒 / Seconds to wait for the answer here; 0: only queue it."),
    ] = DEFAULT_WAIT_S
    expires: Annotated[
        str | None,
        Parameter(
            help="设备不在线时等多久 / How long it may wait for a meter that is away: 1h, 2d."
        ),
    ] = None
    system: System = THE_USUAL_SYSTEM
    json: AsJson = False


USUAL_PATIENCE: Final = Patience()
MaybePerson = Annotated[
    str | None,
    Parameter(
        name="--as",
        help="Who asks: a person's id in the registry; without it, who runs the system.",
    ),
]


def ask(
    meter: MeterArgument,
    /,
    *item: Annotated[
        str,
        Parameter(
            name="ITEM",
            help="召测项 / What is asked: time, interval, voltage, a data item, register or OAD.",
        ),
    ],
    person: MaybePerson = None,
    how: Patience = USUAL_PATIENCE,
) -> int:
    """召测 Ask a meter; one that is away is asked when it dials in.

    Which items there are depends on the protocol: see docs/commands.md. The exit status is 1 when
    it refused or did not answer.
    """
    return _want(meter, lambda _now: Command(Verb.ASK, item), person, how, "1h")


def set_(
    meter: MeterArgument,
    /,
    *setting: Annotated[
        str, Parameter(name="SETTING", help="设置项 / time, interval=SECONDS or NAME=VALUE.")
    ],
    person: AsPerson,
    how: Patience = USUAL_PATIENCE,
) -> int:
    """设参 Set something in a meter; one that is away gets it when it dials in.

    Nothing is ever sent twice. The exit status is 1 when it refused or did not answer.
    """
    values = _settings(setting)
    return _want(meter, lambda _now: Command(Verb.SET, values=values), person, how, "1h")


def recall(
    meter: MeterArgument,
    /,
    *item: Annotated[
        str, Parameter(name="ITEM", help="补召项 / What is brought: minute, hour, day, curve.")
    ],
    span: Span = ALL_TIMES,
    person: MaybePerson = None,
    how: Patience = USUAL_PATIENCE,
) -> int:
    """补召 Bring what a meter measured in the past, where its protocol can.

    What comes becomes readings. The exit status is 1 when it refused or did not answer.
    """

    def made(now: datetime) -> Command:
        since, until = span.bounds(now)
        if since is None:
            raise UsageError("since when?", "such as --since -2h, or --since and --until")
        return Command(Verb.RECALL, item, since=to_us(since), until=to_us(until or now))

    return _want(meter, made, person, how, RECALL_EXPIRES)


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or (not equals and name != "time"):
            message = f"{text} is not NAME=VALUE"
            raise UsageError(message, "such as time, or interval=60")
        values[name] = value if equals else "now"
    return values


def _want(
    meter: str,
    made: Callable[[datetime], Command],
    person: str | None,
    how: Patience,
    usual: str,
) -> int:
    """Queue what is made at the system's time, and show what has become of it in time."""
    settings = settings_of(how.system)
    name = meter_name(meter)
    if not 0 <= how.wait <= MOST_WAIT_S:
        message = f"--wait {how.wait}: 0 to {MOST_WAIT_S:g} seconds"
        raise UsageError(message, "let the command wait for the meter with --expires instead")

    async def work() -> Entered:
        async with database(settings, "ask") as connection:
            found = await meter_of(connection, name)
            now = await system_now(connection)
            expires_at = _expiry(how.expires or usual, now)
            wish = Wish(found, made(now), expires_at, name.channel or "")
            try:
                await check_wish(connection, wish, Places(settings.data).secrets, now)
                number = await _enter(connection, wish, person, now)
            except CannotAskError as error:
                raise CommandError(error.message.en, error.cure.en) from error
            return await _await(connection, number, how.wait)

    entered = run(work())
    if how.json:
        print(as_json(command_row(entered)))
    else:
        show_command(entered)
    return 0 if entered.is_open or entered.state == "answered" else 1


async def _enter(connection: Connection, wish: Wish, person: str | None, now: datetime) -> int:
    if person is not None:
        try:
            return await enter_as(connection, wish, person, now)
        except RefusedError as error:
            raise refused(error) from error
    return await enter(
        connection,
        wish.meter.id,
        wish.command,
        actor=f"operator:{operator_name()}",  # nobody of the registry has a colon in their id
        now=now,
        expires_at=wish.expires_at,
        channel=wish.channel,
    )


async def _await(connection: Connection, number: int, wait_s: float) -> Entered:
    """Return the command once something came of it, or as it is when the patience ends."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        found = await find_command(connection, number)
        if found is None:
            message = f"command {number} is gone"
            raise CommandError(message, "see wattwarden commands list")
        if not found.is_open or loop.time() >= until:
            return found
        await asyncio.sleep(min(LOOK_S, max(0.0, until - loop.time())))


def _expiry(text: str, now: datetime) -> datetime:
    at = parse_time(text if text.startswith("+") else f"+{text}", now)
    if not now < at <= now + MOST_EXPIRY:
        message = f"--expires {text}: up to {MOST_EXPIRY.days}d"
        raise UsageError(message, "such as --expires 1h")
    return at
