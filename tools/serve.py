"""Commands that serve: `wattwarden up`, and each role alone; the warden's is ``serve_warden``."""

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import structlog
import uvloop
from cyclopts import Parameter
from rich.console import Console

from wattwarden.server.children import RoleError
from wattwarden.server.lifetime import stop_event
from wattwarden.server.listening import PortRefusedError
from wattwarden.server.logs import configure_logs
from wattwarden.server.notify_systemd import ourselves, watched_over
from wattwarden.server.rate import RateRefusedError
from wattwarden.server.roles import run_archivist, run_gateway, run_writer
from wattwarden.server.settings import Settings
from wattwarden.server.supervise import run_up
from wattwarden.server.ticker import ClockRefusedError
from wattwarden.storage.enrolment import Policy
from wattwarden.storage.errors import StorageError
from wattwarden.tools.errors import CommandError
from wattwarden.tools.running import settings_with


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a whole system is reached, and what it uses of somebody else's."""

    listen: Annotated[str | None, Parameter(help="Address of the meter port, HOST:PORT.")] = None
    console: Annotated[str | None, Parameter(help="Address of the pages, HOST:PORT.")] = None
    dsn: Annotated[
        str | None, Parameter(help="A PostgreSQL of your own instead of the embedded one.")
    ] = None
    nats: Annotated[
        str | None,
        Parameter(help="A NATS server with JetStream of your own instead of the embedded one."),
    ] = None


THE_USUAL: Final = Addresses()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many processes share the work of a role."""

    gateways: Annotated[
        int | None, Parameter(help="Processes that share the meter port.", show_default=False)
    ] = None
    writers: Annotated[
        int | None, Parameter(help="Processes that share the shards.", show_default=False)
    ] = None
    wardens: Annotated[
        int | None, Parameter(help="Processes that share the enterprises.", show_default=False)
    ] = None


AS_SET: Final = Counts()


def up(
    *,
    data: Path | None = None,
    at: Addresses = THE_USUAL,
    of: Counts = AS_SET,
    unknown_meters: Policy | None = None,
    clock_rate: Annotated[int | None, Parameter(show_default=False)] = None,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> None:
    """Run everything in one process tree: meters, journal, database, alarms, notices, pages.

    Prints one line when it is ready, and on the first run a link before it by which the
    administrator signs in.  Ctrl-C or SIGTERM answers what was received and stops.

    Args:
        data: Folder for everything that is kept.
        at: Where it is reached.
        of: How many processes share the work.
        unknown_meters: What becomes of meters nobody registered.
        clock_rate: How many seconds pass in one, for a simulated city; the folder keeps it.
        as_json: Print the ready line as JSON.
    """
    sections = _given(
        gateway={"listen": at.listen, "processes": of.gateways},
        console={"listen": at.console},
        writer={"unknown_meters": unknown_meters, "processes": of.writers},
        warden={"processes": of.wardens},
    )
    settings = settings_with(data=data, dsn=at.dsn, nats=at.nats, clock_rate=clock_rate, **sections)
    configure_logs("up", settings.log_level)
    screen = Console(stderr=True)

    def say(text: str) -> None:
        if screen.is_terminal:
            screen.print(f"[dim]{text}[/dim]")

    def ready(facts: Mapping[str, object]) -> None:
        line = orjson.dumps(facts).decode() if as_json else _ready_lines(facts)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    async def serve() -> None:
        stop = stop_event()
        await run_up(settings, stop.wait, say, ready)

    try:
        _run(serve())
    except StorageError as error:
        # Nothing of the system runs yet: what did not answer is what it was given.
        cure = getattr(error, "cure", "") or "see that what --dsn and --nats name answers"
        raise CommandError(error.message, cure) from error


def gateway(
    *,
    data: Path | None = None,
    listen: str | None = None,
    dsn: str | None = None,
    nats: str | None = None,
) -> None:
    """Run the meter port alone.

    Args:
        data: Folder for everything that is kept.
        listen: Address of the meter port, HOST:PORT.
        dsn: Address of PostgreSQL.
        nats: Address of the NATS server.
    """
    settings = settings_of(data, listen, dsn, nats, None)
    configure_logs("gateway", settings.log_level)
    run_role(run_gateway(settings))


def writer(
    *,
    data: Path | None = None,
    dsn: str | None = None,
    nats: str | None = None,
    unknown_meters: Policy | None = None,
) -> None:
    """Run the writers of all shards alone.

    Args:
        data: Folder for everything that is kept.
        dsn: Address of PostgreSQL.
        nats: Address of the NATS server.
        unknown_meters: What becomes of meters nobody registered.
    """
    settings = settings_of(data, None, dsn, nats, unknown_meters)
    configure_logs("writer", settings.log_level)
    run_role(run_writer(settings))


def archivist(
    *,
    data: Path | None = None,
    dsn: str | None = None,
    nats: str | None = None,
) -> None:
    """Run the archivist alone: closed segments of the journal become files.

    Args:
        data: Folder for everything that is kept.
        dsn: Address of PostgreSQL.
        nats: Address of the NATS server.
    """
    settings = settings_of(data, None, dsn, nats, None)
    configure_logs("archivist", settings.log_level)
    run_role(run_archivist(settings))


def settings_of(
    data: Path | None,
    listen: str | None,
    dsn: str | None,
    nats: str | None,
    unknown_meters: Policy | None,
    *,
    console: str | None = None,
) -> Settings:
    """Read the settings with these flags on top.

    Raises:
        CommandError: one of them is out of bounds.
    """
    sections = _given(
        gateway={"listen": listen},
        console={"listen": console},
        writer={"unknown_meters": unknown_meters},
    )
    return settings_with(data=data, dsn=dsn, nats=nats, **sections)


def _given(**sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what was given of each section of the settings."""
    given = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in sections.items()
    }
    return {section: values for section, values in given.items() if values}


def run_role(work: Coroutine[Any, Any, None]) -> None:
    """Run a role; what it cannot go on without is said as every other line of its log.

    Raises:
        CommandError: it cannot start.
        SystemExit: with status 1, when it was told what it cannot go on without.
    """
    try:
        _run(watched_over(work, ourselves()))
    except StorageError as error:
        structlog.get_logger(__name__).error("role cannot go on", reason=error.message)
        raise SystemExit(1) from error


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except (RoleError, ClockRefusedError, RateRefusedError) as error:
        raise CommandError(str(error)) from error
    except PortRefusedError as error:
        raise CommandError(error.message, error.cure) from error


def _ready_lines(facts: Mapping[str, object]) -> str:
    """Return the line that tells where everything is, and before it how the first one gets in."""
    ready = (
        f"ready  meters {facts['listen']}  console http://{facts['console']}  "
        f"postgres {facts['dsn']}  nats {facts['nats']}  data {facts['data']}  "
        f"notices {_ways(facts['endpoints'])}"
    )
    if facts["sign_in"] is None:
        return ready
    return f"sign-in link (once, for the administrator): {facts['sign_in']}\n{ready}"


def _ways(endpoints: object) -> str:
    """Say by which endpoints notices go out."""
    if endpoints == []:
        return "nowhere, no endpoint is configured: see wattwarden notify routing"
    return f"by {', '.join(endpoints)}" if isinstance(endpoints, list) else "unknown yet"
