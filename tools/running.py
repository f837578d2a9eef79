"""The running system that a command speaks to."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop
from pydantic import ValidationError

from wattwarden.server.places import Addresses, NotRunningError, addresses
from wattwarden.server.settings import Settings, load_settings
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import System

_T = TypeVar("_T")


def settings_of(system: System) -> Settings:
    """Read the settings, with the options of the command on top.

    Raises:
        CommandError: one of them is out of bounds or unknown.
    """
    try:
        settings = load_settings(data=system.data, dsn=system.dsn, nats=system.nats)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        message = f"settings: {wrong}"
        raise CommandError(message, "correct wattwarden.toml or the environment") from error
    return settings.model_copy(update={"data": settings.data.expanduser().resolve()})


def addresses_of(settings: Settings) -> Addresses:
    """Return where the system is reached.

    Raises:
        CommandError: nothing is known of one.
    """
    try:
        return addresses(settings)
    except NotRunningError as error:
        raise CommandError(str(error)) from error


def dsn_of(settings: Settings) -> str:
    """Return where the database is; the one given needs no running system.

    Raises:
        CommandError: none is known.
    """
    return settings.dsn or addresses_of(settings).dsn


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's coroutine; Ctrl-C cancels it."""
    return uvloop.run(work)
