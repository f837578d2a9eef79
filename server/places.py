"""Where things lie in the data folder, and at which addresses a running system is reached."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wattwarden.server.settings import Settings
from wattwarden.storage.engines.nats_address import nats_url
from wattwarden.storage.engines.postgres import postgres_dsn


class NotRunningError(Exception):
    """No address is known for what a command needs.  The message says what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders below the data folder."""

    data: Path

    @property
    def secrets(self) -> Path:
        """Keys and tokens, one file each, mode 0600."""
        return self.data / "secrets"

    @property
    def archive(self) -> Path:
        """Closed segments of the journal."""
        return self.data / "archive"

    @property
    def run(self) -> Path:
        """What a running system leaves for others to find."""
        return self.data / "run"

    @property
    def running(self) -> Path:
        """What the running system says of itself."""
        return self.run / "running.json"

    @property
    def profiles(self) -> Path:
        """The gateway's last snapshot of profiles."""
        return self.run / "profiles.msgpack"


class Running(msgspec.Struct, frozen=True):
    """What a running system leaves for other commands to find, readable by its owner alone.

    Addresses of engines that are somebody else's may carry a password.
    """

    listen: str
    pids: dict[str, list[int]]
    dsn: str | None = None
    """Set when the system uses a database of somebody else's; the same for ``nats``."""
    nats: str | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a system is reached.  ``nats`` may hold the journal's token: keep it out of logs."""

    dsn: str
    nats: str
    listen: str


def write_running(places: Places, running: Running) -> None:
    """Tell other commands, in one step."""
    places.run.mkdir(parents=True, exist_ok=True)
    draft = places.running.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(running))
    draft.replace(places.running)


def read_running(places: Places) -> Running | None:
    """Return what the running system says of itself; None when none has run here.

    Raises:
        NotRunningError: the file cannot be read.
    """
    try:
        return msgspec.json.decode(places.running.read_bytes(), type=Running)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        message = f"{places.data} belongs to another user: run as that user, or as root"
        raise NotRunningError(message) from error
    except msgspec.DecodeError as error:
        message = f"{places.running} is damaged: restart `wattwarden up`, which writes it anew"
        raise NotRunningError(message) from error


def addresses(settings: Settings) -> Addresses:
    """Return the addresses: those set, the others of the system in the data folder.

    Raises:
        NotRunningError: neither set nor known from a system that has run here.
    """
    places = Places(settings.data)
    running = read_running(places)
    dsn, nats = settings.dsn, settings.nats
    if running is not None:
        dsn = dsn or running.dsn or postgres_dsn(settings.data)
        nats = nats or running.nats or nats_url(settings.data)
    if dsn is None or nats is None:
        message = (
            f"no system has run in {settings.data}: start one with `wattwarden up`, "
            "or name another with --data, or give --dsn and --nats"
        )
        raise NotRunningError(message)
    return Addresses(dsn, nats, running.listen if running else settings.gateway.listen)
