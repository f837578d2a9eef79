"""All roles in one process tree: `wattwarden up`.

    sockets ─► engines ─► schema ─► archivist, side, writers, gateways ─► ready     what dies is
                                                                               started again
    SIGTERM ─► gateway answers what it has ─► writer ─► side ─► archivist ─► engines

Embedded engines are our children; those named by --dsn and --nats are somebody else's.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec
import structlog

from wattwarden.server.backoff import Backoff
from wattwarden.server.children import Role, RoleError
from wattwarden.server.clock import Clock
from wattwarden.server.family import bury
from wattwarden.server.inherited import METER_SOCKETS, Sockets, close_all, inherited, open_sets
from wattwarden.server.lifetime import give_up
from wattwarden.server.listening import METERS, check_ports
from wattwarden.server.lookout import Lookout
from wattwarden.server.metrics.listener import token_of, watched
from wattwarden.server.metrics.parts import Part, SystemTold
from wattwarden.server.notify_systemd import READY, keep_watch, ourselves, untold
from wattwarden.server.nursery import Nursery
from wattwarden.server.places import Places, dsn_of, nats_of, running_of, write_running
from wattwarden.server.rate import check_rate, record_rate
from wattwarden.server.reload import Reloading
from wattwarden.server.settings import OFF, Settings
from wattwarden.storage.database import connect
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.errors import StorageError
from wattwarden.storage.migrate import load_migrations, migrate

# A dead engine is noticed within a tenth of what a meter waits for its answer.
ENGINE_POLL_S: Final = 0.2
# Each role tells us where; nobody else has to know.
ROLES_METRICS_LISTEN: Final = "127.0.0.1:0"
# The courier waits up to 20 s for what it has on its way, and keeps what came of it.
ROLE_PATIENCE_S: Final = 25.0
# Meters and alarms do not wait for what platforms above us get.
NOT_WAITED_FOR: Final = frozenset({"forwarder"})
GATEWAY: Final = "gateway"

_log: Final = structlog.get_logger(__name__)


class Engine(Protocol):
    """An embedded engine."""

    @property
    def pid(self) -> int:
        """Process id of the server last started."""

    def poll(self) -> int | None:
        """None while it runs, else its exit status."""

    async def start(self) -> str:
        """Start it, also again after it died."""

    async def stop(self) -> None:
        """Shut it down."""


class System:
    """Engines and roles of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.data)
        self._engines: dict[str, Engine] = {}
        if settings.dsn is None:
            self._engines["postgres"] = EmbeddedPostgres(settings.data)
        if settings.nats is None:
            self._engines["nats"] = EmbeddedNats(settings.data)
        environment = self._environment()
        self._roles = [
            Role(name, environment, number if count > 1 else 0)
            for name, count in processes_of(settings, forwards=self._places.forward.exists())
            for number in range(1, count + 1)
        ]
        self._nursery = Nursery({**untold(os.environ), **environment})
        for role in self._roles:
            role.nursery = self._nursery
        self.watching: list[asyncio.Task[None]] = []
        self.reloading = Reloading(settings, self._roles, self._environment)
        self.lookout = Lookout(self._roles, time.monotonic)
        self._open = contextlib.AsyncExitStack()

    async def start(self, say: Callable[[str], None]) -> dict[str, object]:
        """Start everything; return what the ready line tells.

        Raises:
            StorageError: an engine or the schema is in the way.
            RoleError: a role did not start.
            RateRefusedError: the folder's time runs at another rate.
            PortRefusedError: meters or pages could not be listened for.
        """
        check_rate(self._settings.data, self._settings.clock_rate)
        held = inherited(os.environ, os.getpid())
        check_ports(self._settings, {METERS} if METER_SOCKETS in held else ())
        await self._listen_for_gateways(held)
        # It imports while the engines start.
        await self._nursery.begin()
        for name in self._engines:
            say(f"starting {name}")
        await asyncio.gather(*(engine.start() for engine in self._engines.values()))
        self._settings.data.mkdir(parents=True, exist_ok=True)
        record_rate(self._settings.data, self._settings.clock_rate, Clock().now_us())
        self._write_running()
        dsn = dsn_of(self._settings)
        say("bringing the schema up to date")
        await _migrate(dsn)
        say("starting the roles")
        await asyncio.gather(*(begin(role) for role in self._roles))
        token = token_of(self._settings)
        told = SystemTold(self._parts, token, self.reloading.counts)
        metrics = await self._open.enter_async_context(watched(self._settings, "up", told))
        self.watching = [
            asyncio.create_task(bury()),
            *(asyncio.create_task(self._watch_engine(*item)) for item in self._engines.items()),
            *(asyncio.create_task(role.watch(self._write_running)) for role in self._roles),
        ]
        self._write_running()
        self.reloading.obey()
        return {
            "ready": True,
            "sign_in": await _first_link(dsn, self._pages()),
            "metrics": metrics,
            **self._told(),
        }

    def _environment(self) -> dict[str, str]:
        """Return what roles are started with."""
        environment = environment_of(self._settings)
        if self._settings.metrics.listen != OFF:
            # Ours tells what all of them tell.
            environment["WATTWARDEN_METRICS__LISTEN"] = ROLES_METRICS_LISTEN
        return environment

    async def _listen_for_gateways(self, held: Sockets) -> None:
        """Open what gateways listen with, if it is not held: there before they are, and longer."""
        gateways = [role for role in self._roles if role.name == GATEWAY]
        sets = await open_sets(self._settings.gateway, len(gateways), held)
        for role, sockets in zip(gateways, sets, strict=True):
            role.sockets = sockets

    def _told(self) -> dict[str, object]:
        """Return what roles said of themselves, and where everything is."""
        dsn, nats = dsn_of(self._settings), nats_of(self._settings)
        return {
            "listen": self._listen(),
            "console": self._console(),
            "links": self._said("side", "links"),
            "endpoints": self._said("side", "endpoints"),
            "data": str(self._settings.data),
            "dsn": dsn if self._settings.dsn is None else "as given",
            "nats": nats.rpartition("@")[2],
            "pids": dict(self._known_pids()),
        }

    async def stop(self) -> None:
        """Stop everything, each part when nobody needs it any more."""
        await give_up(*self.watching)
        await self._open.aclose()
        await self._nursery.close()
        for role in self._roles:
            # Nobody new is to wait for a gateway that never comes.
            close_all(role.sockets)
            role.sockets = {}
        for name in reversed(dict.fromkeys(role.name for role in self._roles)):
            await asyncio.gather(
                *(role.stop(ROLE_PATIENCE_S) for role in self._roles if role.name == name)
            )
        for engine in reversed(self._engines.values()):
            with contextlib.suppress(StorageError):
                await engine.stop()

    def _parts(self) -> list[Part]:
        return [Part(role.name, role.address, role.restarts, role.process) for role in self._roles]

    def _listen(self) -> str:
        return str(self._said("gateway", "listen") or self._settings.gateway.listen)

    def _console(self) -> str:
        return str(self._said("side", "console") or self._settings.console.listen)

    def _pages(self) -> str:
        """Return with what addresses of pages begin."""
        return str(self._said("side", "links") or f"http://{self._console()}")

    def _said(self, name: str, fact: str) -> object:
        """Return what a role told of itself when it was ready; None for nothing."""
        told = (role.report.get(fact) for role in self._roles if role.name == name)
        return next((one for one in told if one is not None), None)

    def _write_running(self) -> None:
        pids = dict(self._known_pids())
        said = running_of(self._settings, self._listen(), pids)
        links = self._said("side", "links")
        said = msgspec.structs.replace(
            said,
            console=self._console(),
            links=said.links if links is None else str(links),
            up=os.getpid(),
        )
        write_running(self._places, said)

    def _known_pids(self) -> Iterator[tuple[str, list[int]]]:
        for name in dict.fromkeys(role.name for role in self._roles):
            yield name, [role.pid for role in self._roles if role.name == name and role.pid]
        for name, engine in self._engines.items():
            yield name, [engine.pid]

    async def _watch_engine(self, name: str, engine: Engine) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(loop.time())
        while True:
            await asyncio.sleep(ENGINE_POLL_S)
            status = engine.poll()
            if status is None:
                continue
            _log.error("engine ended", name=name, status=status)
            await asyncio.sleep(backoff.ended(loop.time()))
            try:
                await engine.start()
            except (StorageError, OSError) as error:
                _log.error("engine does not start again", name=name, reason=str(error))
                continue
            finally:
                backoff.started(loop.time())
            self._write_running()
            _log.info("engine runs again", name=name, pid=engine.pid)


def processes_of(settings: Settings, *, forwards: bool) -> list[tuple[str, int]]:
    """Name the roles and how many processes each has, in the order in which they are needed.

    They are stopped from the last to the first: what is received is stored while writers work.
    """
    counts = {
        "archivist": 1,
        "forwarder": int(forwards),
        "side": 1,
        # The first of them is in the side's process, with the console and the courier.
        "warden": settings.warden.processes - 1,
        "writer": settings.writer.processes,
        GATEWAY: settings.gateway.processes,
    }
    return [(name, count) for name, count in counts.items() if count]


async def begin(role: Role) -> None:
    """Start a role; one that nobody waits for is left to its watcher, which tries again.

    Raises:
        RoleError: It did not start.
    """
    try:
        await role.start()
    except RoleError as error:
        if role.name not in NOT_WAITED_FOR:
            raise
        _log.error("started without it", name=role.name, reason=str(error))


async def _first_link(dsn: str, base: str) -> str | None:
    """Return where the first administrator signs in, while nobody can."""
    # Roles that judge nothing start also where the alarms are broken.
    from wattwarden.server.first_run import first_link  # noqa: PLC0415  as said above

    connection = await connect(dsn, name="first sign-in")
    try:
        return await first_link(connection, base)
    finally:
        await connection.close()


async def run_up(
    settings: Settings,
    until: Callable[[], Awaitable[object]],
    say: Callable[[str], None],
    ready: Callable[[Mapping[str, object]], None],
) -> None:
    """Run the whole system until ``until`` returns.

    Raises:
        StorageError, RoleError: something did not start; what had started is stopped.
    """
    system = System(settings)
    try:
        stopped = asyncio.ensure_future(until())
        starting = asyncio.create_task(system.start(say))
        # An order to stop is obeyed while things are still starting.
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            await give_up(starting)
            return
        ready(starting.result())
        notifier = ourselves()
        notifier.tell(READY, f"STATUS=ready  meters {starting.result()['listen']}")
        system.watching.append(asyncio.create_task(keep_watch(notifier, system.lookout.look)))
        await asyncio.wait((stopped, *system.watching), return_when=asyncio.FIRST_COMPLETED)
        for watcher in system.watching:
            if watcher.done():
                watcher.result()
        say("stopping")
    finally:
        await system.stop()


def environment_of(settings: Settings) -> dict[str, str]:
    """Write settings as the environment from which a role reads the same ones."""
    return dict(_flatten("WATTWARDEN", settings.model_dump(mode="json", exclude_none=True)))


def _flatten(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        key = f"{prefix}{'_' if prefix == 'WATTWARDEN' else '__'}{name.upper()}"
        if isinstance(value, dict):
            yield from _flatten(key, value)
        else:
            yield key, value if isinstance(value, str) else json.dumps(value)


async def _migrate(dsn: str) -> None:
    connection = await connect(dsn, name="schema")
    try:
        applied = await migrate(connection, load_migrations())
    finally:
        await connection.close()
    if applied:
        _log.info("schema changed", applied=applied)
