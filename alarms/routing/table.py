"""The routing table: endpoints, who is reached by which, and the numbers of pacing and patience.

[endpoint.NAME]   a channel with its settings; ``address`` is which of a person's addresses it
takes, and where there is none, machines and groups are reached by it
[[stream]]        what a machine or a group gets
[role.NAME]       ways and hours of everybody with a role
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated, Any, Final, Self

import msgspec

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.channels import load_channels
from wattwarden.alarms.channels.channel import Channel, Limit, Scope
from wattwarden.alarms.decisions.body import Clock
from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.routing.filling import problems
from wattwarden.alarms.routing.hours import Hours
from wattwarden.alarms.rulebook import CLASSES
from wattwarden.alarms.shipped import shipped_text
from wattwarden.protocol.toml_file import read_toml

# Longer than a day nobody waits for a message.
MAX_SECONDS: Final = 86_400
# Tables of the last few passes and commands; a process knows one, and another while it changes.
_KEPT_TABLES: Final = 4
_SECRET_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]
Interval = Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
EndpointName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
AddressKind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class RoutingError(ValueError):
    """A routing table that cannot be used; says which key and why."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Patience(_Table, frozen=True):
    """What a level waits for, and how long."""

    wait_s: Seconds
    late_s: Interval
    fallback_s: Interval
    expires_s: Interval


class Reader(_Table, frozen=True):
    """What one reader gets by one endpoint."""

    count: Count
    window_s: Interval
    reserve: Annotated[int, msgspec.Meta(ge=0)]

    def limit(self) -> Limit:
        """Return it as a limit of pacing."""
        return Limit(self.count, self.window_s, Scope.RECIPIENT, self.reserve)

    def hastened(self, rate: int) -> Self:
        """Return it as the wall measures it when time runs ``rate`` times as fast."""
        return msgspec.structs.replace(self, window_s=max(1, self.window_s // rate))


class Endpoint(_Table, frozen=True):
    """A channel with settings.  ``secrets`` names files of the secrets folder.

    From level ``parallel`` on it is used beside a person's chain.  ``allow`` are networks beyond
    the public ones to which it may connect.
    """

    channel: str
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    address: AddressKind | None = None
    parallel: Level | None = None
    allow: tuple[str, ...] = ()

    def kind(self) -> Channel:
        """Return its channel."""
        return load_channels()[self.channel]

    def decoded(self) -> Any:
        """Return its settings as its channel has them."""
        return msgspec.convert(self.settings, self.kind().settings)


class Stream(_Table, frozen=True):
    """What a machine or a group gets: of all firms, or of some, from a level on."""

    endpoint: EndpointName
    level: Level = Level.REMINDER
    agencies: tuple[str, ...] = ()
    enterprises: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    language: str = "zh"


class RoleWays(_Table, frozen=True):
    """Ways and hours of a role; empty ``duty`` is always."""

    chain: tuple[EndpointName, ...] = ()
    duty: tuple[Hours, ...] = ()
    quiet: Hours | None = None


class Table(_Table, frozen=True, rename={"streams": "stream"}):
    """The file as a whole."""

    version: Annotated[str, msgspec.Meta(min_length=1)]
    chain: tuple[EndpointName, ...]
    repeat_gap_s: Seconds
    merge_after_s: Interval
    merge_lines: Count
    ambiguous_tries: Annotated[int, msgspec.Meta(ge=1, le=10)]
    digest_at: Clock
    never_muted: frozenset[str]
    reader: Reader
    level: dict[str, Patience]
    role: dict[Role, RoleWays] = {}
    endpoint: dict[EndpointName, Endpoint] = {}
    streams: tuple[Stream, ...] = ()

    def patience(self, level: int) -> Patience:
        """Return what a level waits for."""
        return self.level[str(int(level))]

    def ways(self, role: Role) -> RoleWays:
        """Return the ways of a role."""
        return self.role.get(role, _NO_WAYS)

    def order(self, *chains: tuple[str, ...]) -> tuple[str, ...]:
        """Return the endpoints for people in the order of the first chain that names any."""
        named = next((chain for chain in (*chains, self.chain) if chain), tuple(self.endpoint))
        return tuple(
            name
            for name in named
            if name in self.endpoint and self.endpoint[name].address is not None
        )


_NO_WAYS: Final = RoleWays()


def default_text() -> str:
    """Return the table that comes with the program: numbers, and no endpoint."""
    return shipped_text("routing")


@lru_cache(_KEPT_TABLES)
def load_table(text: str) -> Table:
    """Read a routing table.

    Raises:
        RoutingError: It is no TOML, or something in it is missing, unknown or out of bounds.
    """
    try:
        table = msgspec.convert(read_toml(text), Table)
    except (ValueError, msgspec.ValidationError) as error:
        message = f"routing table: {error}"
        raise RoutingError(message) from error
    for problem in _problems(table):
        message = f"routing table: {problem}"
        raise RoutingError(message)
    return table


def _problems(table: Table) -> Iterator[str]:
    """Yield what no single field shows."""
    levels = {str(int(level)) for level in Level}
    if set(table.level) != levels:
        yield f"level has {', '.join(table.level)}, there are {', '.join(sorted(levels))}"
    if table.reader.reserve >= table.reader.count:
        yield f"reader.reserve: less than {table.reader.count}, got {table.reader.reserve}"
    if table.digest_at.endswith((":00", ":30")):
        yield f"digest_at: gateways are crowded at full and half hours, got {table.digest_at}"
    if unknown := table.never_muted - set(CLASSES):
        yield f"never_muted: classes are {', '.join(CLASSES)}, got {', '.join(sorted(unknown))}"
    for name, endpoint in table.endpoint.items():
        yield from _endpoint_problems(name, endpoint)
    chains = {"chain": table.chain}
    chains |= {f"role.{role}.chain": ways.chain for role, ways in table.role.items()}
    for where, chain in chains.items():
        yield from _chain_problems(where, chain, table.endpoint)
    for place, stream in enumerate(table.streams):
        yield from _stream_problems(f"stream {place + 1}", stream, table.endpoint)


def _endpoint_problems(name: str, endpoint: Endpoint) -> Iterator[str]:
    where = f"endpoint.{name}"
    channel = load_channels().get(endpoint.channel)
    if channel is None:
        yield f"{where}.channel: one of {', '.join(load_channels())}, got {endpoint.channel!r}"
        return
    try:
        settings = endpoint.decoded()
    except msgspec.ValidationError as error:
        yield f"{where}.settings: {error}"
    else:
        for problem in problems(settings):
            yield f"{where}.settings.{problem}"
    missing = [one for one in channel.secrets if one not in endpoint.secrets]
    unknown = set(endpoint.secrets) - {*channel.secrets, *channel.optional}
    if missing or unknown:
        yield f"{where}.secrets: missing {missing}, unknown {sorted(unknown)}"
    for secret, file in endpoint.secrets.items():
        if not _SECRET_FILE.fullmatch(file):
            yield f"{where}.secrets.{secret}: the name of a file in the secrets folder is needed"
    for network in endpoint.allow:
        try:
            ip_network(network)
        except ValueError as error:
            yield f"{where}.allow: {error}"
    if endpoint.parallel is not None and endpoint.address is None:
        yield f"{where}.parallel: goes with an address of people"


def _chain_problems(
    where: str, chain: tuple[str, ...], endpoints: Mapping[str, Endpoint]
) -> Iterator[str]:
    for name in chain:
        if name not in endpoints:
            yield f"{where}: there is no endpoint {name}"
        elif endpoints[name].address is None:
            yield f"{where}: endpoint {name} takes no address of people"


def _stream_problems(
    where: str, stream: Stream, endpoints: Mapping[str, Endpoint]
) -> Iterator[str]:
    if stream.endpoint not in endpoints:
        yield f"{where}: there is no endpoint {stream.endpoint}"
    if unknown := set(stream.classes) - set(CLASSES):
        yield f"{where}.classes: there is no {', '.join(sorted(unknown))}"
