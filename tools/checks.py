"""What ``wattwarden doctor`` looks at: one function a check, each with its cure."""

import ctypes
import platform
import resource
import shutil
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wattwarden.protocol.checksum import hj212, modbus
from wattwarden.server.addresses import check_listen
from wattwarden.server.listening import (
    METERS,
    PAGES,
    Door,
    PortRefusedError,
    holders,
    living_system,
    pids_at,
    port_of,
    probe,
)
from wattwarden.server.places import NotRunningError, links_of
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
# Its beginning: modes, then offset, freq, maxerror and esterror as long, and status.
_TIMEX: Final = struct.Struct("@iqqqqi")
# The offset is in nanoseconds.
_NANOSECONDS: Final = 0x2000
# Silence is judged in minutes; a system that keeps NTP is never off by so much.
CLOCK_WARN_MS: Final = 500.0


# A day that closed is a file within hours; what came late rests, and somebody may read for long.
SLACK_DAYS: Final = 3


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.  ``cure`` is empty when nothing needs doing, and only then."""

    name: str
    state: State
    found: str
    cure: str = ""

    def __post_init__(self) -> None:
        """See to it that whatever is wrong comes with what to do.

        Raises:
            ValueError: It does not.
        """
        if bool(self.cure) != (self.state is not State.OK):
            message = f"{self.name} is {self.state}, and its cure {self.cure!r}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """The store of closed days, and the oldest day that the database holds (None: none).

    ``fault`` is what is wrong with the store, "" for nothing; ``free_bytes`` None where it does not
    say; days before ``due`` are to be files.
    """

    url: str
    fault: str
    free_bytes: int | None
    oldest: date | None
    due: date


@dataclass(frozen=True, slots=True)
class Asked:
    """What others say of themselves.

    ``fill`` is the journal's fullest stream, ``faulty`` how many addresses their gateways refuse;
    None when no journal, or no database answers.  ``misfits`` is what is wrong with the provider
    of identities; None when none is configured.  ``forwarding`` is what is wrong with the table of
    platforms above us; None when there is none.  ``archive`` is how closed days stand; None when no
    database answers.
    """

    fill: StreamFacts | None
    faulty: int | None
    misfits: Sequence[str] | None
    forwarding: str | None = None
    archive: ArchiveFacts | None = None


def look(settings: Settings, now: datetime, asked: Asked) -> Iterator[Check]:
    """Look at everything; changes nothing."""
    yield python()
    yield descriptors(settings.gateway.max_sessions)
    yield from checksums()
    yield uvloop()
    yield from engines(settings)
    yield meter_port(settings)
    yield console_port(settings)
    yield links(settings)
    yield from clock(now)
    yield zone()
    yield disk(settings.data)
    yield journal(settings)
    yield journal_room(asked.fill)
    yield contacts(asked.faulty)
    yield sign_in(asked.misfits)
    yield forwarding(asked.forwarding)
    yield days(asked.archive)


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
    return _port(METERS, listen, pids_at(running, METERS))


def console_port(settings: Settings) -> Check:
    """Whether the address of the pages is held by the running system, or else free."""
    running = living_system(settings.data)
    known = None if running is None else running.console
    return _port(PAGES, known or settings.console.listen, pids_at(running, PAGES))


def links(settings: Settings) -> Check:
    """Whether messages hold links by which people answer."""
    try:
        address = links_of(settings)
    except NotRunningError as error:
        cure = "run this as the system's user, or restart wattwarden up, which writes it anew"
        return Check("links", State.WARN, str(error), cure)
    if address is None:
        found = "messages hold none: public_url of [console] is not set"
        return Check("links", State.OK, found)
    if address.startswith("http://"):
        cure = "whoever reads along may answer as well: put a proxy with TLS before the console"
        return Check("links", State.WARN, f"begin with {address}, not encrypted", cure)
    return Check("links", State.OK, f"begin with {address}")


def _port(door: Door, listen: str, ours: Sequence[int]) -> Check:
    """Look at an address; ``ours`` are the processes of the running system that hold it."""
    try:
        check_listen(listen)
        probe(listen, door)
    except ValueError as error:
        return Check(door.name, State.FAIL, str(error), "write it as HOST:PORT: 0.0.0.0:10212")
    except PortRefusedError as error:
        held = [one.pid for one in holders(port_of(listen)) if one.pid in ours]
        if held:
            pids = ", ".join(map(str, held))
            return Check(door.name, State.OK, f"{listen}, held by our {door.role} {pids}")
        return Check(door.name, State.FAIL, error.message, error.cure)
    if ours:
        found = f"{listen}, free, though our {door.role} runs"
        return Check(door.name, State.WARN, found, "its log says why it does not listen")
    return Check(door.name, State.OK, f"{listen}, free")


def clock(now: datetime) -> Iterator[Check]:
    """Whether the wall clock can be right, and whether anybody keeps it right."""
    found = now.isoformat(timespec="seconds")
    if now.year in PLAUSIBLE_YEARS:
        yield Check("clock", State.OK, found)
    else:
        yield Check("clock", State.FAIL, found, "set the clock: timedatectl set-ntp true")
    timex = ctypes.create_string_buffer(TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(timex)
    off_ms = clock_skew(timex.raw)
    if state < 0:
        yield Check("clock kept", State.WARN, "the kernel does not say", "see that NTP runs")
    elif state == TIME_ERROR:
        cure = "timedatectl set-ntp true, or run chrony; in a container, on its host"
        yield Check("clock kept", State.WARN, "not synchronised", cure)
    elif abs(off_ms) > CLOCK_WARN_MS:
        cure = "see chronyc tracking, or timedatectl timesync-status: it is being corrected"
        yield Check("clock kept", State.WARN, f"{off_ms:+.0f} ms off", cure)
    else:
        yield Check("clock kept", State.OK, f"synchronised, {off_ms:+.1f} ms to be corrected")


def clock_skew(timex: bytes) -> float:
    """Return by how many milliseconds the kernel still has to correct its clock."""
    _, offset, _, _, _, status = _TIMEX.unpack_from(timex)
    return float(offset) / (1e6 if status & _NANOSECONDS else 1e3)


def zone() -> Check:
    """Whether zones can be looked up: without them meters' times cannot become UTC."""
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        return Check("time zones", State.FAIL, "none", "install tzdata: pip install tzdata")
    return Check("time zones", State.OK, "known")


def disk(data: Path) -> Check:
    """Whether the disk below the data folder has room."""
    free, folder = free_bytes(data), _folder(data)
    found = f"{_gib(free)} free at {folder}"
    if free < LEAST_FREE_BYTES:
        return Check("disk", State.FAIL, found, "free some, or take another disk with --data")
    if free < COMFORTABLE_FREE_BYTES:
        cure = f"{_gib(COMFORTABLE_FREE_BYTES)} or more let the journal bridge an outage"
        return Check("disk", State.WARN, found, cure)
    return Check("disk", State.OK, found)


def free_bytes(data: Path) -> int:
    """Return how much room there is for a data folder, which need not be there yet."""
    return shutil.disk_usage(_folder(data)).free


def _folder(data: Path) -> Path:
    return next(parent for parent in (data, *data.parents) if parent.is_dir())


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


def contacts(faulty: int | None) -> Check:
    """Whether everybody is reached; ``faulty`` addresses are refused, None: nobody can be asked."""
    if faulty is None:
        return Check("contacts", State.OK, "no database runs here")
    if not faulty:
        return Check("contacts", State.OK, "no address is refused")
    cure = "see wattwarden notify faulty: correct them, then wattwarden notify test"
    return Check("contacts", State.WARN, f"{faulty} refused by their gateways", cure)


def sign_in(misfits: Sequence[str] | None) -> Check:
    """Whether people can sign in by the provider of identities; None: there is none."""
    if misfits is None:
        return Check("sign-in", State.OK, "by passwords; no provider of identities is configured")
    if not misfits:
        return Check("sign-in", State.OK, "the provider of identities answers, and fits")
    cure = "passwords work meanwhile; see [console.oidc] in docs/sign-in.md"
    return Check("sign-in", State.WARN, "; ".join(misfits), cure)


def forwarding(wrong: str | None) -> Check:
    """Whether platforms above us can be forwarded to; None: there are none."""
    if wrong is None:
        return Check("forwarding", State.OK, "to nobody: forward.toml names no platform")
    if not wrong:
        return Check("forwarding", State.OK, "the table of platforms can be used")
    cure = "correct forward.toml, see docs/forwarding.md; wattwarden forward list says it as well"
    return Check("forwarding", State.WARN, wrong, cure)


def days(facts: ArchiveFacts | None) -> Check:
    """Whether closed days become files: the store takes them, has room, and nothing holds them."""
    if facts is None:
        return Check("archive", State.OK, "no database runs here")
    if facts.fault:
        cure = "wattwarden archive run says more; see docs/archive.md, days_store of [archivist]"
        return Check("archive", State.FAIL, facts.fault, cure)
    room = "" if facts.free_bytes is None else f", {_gib(facts.free_bytes)} free"
    oldest = "no day yet" if facts.oldest is None else f"oldest day in the database {facts.oldest}"
    found = f"{facts.url}{room}; {oldest}"
    if facts.free_bytes is not None and facts.free_bytes < LEAST_FREE_BYTES:
        cure = "free some, or name another store as days_store of [archivist]"
        return Check("archive", State.WARN, found, cure)
    if facts.oldest is not None and facts.oldest < facts.due - timedelta(days=SLACK_DAYS):
        cure = "wattwarden archive run says what keeps it there"
        return Check("archive", State.WARN, found, cure)
    return Check("archive", State.OK, found)


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
