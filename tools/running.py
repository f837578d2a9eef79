"""The running system that a command speaks to."""

import getpass
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import structlog
import uvloop
from pydantic import ValidationError

from wattwarden.server import places
from wattwarden.server.places import NotRunningError, Places
from wattwarden.server.readers import free_readers
from wattwarden.server.settings import Settings, load_settings
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.meters import Meter, MeterName, NoSuchMeter, find_meter, parse_meter
from wattwarden.storage.profiles import ProfileBook, load_profiles
from wattwarden.storage.quarantine import Selection
from wattwarden.storage.retrying import Retried, retry
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import System

OPTIONS: Final = {
    "data": "--data",
    "dsn": "--dsn",
    "nats": "--nats",
    "clock_rate": "--clock-rate",
    "gateway.listen": "--listen",
    "console.listen": "--console",
    "writer.unknown_meters": "--unknown-meters",
    "gateway.processes": "--gateways",
    "writer.processes": "--writers",
    "warden.processes": "--wardens",
}
"""Settings that commands take as options."""

_T = TypeVar("_T")


def settings_of(system: System) -> Settings:
    """Read the settings, with the options of the command on top.

    Raises:
        CommandError: one of them is out of bounds or unknown.
    """
    return settings_with(data=system.data, dsn=system.dsn, nats=system.nats)


def settings_with(**flags: Any) -> Settings:
    """Read the settings with these flags on top; those that are None count as not given.

    Raises:
        CommandError: one of them is out of bounds or unknown.
    """
    try:
        settings = load_settings(**flags)
    except ValidationError as error:
        raise _refused(error, flags) from error
    # Also of another encoding than UTF-8, and nested beyond all that is read.
    except (ValueError, RecursionError) as error:
        message = f"wattwarden.toml is no TOML: {error}"
        raise CommandError(message, "correct it; docs/diagnosis.md shows how it looks") from error
    # Roles started from another folder must mean the same one.
    return settings.model_copy(update={"data": settings.data.expanduser().resolve()})


def _refused(error: ValidationError, flags: Mapping[str, Any]) -> CommandError:
    """Say what is wrong where it was written: in an option, or in the settings."""
    in_options, in_settings = [], []
    for one in error.errors():
        name = ".".join(map(str, one["loc"]))
        text = one["msg"].removeprefix("Value error, ")
        if name in OPTIONS and flags.get(str(one["loc"][0])) is not None:
            in_options.append(f"{OPTIONS[name]}: {text}")
        else:
            in_settings.append(f"{name}: {text}")
    if in_options:
        return UsageError("; ".join(in_options), "see --help")
    message = f"settings: {'; '.join(in_settings)}"
    return CommandError(message, "correct wattwarden.toml or the environment (WATTWARDEN_…)")


def dsn_of(settings: Settings) -> str:
    """Return where the database is; the one given needs no running system.

    Raises:
        CommandError: none is known.
    """
    return _known(places.dsn_of, settings)


def nats_of(settings: Settings) -> str:
    """Return where the journal is; the one given needs no running system.

    Raises:
        CommandError: none is known.
    """
    return _known(places.nats_of, settings)


def links_of(settings: Settings) -> str | None:
    """Return with what links to the pages begin, None where nobody has said.

    Raises:
        CommandError: What the running system says of itself cannot be read.
    """
    return _known(places.links_of, settings)


def pages_of(settings: Settings) -> str:
    """Return with what addresses of the running system's pages begin.

    Raises:
        CommandError: What the running system says of itself cannot be read.
    """
    return _known(places.pages_of, settings)


def as_running(settings: Settings) -> Settings:
    """Return the settings with the journal and the archive as the running system has them.

    Raises:
        CommandError: what it says of itself cannot be read.
    """
    return _known(places.as_running, settings)


def _known(look: Callable[[Settings], _T], settings: Settings) -> _T:
    try:
        return look(settings)
    except NotRunningError as error:
        raise CommandError(str(error)) from error


def operator_name() -> str:
    """Name who runs a command: the person behind sudo, where there is one.

    In a container the user may have a number only.
    """
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's coroutine; Ctrl-C cancels it."""
    _quieten()
    return uvloop.run(work)


def _quieten() -> None:
    """Leave standard output to the command's answer; only warnings are told, on standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_names: structlog.WriteLogger(sys.stderr),
    )
    # nats-py logs what it then reports to its callbacks.
    logging.getLogger("nats").setLevel(logging.CRITICAL)


@asynccontextmanager
async def database(settings: Settings, command: str) -> AsyncIterator[Connection]:
    """Open one connection for a command.

    Raises:
        CommandError: no database is known.
        StorageError: it does not answer.
    """
    connection = await connect(dsn_of(settings), name=command)
    try:
        yield connection
    finally:
        await connection.close()


async def meter_of(connection: Connection, name: MeterName) -> Meter:
    """Return the meter of a name.

    Raises:
        CommandError: there is none, or several.
    """
    try:
        return await find_meter(connection, name)
    except NoSuchMeter as error:
        raise CommandError(error.message) from error


def meter_name(text: str) -> MeterName:
    """Read ``codec:address[/channel]``, or an address alone.

    Raises:
        UsageError: there is no address in it.
    """
    try:
        return parse_meter(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


async def retry_held(connection: Connection, settings: Settings, selection: Selection) -> Retried:
    """Read frames in quarantine again, with today's profiles and the keys of this machine.

    Raises:
        StorageError: the database is away; what was resolved stays so.
    """
    book = ProfileBook()
    found = await load_profiles(connection, Places(settings.data).secrets)
    book.replace(found.profiles)
    return await retry(connection, selection, free_readers(settings, book))
