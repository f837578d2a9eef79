"""What is configured for meters, as codecs take it; keys come from the secrets folder.

meter_profile (newest version) + <secrets>/<key name> ──► Profile

The database knows the name of a key only.  A change is told by NOTIFY wattwarden_profiles.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import structlog

from wattwarden.protocol.access import (
    ANY_REST,
    NOWHERE,
    OPEN,
    UNKNOWN_PASSWORD,
    Access,
    Network,
)
from wattwarden.protocol.codec import (
    DEFAULT_PROFILE,
    DEFAULT_ZONE,
    ClockPolicy,
    Profile,
    ProfileOf,
)
from wattwarden.storage.database import Connection, connect, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.meter_secrets import SECRET_NAME, SHORTAGES, read_key, read_password

CHANNEL: Final = "wattwarden_profiles"
"""On which channel the database says that a meter or its profile changed."""
# A notice may be lost with a connection, and key files change without one.
RELOAD_INTERVAL_S: Final = 60.0
RETRY_PAUSE_S: Final = 1.0
# Whoever registers a thousand meters tells of each; loading all of them a thousand times is no use.
GATHER_S: Final = 0.25
MAX_CYCLE_S: Final = 86_400
# A page of options; more is a mistake.
MAX_BODY_BYTES: Final = 16_384
# A meter dials in from the networks of one carrier's private access, and of the next one's.
MAX_NETWORKS: Final = 16
CERTIFICATE_NAME: Final = re.compile(r"sha256:[0-9a-fA-F]{64}|serial:[0-9a-fA-F]{1,40}|cn:.{1,64}")
# ICCIDs have 19 or 20 digits (ITU-T E.118), in China letters among the last; the first six say
# country and carrier.
SIM_NAME: Final = re.compile(r"[0-9A-Za-z]{6,22}\*?")

_log = structlog.get_logger(__name__)


class RecallPolicy(StrEnum):
    """Whether what is missing of a meter is asked for again; None elsewhere: it is not."""

    OFF = "off"
    AUTO = "auto"


class AccessBody(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a meter has to show before it is believed; what is not named is not asked for.

    ``password`` is the name of a file in the secrets folder, ``networks`` are those that it dials
    in from, ``certificate`` is ``sha256:DIGITS``, ``serial:DIGITS`` or ``cn:NAME``, ``sim`` an
    ICCID, or its beginning and ``*``.
    """

    password: str | None = None
    networks: tuple[str, ...] = ()
    certificate: str | None = None
    sim: str | None = None


class ProfileBody(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A version of a meter's configuration, as the table keeps it.

    ``zone`` is an IANA name, ``cycle_s`` how often the meter reports, ``key`` the name of a file in
    the secrets folder, ``listener`` the listener profile, ``options`` as the codec documents them,
    ``clock`` what is done about its clock, ``recall`` about what is missing, ``access`` what it has
    to show before it is believed.
    """

    zone: str | None = None
    cycle_s: int | None = None
    key: str | None = None
    listener: str | None = None
    options: dict[str, Any] = {}
    clock: ClockPolicy | None = None
    recall: RecallPolicy | None = None
    access: AccessBody | None = None


@dataclass(slots=True)
class Profiles:
    """Profiles by (codec, address), and in plain words what is wrong with some of them.

    A meter with a problem has its profile nevertheless, without what could not be had.
    """

    profiles: dict[tuple[str, str], Profile] = field(default_factory=dict)
    problems: dict[tuple[str, str], str] = field(default_factory=dict)


class ProfileBook:
    """The profiles that a role works with; ``replace`` them when they changed.

    ``known`` is set when they were told for the first time.
    """

    def __init__(self) -> None:
        self.known = asyncio.Event()
        self._profiles: Mapping[tuple[str, str], Profile] = {}

    def replace(self, profiles: Mapping[tuple[str, str], Profile]) -> None:
        """Work with these from now on."""
        self._profiles = profiles
        self.known.set()

    def of(self, codec: str) -> ProfileOf:
        """Return the look-up by address for a codec; it follows ``replace``."""

        def profile_of(address: str) -> Profile:
            return self._profiles.get((codec, address), DEFAULT_PROFILE)

        return profile_of


async def load_profiles(connection: Connection, secrets: Path) -> Profiles:
    """Load the newest profile of every meter that has one, with its key.

    Raises:
        StorageError: The database is away, or files cannot be read for want of what comes back.
    """
    with errors("loading profiles"):
        rows = await connection.fetch(
            "SELECT DISTINCT ON (p.meter) m.codec, m.address, p.version, p.body"
            " FROM meter_profile AS p JOIN meter AS m ON m.id = p.meter"
            " ORDER BY p.meter, p.version DESC"
        )
    found = Profiles()
    # Without its key a meter's sealed frames would be refused: what is known goes on.
    with errors("reading keys and zones of meters"):
        for row in rows:
            name = (row["codec"], row["address"])
            found.profiles[name], problem = read_profile(row["body"], row["version"], secrets)
            if problem:
                found.problems[name] = problem
    return found


async def watch_profiles(
    dsn: str, secrets: Path, book: ProfileBook, stop: asyncio.Event, *, needed: bool = False
) -> None:
    """Keep a book up to date until ``stop`` is set; without the database it stays as it is.

    Raises:
        StorageError: They are ``needed``, nothing is known, and it will not pass: no schema.
    """
    waits = False
    while not stop.is_set():
        try:
            connection = await connect(dsn, name="profiles")
            try:
                waits = False
                await _follow(connection, secrets, book, stop)
            finally:
                connection.terminate()
        except StorageError as error:
            if needed and not error.retryable and not book.known.is_set():
                raise
            if not waits:
                _log.warning("profiles are not followed", reason=error.message)
            waits = True
            await _first(stop, RETRY_PAUSE_S)


def check_body(body: ProfileBody) -> None:
    """Refuse a configuration that could not be used.

    Raises:
        ValueError: What is wrong, and what is allowed.
    """
    zone_of(body.zone)
    if body.cycle_s is not None and not 1 <= body.cycle_s <= MAX_CYCLE_S:
        text = f"cycle is {body.cycle_s} s, allowed are 1 to {MAX_CYCLE_S}"
        raise ValueError(text)
    if body.key is not None and not SECRET_NAME.fullmatch(body.key):
        text = f"key names a file of the secrets folder, 64 of A-Z a-z 0-9 . _ -, got {body.key!r}"
        raise ValueError(text)
    if body.access is not None:
        _check_access(body.access)
    size = len(msgspec.json.encode(body))
    if size > MAX_BODY_BYTES:
        text = f"the configuration is {size} bytes, at most {MAX_BODY_BYTES}"
        raise ValueError(text)


def _check_access(access: AccessBody) -> None:
    if access.password is not None and not SECRET_NAME.fullmatch(access.password):
        text = f"password names a file of the secrets folder, got {access.password!r}"
        raise ValueError(text)
    if len(access.networks) > MAX_NETWORKS:
        text = f"a meter has at most {MAX_NETWORKS} networks, got {len(access.networks)}"
        raise ValueError(text)
    for network in access.networks:
        ip_network(network)
    if access.certificate is not None and not CERTIFICATE_NAME.fullmatch(access.certificate):
        text = (
            f"a certificate is sha256:DIGITS, serial:DIGITS or cn:NAME, got {access.certificate!a}"
        )
        raise ValueError(text)
    if access.sim is not None and not SIM_NAME.fullmatch(access.sim):
        text = f"a card is an ICCID, or its first six digits at least and {ANY_REST}"
        raise ValueError(text)


def read_profile(body: str, version: int, secrets: Path) -> tuple[Profile, str]:
    """Return a profile, and what is wrong with it ("" for nothing).

    Raises:
        OSError: One of its files cannot be read at this moment.
    """
    try:
        plain = msgspec.json.decode(body, type=ProfileBody)
    except msgspec.ValidationError as error:
        return Profile(version=version), f"profile version {version}: {error}"
    problems = []
    zone, key = DEFAULT_ZONE, None
    try:
        zone = zone_of(plain.zone)
    except ValueError as error:
        problems.append(str(error))
    if plain.key is not None:
        try:
            key = read_key(secrets, plain.key)
        except ValueError as error:
            problems.append(str(error))
    access, problem = read_access(plain.access, secrets)
    if problem:
        problems.append(problem)
    profile = Profile(
        zone, plain.cycle_s, key, plain.options, version, plain.clock, plain.listener, access
    )
    return profile, "; ".join(problems)


def read_access(body: AccessBody | None, secrets: Path) -> tuple[Access, str]:
    """Return what a meter has to show, and what is wrong with it ("" for nothing).

    Where that cannot be read, nobody passes for the meter.

    Raises:
        OSError: It cannot be read at this moment.
    """
    if body is None:
        return OPEN, ""
    password: bytes | None = None
    networks: tuple[Network, ...] = NOWHERE
    problem = ""
    try:
        networks = tuple(map(ip_network, body.networks))
        if body.password is not None:
            password = UNKNOWN_PASSWORD
            password = read_password(secrets, body.password)
    except ValueError as error:
        problem = str(error)
    return Access(password, networks, _plain(body.certificate), body.sim, body.password), problem


def _plain(certificate: str | None) -> str | None:
    """Return a name as the certificate that is shown has it; OpenSSL prints capitals and zeros."""
    kind, _, digits = (certificate or "").partition(":")
    if kind not in {"sha256", "serial"}:
        return certificate
    return f"{kind}:{digits.lower().lstrip('0') if kind == 'serial' else digits.lower()}"


def written_access(access: Access) -> AccessBody | None:
    """Return what a meter has to show as ``read_access`` takes it, None for nothing."""
    if access is OPEN:
        return None
    networks = tuple(map(str, access.networks))
    return AccessBody(access.password_file, networks, access.certificate, access.sim)


def zone_of(name: str | None) -> tzinfo:
    """Return the zone of that IANA name; the default zone for None.

    Raises:
        ValueError: There is no such zone.
        OSError: It cannot be read at this moment.
    """
    if name is None:
        return DEFAULT_ZONE
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            raise
        text = f"no such zone: {name!r}; zones are named like Asia/Shanghai"
        raise ValueError(text) from error


async def _follow(
    connection: Connection, secrets: Path, book: ProfileBook, stop: asyncio.Event
) -> None:
    """Load profiles now, at every notice, and once a minute."""
    changed = asyncio.Event()

    def hear(*_: object) -> None:
        changed.set()

    with errors("listening for profiles"):
        await connection.add_listener(CHANNEL, hear)
    connection.add_termination_listener(hear)
    told: dict[tuple[str, str], str] = {}
    while not stop.is_set():
        changed.clear()
        found = await load_profiles(connection, secrets)
        book.replace(found.profiles)
        for name, problem in found.problems.items():
            if told.get(name) != problem:
                _log.error("a meter's profile is incomplete", meter=":".join(name), reason=problem)
        told = found.problems
        await _either(changed, stop, RELOAD_INTERVAL_S)
        if changed.is_set():
            await _first(stop, GATHER_S)


async def _first(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _either(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    """Wait until one of two events is set, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
