"""Where things lie in the data folder, and at which addresses a running system is reached."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wattwarden.server.settings import Settings
from wattwarden.storage.engines.embedded import POSTGRES_FOLDER
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
    def forward(self) -> Path:
        """The platforms above us; where there is none, nothing is forwarded."""
        return self.data / "forward.toml"

    @property
    def run(self) -> Path:
        """What a running system leaves for others to find."""
        return self.data / "run"

    @property
    def running(self) -> Path:
        """What the running system says of itself."""
        return self.run / "running.json"

    @property
    def settings(self) -> Path:
        """The settings in force of the running system, for its roles."""
        return self.run / "settings.json"

    @property
    def reloaded(self) -> Path:
        """What came of the last time that settings were read again."""
        return self.run / "reloaded.json"

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
    shards: int | None = None
    """Of the journal; None when the system is older than this."""
    archive: str | None = None
    """Folder of the journal's closed segments; None when the system is older than this."""
    console: str | None = None
    """Where the pages are listened for; None when the system is older than this."""
    links: str | None = None
    """With what links to the pages begin; None where messages have none."""
    up: int | None = None
    """The process that runs all; None when the system is older than this."""


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


def running_of(settings: Settings, listen: str, pids: dict[str, list[int]]) -> Running:
    """Return what the system with these settings says of itself."""
    return Running(
        listen=listen,
        pids=pids,
        dsn=settings.dsn,
        nats=settings.nats,
        shards=settings.journal.shards,
        archive=str(archive_of(settings)),
        console=settings.console.listen,
        links=settings.console.public_url,
    )


def archive_of(settings: Settings) -> Path:
    """Return the folder of the journal's closed segments."""
    return settings.archivist.folder or settings.data / "archive"


def days_store_of(settings: Settings) -> str:
    """Return where closed days lie as files: the store given, else a folder of the archive."""
    return settings.archivist.days_store or (archive_of(settings) / "days").absolute().as_uri()


def dsn_of(settings: Settings) -> str:
    """Return where the database is: the address given, else that of the system in the data folder.

    Raises:
        NotRunningError: none is given, and no system has run here.
    """
    if settings.dsn is not None:
        return settings.dsn
    running = _known(settings, "--dsn")
    return running.dsn or postgres_dsn(settings.data)


def nats_of(settings: Settings) -> str:
    """Return where the journal is, as ``dsn_of``; it may hold a token: keep it out of logs.

    Raises:
        NotRunningError: none is given, and no system has run here.
    """
    if settings.nats is not None:
        return settings.nats
    running = _known(settings, "--nats")
    return running.nats or nats_url(settings.data)


def as_running(settings: Settings) -> Settings:
    """Return the settings with the journal and the archive as the running system has them.

    They stay as they are where no system has run, and where --nats names another's journal.

    Raises:
        NotRunningError: what the running system says of itself cannot be read.
    """
    running = read_running(Places(settings.data))
    if running is None or settings.nats not in {None, running.nats}:
        return settings
    journal, archivist = settings.journal, settings.archivist
    if running.shards is not None:
        journal = journal.model_copy(update={"shards": running.shards})
    if running.archive is not None:
        archivist = archivist.model_copy(update={"folder": Path(running.archive)})
    return settings.model_copy(update={"journal": journal, "archivist": archivist})


def links_of(settings: Settings) -> str | None:
    """Return with what links to the pages begin, None where nobody has said.

    Raises:
        NotRunningError: What the running system says of itself cannot be read.
    """
    running = read_running(Places(settings.data))
    said = None if running is None else running.links
    return said or settings.console.public_url


def pages_of(settings: Settings) -> str:
    """Return with what addresses of pages begin: as people know it, else where they are served.

    Raises:
        NotRunningError: What the running system says of itself cannot be read.
    """
    running = read_running(Places(settings.data))
    listen = None if running is None else running.console
    return links_of(settings) or f"http://{listen or settings.console.listen}"


def _known(settings: Settings, option: str) -> Running:
    """What the system in the data folder says; ``option`` would have made it superfluous."""
    running = read_running(Places(settings.data))
    if running is None and (settings.data / POSTGRES_FOLDER).is_dir():
        message = (
            f"nothing runs in {settings.data} now: start it with "
            f"`wattwarden up --data {settings.data}`, or give {option}"
        )
        raise NotRunningError(message)
    if running is None:
        message = (
            f"no system has run in {settings.data}: start one with `wattwarden up`, "
            f"or name another with --data, or give {option}"
        )
        raise NotRunningError(message)
    return running
