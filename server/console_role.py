"""What a console's process does from start to stop."""

import socket
from functools import partial
from typing import Final

from yarl import URL

from wattwarden.console.app import Console
from wattwarden.console.doors import Parts
from wattwarden.console.keys import KeyRing
from wattwarden.console.pages import Pages
from wattwarden.console.store import Store
from wattwarden.server.answering import keys_of
from wattwarden.server.exchange import Exchange
from wattwarden.server.identities import registration_of
from wattwarden.server.journal import join_journal
from wattwarden.server.lifetime import report_ready, stop_event
from wattwarden.server.listening import PAGES, open_server, refused
from wattwarden.server.metrics.listener import RoleTold, watched
from wattwarden.server.metrics.of_console import console_watch
from wattwarden.server.packages import Packages
from wattwarden.server.places import NotRunningError, Places, dsn_of, nats_of
from wattwarden.server.readers import free_readers
from wattwarden.server.reload import obey_reloads
from wattwarden.server.settings import Settings
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Journal

# In an address of the console: the port that is listened on.
_ANY_PORT: Final = 0


async def run_console(settings: Settings) -> None:
    """Serve pages until told to stop."""
    stop = stop_event()
    obey_reloads(settings)
    with opened(settings.console.listen) as door:
        console = console_of(settings, keys_of(settings), public_address(settings, door))
        await console.start(door)
        told = RoleTold(console_watch(console, dsn_of(settings)))
        async with watched(settings, "console", told) as metrics:
            report_ready("console", console=address_of(settings, door), metrics=metrics)
            await console.run(stop)


def console_of(settings: Settings, keys: KeyRing, address: str | None) -> Console:
    """Return the console of the system with these settings; ``address`` is as people know it."""
    store = Store(dsn_of(settings))
    parts = Parts(
        store,
        keys,
        Pages(URL(address or "").path.rstrip("/")),
        Exchange(store, Places(settings.data).secrets, partial(free_readers, settings)),
        address or "",
        settings.console.trusted_proxies,
        secrets=Places(settings.data).secrets,
        journal=partial(_journal, settings),
        registration=registration_of(settings, address or ""),
        packages=Packages(settings).make,
    )
    return Console(parts)


async def _journal(settings: Settings) -> Journal:
    """Join the running system's journal.

    Raises:
        StorageError: It is away.
    """
    try:
        return await join_journal(settings, nats_of(settings))
    except NotRunningError as error:
        raise StorageError(str(error), retryable=True) from error


def opened(listen: str) -> socket.socket:
    """Listen at HOST:PORT.

    Raises:
        PortRefusedError: It cannot be; names who holds the address.
    """
    try:
        return open_server(listen)
    except OSError as error:
        raise refused(listen, PAGES, error) from error


def address_of(settings: Settings, door: socket.socket) -> str:
    """Return HOST:PORT of an open door, with the port that the kernel chose for 0."""
    host = settings.console.listen.rpartition(":")[0]
    return f"{host}:{door.getsockname()[1]}"


def public_address(settings: Settings, door: socket.socket) -> str | None:
    """Return with what links begin; port 0 in it is the one that is listened on."""
    address = settings.console.public_url
    if address is None or URL(address).explicit_port != _ANY_PORT:
        return address
    return str(URL(address).with_port(door.getsockname()[1])).rstrip("/")
