"""``wattwarden trace``: what a meter says and is told, now or in the past, beside the hex."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from secrets import token_hex
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.protocol.polling import entries_of
from wattwarden.server.journal import join_journal
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.server.trace import (
    LONGEST_S,
    RENEWAL_S,
    TOPIC,
    Happened,
    Order,
    Target,
    Told,
    decode_told,
    encode,
)
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Journal
from wattwarden.storage.profiles import ProfileBook, Profiles, load_profiles
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import (
    as_running,
    database,
    meter_name,
    nats_of,
    operator_name,
    run,
    settings_of,
)
from wattwarden.tools.times import parse_time
from wattwarden.tools.trace_past import last_of, since_of
from wattwarden.tools.trace_view import View

USUAL_MINUTES: Final = 10.0
LONGEST_MINUTES: Final = LONGEST_S / 60
# A screenful is what people read; a day of a meter that reports every minute is 1,440.
MOST_PAST: Final = 2_000
# Gateways answer in milliseconds; one that is busy with a city's logins, in a second.
ANSWER_S: Final = 1.5
_MINUTE_S: Final = 60.0

MeterArgument = Annotated[
    str,
    Parameter(
        name="METER",
        help="codec:address, the address alone, or, for one that never gets so far as to say who"
        " it is, the address that it dials in from: IP or IP:PORT.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """How much of the past is shown."""

    last: Annotated[
        int | None,
        Parameter(help="Show the last so many happenings, and end; with --follow, go on."),
    ] = None
    since: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help='Show what the journal has from here on, and end: -2h, "2026-11-22 03:00".',
        ),
    ] = None
    follow: Annotated[
        bool, Parameter(show_default=False, help="After the past, show what happens now.")
    ] = False


NO_PAST: Final = Past()


def trace(
    meter: MeterArgument,
    /,
    *,
    minutes: Annotated[
        float, Parameter(help="End by itself after so many minutes.")
    ] = USUAL_MINUTES,
    past: Past = NO_PAST,
    explain: Annotated[
        bool, Parameter(show_default=False, help="Show each frame byte by byte, as inspect does.")
    ] = False,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Show what a meter says and is told, decoded beside the hex; until Ctrl-C.

    ◄ is what came: frames with what they say, which readings they give and why parts of them are
    refused, and bytes that are no frame. ► is what was sent: answers with the time from the receipt
    of the frame, polls and commands. In between stand connections that open, log in and close, with
    the reason. Gateways of the whole system are asked; a meter that is away is shown when it dials
    in, and a trace that nobody ends ends by itself.

    The past comes from the memory of the gateway where somebody looks at the meter already (as with
    meters debug), else from the journal, which has all that was heard, and not what was answered.

    The exit status is 1 when there is no past to show.
    """
    settings = settings_of(system)
    if not 0 < minutes <= LONGEST_MINUTES:
        message = f"--minutes is {minutes:g}, allowed are up to {LONGEST_MINUTES:g}"
        raise UsageError(message, "say it again when it has ended")
    if past.last is not None and past.last < 1:
        raise UsageError("--last is less than 1", "such as --last 20")
    since = None if past.since is None else parse_time(past.since, datetime.now(UTC))
    is_past = past.last is not None or since is not None

    async def work() -> int:
        found = await _profiles(settings)
        book = ProfileBook()
        book.replace(found.profiles)
        wanted = target_of(meter, found)
        view = View(book.of, json=json, explain=explain)
        running = as_running(settings)
        journal = await join_journal(running, nats_of(running))
        looking = Looking(journal, wanted, view)
        try:
            status = 0
            if is_past:
                shown = await show_past(looking, running, past.last, since)
                status = 0 if shown else 1
            if past.follow or not is_past:
                await looking.live(minutes * _MINUTE_S)
                status = 0
            return status
        finally:
            await journal.close()

    return run(work())


def target_of(text: str, found: Profiles) -> Target:
    """Return what is looked at: a meter, the one whose line it is on, or a peer's address.

    Raises:
        UsageError: It is no name of a meter.
    """
    host = _host_of(text)
    if host:
        return Target(frozenset(), host)
    name = meter_name(text)
    names = {name.address if name.codec is None else f"{name.codec}:{name.address}"}
    for (codec, address), profile in found.profiles.items():
        if name.codec in {None, codec} and "meters" in profile.options:
            behind = {str(one.get("address")) for one in entries_of(profile.options, "meters")}
            if name.address in behind:
                names.add(f"{codec}:{address}")
    return Target(frozenset(names), "")


def _host_of(text: str) -> str:
    """Return an IP address, with a port where there is one; "" for what is none."""
    host, _, port = text.rpartition(":")
    for part in (text, host.strip("[]") if port.isdecimal() else ""):
        with contextlib.suppress(ValueError):
            ip_address(part)
            return text.replace("[", "").replace("]", "")
    return ""


async def _profiles(settings: Settings) -> Profiles:
    """Return what is configured for meters; without a database, nothing is."""
    with contextlib.suppress(StorageError, CommandError):
        async with database(settings, "trace") as connection:
            return await load_profiles(connection, Places(settings.data).secrets)
    return Profiles()


async def show_past(
    looking: "Looking", settings: Settings, last: int | None, since: datetime | None
) -> bool:
    """Show the past; return whether there was any."""
    most = MOST_PAST if last is None else last
    journal, target, view = looking.journal, looking.target, looking.view
    found = [] if since is not None else await looking.ring(most)
    if found:
        view.note("from the memory of the gateway, answers included")
    elif since is None:
        found = await last_of(journal, settings, target, most, datetime.now(UTC))
    else:
        found = await since_of(journal, settings, target, most, since)
    for one in found:
        view.show(one)
    if not found:
        begin = "within a day; --since -7d looks further back" if since is None else "since then"
        view.note(f"the journal has nothing of it {begin}")
    elif since is not None and len(found) == most:
        view.note(f"these are the last {most}; --last shows more")
    return bool(found)


@dataclass(slots=True)
class Looking:
    """Somebody who looks at a meter."""

    journal: Journal
    target: Target
    view: View
    id: str = field(default_factory=lambda: token_hex(8))
    _told: asyncio.Queue[Told] = field(default_factory=asyncio.Queue)
    # Connections of the meter, by gateway.
    _connections: dict[str, int] = field(default_factory=dict)

    async def ring(self, most: int) -> list[Happened]:
        """Return what gateways remember of the meter, in order."""
        await self._hear()
        self._order(0, most)
        found: list[Happened] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while True:
                    found += (await self._told.get()).happened
        return sorted(found, key=lambda one: one.at)[-most:]

    async def live(self, seconds: float) -> None:
        """Show what happens, for so long."""
        await self._hear()
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        loop.call_later(ANSWER_S, self._say_where)
        try:
            while (left := ends - loop.time()) > 0:
                self._order(left, 0)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(RENEWAL_S, left)):
                        await self._show()
            self.view.note(f"ended after {seconds / _MINUTE_S:g} minutes, as --minutes says")
        finally:
            self._order(0, 0)

    async def _hear(self) -> None:
        # The ring was asked for under another name.
        self.id, self._told = token_hex(8), asyncio.Queue()
        take = partial(_take, self._told)
        await self.journal.hear(f"{TOPIC}.{self.id}", take)

    def _order(self, seconds: float, last: int) -> None:
        names, host = self.target.names, self.target.host
        order = Order(self.id, names, host, last, seconds, operator_name())
        self.journal.tell(TOPIC, encode(order))

    async def _show(self) -> None:
        while True:
            told = await self._told.get()
            if told.connections is not None:
                self._connections[told.gateway] = told.connections
            for one in told.happened:
                self.view.show(one)
            if told.left_out:
                self.view.note(f"{told.left_out} more came faster than anybody reads")

    def _say_where(self) -> None:
        if not self._connections:
            self.view.note("no gateway answers: see that one runs, wattwarden doctor says more")
        elif not sum(self._connections.values()):
            self.view.note("not connected now, shown when it dials in; --last 20 shows the past")


def _take(queue: asyncio.Queue[Told], payload: bytes) -> None:
    # What is said in another version is none of ours.
    with contextlib.suppress(ValueError):
        queue.put_nowait(decode_told(payload))
