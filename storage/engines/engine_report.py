"""What the embedded engines would run with on this machine: facts, each with its cure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wattwarden.storage.engines.binaries import (
    POSTGRES_PROGRAM,
    find_nats_server,
    find_postgres,
    program_version,
)
from wattwarden.storage.engines.embedded import EngineUser, choose_user, first_blocked
from wattwarden.storage.engines.nats_server import MIN_VERSION
from wattwarden.storage.engines.postgres import MIN_MAJOR
from wattwarden.storage.engines.postgres_socket import socket_folder
from wattwarden.storage.errors import EngineError


@dataclass(frozen=True, slots=True)
class EngineFact:
    """One line of a report: what was looked at and found, and what to do when it is not fine.

    ``cure`` is empty when nothing needs doing.
    """

    subject: str
    found: str
    cure: str


def engine_report(
    data: Path, *, postgres: Path | None = None, nats_server: Path | None = None
) -> tuple[EngineFact, ...]:
    """Look at programs, user and folders; changes nothing.

    Args:
        data: Data folder, which need not exist.
        postgres: Folder with ``postgres`` and ``initdb``, as given by the administrator.
        nats_server: Program nats-server, as given by the administrator.
    """
    data = data.resolve()
    return (
        *program_facts(
            "PostgreSQL", lambda: find_postgres(postgres) / POSTGRES_PROGRAM, (MIN_MAJOR,)
        ),
        *program_facts("nats-server", lambda: find_nats_server(nats_server), MIN_VERSION),
        *folder_facts(data),
    )


def program_facts(
    subject: str, find: Callable[[], Path], minimum: tuple[int, ...]
) -> tuple[EngineFact, ...]:
    """Where an engine's program is and whether it is new enough."""
    try:
        program = find()
        version = program_version(program)
    except EngineError as error:
        return (EngineFact(subject, error.message, error.cure),)
    wanted = _dotted(minimum)
    cure = "" if version >= minimum else f"install {subject} {wanted} or newer"
    return (
        EngineFact(f"{subject} program", str(program), ""),
        EngineFact(f"{subject} version", f"{_dotted(version)}, at least {wanted} is needed", cure),
    )


def folder_facts(data: Path) -> tuple[EngineFact, ...]:
    """Whose rights the engines get, and whether that user reaches what it needs."""
    try:
        user = choose_user(data)
    except EngineError as error:
        return (EngineFact("engine user", error.message, error.cure),)
    return (
        EngineFact("engine user", user.name, ""),
        _reachable("data folder", data, user),
        EngineFact("PostgreSQL socket", str(socket_folder(data)), ""),
    )


def _reachable(subject: str, folder: Path, user: EngineUser) -> EngineFact:
    blocked = first_blocked(folder, user)
    if blocked is None:
        return EngineFact(subject, str(folder), "")
    found = f"{folder}: {blocked} is closed to {user.name}"
    cure = f"take another folder (--data /var/lib/wattwarden) or chmod o+x {blocked}"
    return EngineFact(subject, found, cure)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
