"""Settings that are read again while everything runs: SIGHUP, or `wattwarden reload`.

    wattwarden.toml ─► read and checked whole ─┬─► wrong: everything stays as it is, and is logged
                                               ├─► what may change now does, in the settings in hand
                                               └─► the rest is named, and waits for the next start

Whoever was given the settings, or a section of them, sees what changed in place when he next looks;
whoever took a number out of them is told to take it anew.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import structlog
from pydantic import BaseModel, ValidationError

from wattwarden.server.logs import set_level
from wattwarden.server.notify_systemd import ourselves
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings

_GATEWAY: Final = (
    "onenet_token_file", "ctwing_token_file", "max_sessions", "max_sessions_per_peer",
    "allowed_networks", "connections_per_peer_second", "logins_per_meter_minute",
    "denied_logins_per_meter", "meter_burst_bytes", "meter_bytes_per_second",
    "logins_per_second", "pre_login_s", "partial_frame_s", "noise_before_login_bytes",
    "noise_bytes", "unknown_bytes_per_connection", "unknown_records_per_peer_hour",
    "pending_bytes", "drain_s",
)  # fmt: skip
_ARCHIVIST: Final = (
    "interval_s", "hot_days", "archive_days", "notices_days", "attempts_days", "commands_days",
)  # fmt: skip
_WRITER: Final = ("unknown_meters", "enrolments_per_peer_hour")
AT_ONCE: Final = frozenset(
    {
        "log_level",
        "warden.interval_s",
        *(f"gateway.{name}" for name in _GATEWAY),
        *(f"archivist.{name}" for name in _ARCHIVIST),
        *(f"writer.{name}" for name in _WRITER),
    }
)
"""What may change while everything runs: limits, tokens, intervals, retention, the log's level."""

_log: Final = structlog.get_logger(__name__)


class Renewal(msgspec.Struct, frozen=True):
    """What came of reading settings again: names of what changed, and of what waits for a start.

    ``error`` says why nothing changed, "" where it could be read.
    """

    taken: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    error: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What `up` leaves for whoever asked it to read its settings again."""

    number: int
    at: datetime
    renewal: Renewal


class Handed(msgspec.Struct, frozen=True):
    """What may change at once, by dotted name, as `up`, process ``pid``, hands it to its roles."""

    pid: int
    values: dict[str, Any]


def differences(old: BaseModel, new: BaseModel, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of settings that differ."""
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from differences(before, after, f"{prefix}{name}.")
        elif before != after:
            yield f"{prefix}{name}"


def take_over(settings: Settings, new: Settings) -> Renewal:
    """Change settings in place, as far as they may change now."""
    changed = list(differences(settings, new))
    taken = tuple(name for name in changed if name in AT_ONCE)
    for dotted in taken:
        section, _, name = dotted.rpartition(".")
        ours, theirs = (getattr(one, section) if section else one for one in (settings, new))
        setattr(ours, name, getattr(theirs, name))
    return Renewal(taken, tuple(name for name in changed if name not in AT_ONCE))


def read_again(settings: Settings, read: Callable[[], Settings]) -> Renewal:
    """Read settings again and take them over; those that are wrong change nothing."""
    with ourselves().reloading():
        return _read_again(settings, read)


def _read_again(settings: Settings, read: Callable[[], Settings]) -> Renewal:
    try:
        new = read()
    # Beside what is set wrongly: another encoding than UTF-8, a number nobody can count to.
    except (ValueError, RecursionError, OSError, msgspec.DecodeError) as error:
        reason = " ".join(_told(error).split())
        _log.error("settings are as they were", reason=reason)
        return Renewal(error=reason)
    renewal = take_over(settings, new)
    set_level(settings.log_level)
    _log.info("settings read again", taken=renewal.taken, at_next_start=renewal.waiting)
    return renewal


def _told(error: Exception) -> str:
    """Say what is wrong, and not what was found: an address may have a password in it."""
    if not isinstance(error, ValidationError):
        return str(error)
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)


def obey_reloads(settings: Settings, use: Callable[[], object] = tuple) -> None:
    """Read a role's settings again at each SIGHUP, and have them used.

    From its own sources, or what `up` hands over where that started us.
    """

    def read() -> Settings:
        return _handed(settings, os.getppid()) or settings.again()

    def reload() -> None:
        if read_again(settings, read).taken:
            use()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


class Told(Protocol):
    """A role of ours that may take other settings."""

    def renew(self, environment: Mapping[str, str]) -> None:
        """Start with these from now on."""

    def reload(self) -> None:
        """Have the process that runs read them."""


@dataclass(slots=True)
class Reloading:
    """Settings of `up` and of its roles, read again when somebody wants that.

    ``environment`` is what roles are started with, made of the settings in force.
    """

    settings: Settings
    roles: Iterable[Told]
    environment: Callable[[], Mapping[str, str]]
    taken: int = 0
    refused: int = 0

    def counts(self) -> dict[str, int]:
        """Return how often settings were read again, by what came of it."""
        return {"taken": self.taken, "refused": self.refused}

    def obey(self) -> None:
        """Obey SIGHUP from now on."""
        # What an earlier run handed over is none of these settings.
        self._hand_over()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    def reload(self) -> None:
        """Read settings again, and have roles do so."""
        renewal = read_again(self.settings, self.settings.again)
        if renewal.error:
            self.refused += 1
        else:
            self.taken += 1
            self._hand_over()
            for role in self.roles:
                role.renew(self.environment())
                role.reload()
        outcome = Outcome(self.taken + self.refused, datetime.now(UTC), renewal)
        _write(Places(self.settings.data).reloaded, msgspec.json.encode(outcome))

    def _hand_over(self) -> None:
        plain = self.settings.model_dump(mode="json")
        values = {name: _section(plain, name)[name.rpartition(".")[2]] for name in sorted(AT_ONCE)}
        handed = Handed(os.getpid(), values)
        _write(Places(self.settings.data).settings, msgspec.json.encode(handed))


def outcome_of(places: Places) -> Outcome | None:
    """Return what came of the last reload of a running system; None where there was none."""
    try:
        return msgspec.json.decode(places.reloaded.read_bytes(), type=Outcome)
    except (OSError, msgspec.DecodeError):
        return None


def _handed(settings: Settings, parent: int) -> Settings | None:
    """Return the settings that our parent handed over; None where it is no `up`."""
    try:
        handed = msgspec.json.decode(Places(settings.data).settings.read_bytes(), type=Handed)
    except FileNotFoundError:
        return None
    if handed.pid != parent:
        return None
    plain = settings.model_dump(mode="json")
    for name, value in handed.values.items():
        _section(plain, name)[name.rpartition(".")[2]] = value
    return Settings(**plain)


def _section(plain: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the part of plain settings in which the last word of a dotted name stands."""
    section = name.rpartition(".")[0]
    found: dict[str, Any] = plain[section] if section else plain
    return found


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, for its owner alone: addresses may carry a password."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
