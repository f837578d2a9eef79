"""What ``wattwarden doctor`` looks at: one function a check, each with its cure."""

import ctypes
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wattwarden.protocol.checksum import hj212, modbus
from wattwarden.server.addresses import check_listen
from wattwarden.server.listening import (
    PortRefusedError,
    gateway_pids,
    holders,
    living_system,
    port_of,
    probe,
)
from wattwarden.server.settings import Settings
from wattwarden.storage.engines.engine_report import engine_report
from wattwarden.storage.journal.survey import FULL_SHARE, NEARLY_FULL_SHARE, StreamFacts

MIN_PYTHON: Final = (3, 11)
# What the process opens beside its connections: engines, files, pools.
SPARE_DESCRIPTORS: Final = 512
# Below the first the system starts and soon stops; below the second the journal is cut short.
LEAST_FREE_BYTES: Final = 2 * 1024**3
COMFORTABLE_FREE_BYTES: Final = 20 * 1024**3
# A clock that was reset stands before the program existed; one beyond this is no better.
PLAUSIBLE_YEARS: Final = range(2026, 2100)
# clock_adjtime(2): the kernel's clock is not synchronised.
TIME_ERROR: Final = 5
# struct timex is 208 bytes on 64-bit Linux; the kernel writes no more.
TIMEX_BYTES: Final = 512


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.  ``cure`` is empty when nothing needs doing."""

    name: str
    state: State
    found: str
    cure: str = ""


def look(settings: Settings, now: datetime, fill: StreamFacts | None) -> Iterator[Check]:
    """Look at everything; changes nothing.

    ``fill`` is the journal's fullest stream, None when no journal answers.
    """
    yield python()
    yield descriptors(settings.gateway.max_sessions)
    yield from checksums()
    yield uvloop()
    yield from engines(settings)
    yield meter_port(settings)
    yield from clock(now)
    yield zone()
    yield disk(settings.data)
    yield journal(settings)
    yield journal_room(fill)


def python() -> Check:
    """Whether the interpreter is new enough."""
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info >= MIN_PYTHON:
        return Check("python", State.OK, found)
    return Check("python", State.FAIL, found, "install Python 3.11 or newer and run make again")


def descriptors(sessions: int) -> Check:
    """Whether the limit of open files lets in as many meters as are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = sessions + SPARE_DESCRIPTORS
    found = f"{soft} now, raised to {hard} at start; {needed} for {sessions} meters"
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return Check("open files", State.OK, found)
    cure = f"LimitNOFILE={needed} in the service unit, or ulimit -Hn {needed} before starting"
    return Check("open files", State.WARN, found, cure)


def checksums() -> Iterator[Check]:
    """Whether the checksums are right and fast."""
    right = modbus(b"123456789") == 0x4B37 and hj212(b"123456789") == 0x2F80
    state = State.OK if right else State.FAIL
    found = f"fastcrc {_version('fastcrc')}, check values {'right' if right else 'wrong'}"
    yield Check("checksums", state, found, "" if right else "reinstall: make clean, make run")
    compiled = find_spec("crcmod._crcfunext") is not None
    found = f"crcmod {'compiled' if compiled else 'in pure Python, 100 times slower'}"
    cure = "" if compiled else "install crcmod-plus from a wheel: pip install crcmod-plus"
    yield Check("odd checksums", State.OK if compiled else State.WARN, found, cure)


def uvloop() -> Check:
    """Whether the fast event loop is there."""
    found = _version("uvloop")
    if found:
        return Check("uvloop", State.OK, found)
    return Check("uvloop", State.FAIL, "missing", "install it: pip install uvloop")


def engines(settings: Settings) -> Iterator[Check]:
    """Whether the engines can be started; somebody else's are only named, never their secrets."""
    given = {"PostgreSQL": settings.dsn, "nats-server": settings.nats}
    foreign = tuple(subject for subject, address in given.items() if address is not None)
    for subject in foreign:
        yield Check(subject, State.OK, "not ours: its address is given")
    for fact in engine_report(settings.data):
        if not fact.subject.startswith(foreign):
            yield Check(fact.subject, State.FAIL if fact.cure else State.OK, fact.found, fact.cure)


def meter_port(settings: Settings) -> Check:
    """Whether the meter port of the running system is held by it, or else ours is free."""
    running = living_system(settings.data)
    listen = settings.gateway.listen if running is None else running.listen
    ours = gateway_pids(running)
    try:
        check_listen(listen)
        probe(listen)
    except ValueError as error:
        return Check("meter port", State.FAIL, str(error), "write it as HOST:PORT: 0.0.0.0:10212")
    except PortRefusedError as error:
        held = [one.pid for one in holders(port_of(listen)) if one.pid in ours]
        if held:
            pids = ", ".join(map(str, held))
            return Check("meter port", State.OK, f"{listen}, held by our gateway {pids}")
        return Check("meter port", State.FAIL, error.message, error.cure)
    if running is not None:
        found = f"{listen}, free, though our gateway runs"
        return Check("meter port", State.WARN, found, "its log says why it does not listen")
    return Check("meter port", State.OK, f"{listen}, free")


def clock(now: datetime) -> Iterator[Check]:
    """Whether the wall clock can be right, and whether anybody keeps it right."""
    found = now.isoformat(timespec="seconds")
    if now.year in PLAUSIBLE_YEARS:
        yield Check("clock", State.OK, found)
    else:
        yield Check("clock", State.FAIL, found, "set the clock: timedatectl set-ntp true")
    timex = ctypes.create_string_buffer(TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(timex)
    if state < 0:
        yield Check("clock kept", State.WARN, "the kernel does not say", "see that NTP runs")
    elif state == TIME_ERROR:
        cure = "timedatectl set-ntp true, or run chrony; in a container, on its host"
        yield Check("clock kept", State.WARN, "not synchronised", cure)
    else:
        yield Check("clock kept", State.OK, "synchronised")


def zone() -> Check:
    """Whether zones can be looked up: without them meters' times cannot become UTC."""
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        return Check("time zones", State.FAIL, "none", "install tzdata: pip install tzdata")
    return Check("time zones", State.OK, "known")


def disk(data: Path) -> Check:
    """Whether the disk below the data folder has room."""
    folder = next(parent for parent in (data, *data.parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    found = f"{_gib(free)} free at {folder}"
    if free < LEAST_FREE_BYTES:
        return Check("disk", State.FAIL, found, "free some, or take another disk with --data")
    if free < COMFORTABLE_FREE_BYTES:
        cure = f"{_gib(COMFORTABLE_FREE_BYTES)} or more let the journal bridge an outage"
        return Check("disk", State.WARN, found, cure)
    return Check("disk", State.OK, found)


def journal(settings: Settings) -> Check:
    """What the journal may hold, and what is known of its durability."""
    limit = settings.journal.max_bytes
    size = _gib(limit) if limit is not None else _unset_limit(settings)
    found = f"{settings.journal.shards} shards, {size}, {settings.journal.replicas} copies"
    if settings.nats is None:
        return Check("journal", State.OK, f"{found}, every write synced")
    cure = "set sync_interval: always in the jetstream block of that server"
    return Check("journal", State.WARN, f"{found}; its server's syncing cannot be seen", cure)


def journal_room(fill: StreamFacts | None) -> Check:
    """Whether the journal still has room; full, it stops the answers to all meters."""
    if fill is None:
        return Check("journal room", State.OK, "no journal runs here")
    found = f"{fill.share:.0%} of {_gib(fill.max_bytes)} a shard taken"
    if fill.share < NEARLY_FULL_SHARE:
        return Check("journal room", State.OK, found)
    cure = (
        "see in the log why writer or archivist do not keep up, and that the archive's disk has "
        "room; WATTWARDEN_JOURNAL__MAX_BYTES raises the limit"
    )
    state = State.WARN if fill.share < FULL_SHARE else State.FAIL
    return Check("journal room", state, found, cure)


def _unset_limit(settings: Settings) -> str:
    """What the journal takes when nobody says."""
    if settings.nats is None:
        return "half the free disk, 20 GiB at most"
    return "as much as its server offers, 20 GiB at most"


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
