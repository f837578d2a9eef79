"""Who is simulated: so many meters of a protocol, or of all, half of them behind DTUs.

make_cast ─► callers (TCP) │ senders (UDP) │ pushed (HTTP) │ sites (DTUs) ─► what to register
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wattwarden.codecs import ctwing, load_codecs, onenet
from wattwarden.codecs.modbus import type_names
from wattwarden.protocol.codec import Codec
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.chance import key_of
from wattwarden.tools.simulator.protocols import acrel_gateway, dlt645
from wattwarden.tools.simulator.protocols.acrel import AcrelMeter
from wattwarden.tools.simulator.protocols.acrel_gateway import Gateway
from wattwarden.tools.simulator.protocols.dialect import Dialect, Meter
from wattwarden.tools.simulator.protocols.dlms import CosemMeter
from wattwarden.tools.simulator.protocols.dlt698 import TYPES, GridMeter
from wattwarden.tools.simulator.protocols.dtu import (
    Meter645,
    Site,
    Slave,
    imei,
    packets_of,
    type_of,
)
from wattwarden.tools.simulator.protocols.gdw376 import Terminal
from wattwarden.tools.simulator.protocols.hj212 import Logger
from wattwarden.tools.simulator.protocols.pushes import CARRIED, Pushed

ALL: Final = "all"
POLLED: Final = frozenset({"dlt645", "dtu", "modbus"})
"""The protocols whose meters answer when asked, behind DTUs."""
METERS_A_SITE: Final = 4
# Of the polled half, one part is meters of the grid, one meters behind terminals, the rest DTUs'.
POLLED_PARTS: Final = 6
# Of the meters of DL/T 645, each third is one of 1997.
OLD_EVERY: Final = 3
# Answers take up to 0.2 s; a machine that is busy with all of this may add seconds, and an answer
# that comes too late is no reading.
TIMEOUT_MS: Final = 15_000
# Profiles of DTUs take no shorter period.
LEAST_PERIOD_S: Final = 1.0
_UDP: Final = "acrel over UDP"
_UNHEARD: Final = "the gateway has no door for it"


class Entry(NamedTuple):
    """A meter to be registered; ``has_key`` says that it needs the key of the run."""

    codec: str
    address: str
    options: Mapping[str, Any] = {}
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a gateway listens beside its meter port; ``tokens`` of platforms by codec."""

    http: str | None = None
    udp: tuple[str, int] | None = None
    tokens: Mapping[str, str] = field(default_factory=dict)

    def hears(self, kind: str) -> bool:
        """Whether meters of a kind have a way to it."""
        if kind == _UDP:
            return self.udp is not None
        is_pushed = kind in (ctwing.CODEC.name, onenet.CODEC.name)
        return not is_pushed or (self.http is not None and kind in self.tokens)


class Polled(NamedTuple):
    """A meter that dials in and says nothing but what it is asked, by its ``options``.

    ``behind`` are the addresses of meters that it is asked for.
    """

    dialect: Dialect
    options: Mapping[str, Any]
    behind: tuple[str, ...] = ()


@dataclass(slots=True)
class Cast:
    """Everybody.  ``left_out`` are kinds that have no way to the gateway."""

    callers: list[Dialect] = field(default_factory=list)
    polled: list[Polled] = field(default_factory=list)
    senders: list[Dialect] = field(default_factory=list)
    pushed: list[Pushed] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def connections(self) -> int:
        """How many connections the meter port gets."""
        return len(self.callers) + len(self.polled) + len(self.sites)

    @property
    def meters(self) -> int:
        """How many meters there are, those behind gateways and DTUs among them."""
        behind = (acrel_gateway.METERS if isinstance(one, Gateway) else 1 for one in self.callers)
        return sum(behind) + self.asked + len(self.senders) + len(self.pushed)

    @property
    def asked(self) -> int:
        """How many of them are polled."""
        terminals = sum(max(1, len(one.behind)) for one in self.polled)
        return terminals + sum(len(site.meters) for site in self.sites)

    def entries(self) -> Iterator[Entry]:
        """Give what is to be registered."""
        for one in (*self.callers, *self.senders):
            yield Entry(one.codec.name, one.address, has_key=isinstance(one, Gateway))
        for polled in self.polled:
            codec = polled.dialect.codec.name
            yield Entry(codec, polled.dialect.address, polled.options)
            yield from (Entry(codec, address) for address in polled.behind)
        for meter in self.pushed:
            yield Entry(meter.codec.name, meter.address, meter.options)
        for site in self.sites:
            yield Entry(site.codec.name, site.address, site.options)
            for behind in site.meters:
                if isinstance(behind, Meter645):
                    yield Entry(site.codec.name, behind.address)


def key_for(seed: int) -> bytes:
    """Return the key of every gateway of a run: sixteen letters."""
    return f"{key_of(seed, 'gateways'):016x}".encode()


def make_cast(protocol: str, meters: int, cycle_s: float, seed: int, doors: Doors) -> Cast:
    """Return so many meters of a protocol, or of all.

    Raises:
        UsageError: there is no such protocol, or the gateway has no door for it.
    """
    if protocol != ALL and protocol not in load_codecs():
        message = f"there is no protocol {protocol!r}"
        raise UsageError(message, f"one of {', '.join((ALL, *load_codecs()))}")
    making = _Making(seed, cycle_s, doors)
    if protocol in POLLED:
        making.sites(protocol, meters)
    elif protocol != ALL:
        making.add(protocol, meters)
        if making.cast.left_out:
            message = f"{protocol}: {_UNHEARD}"
            raise UsageError(message, "set gateway.http_listen and its token file, see docs/doors")
    else:
        making.polled(meters // 2)
        kinds = [*_CALLERS, _UDP, ctwing.CODEC.name, onenet.CODEC.name]
        open_to = [kind for kind in kinds if doors.hears(kind)]
        making.cast.left_out = [kind for kind in kinds if kind not in open_to]
        left = meters - meters // 2
        for place, kind in enumerate(open_to):
            making.add(kind, (left + place) // len(open_to))
    return making.cast


def _acrel(number: int, seed: int) -> Dialect:
    return AcrelMeter(Meter(f"27{number:012}", number, seed))


def _logger(number: int, seed: int) -> Dialect:
    return Logger(Meter(f"WW{number:022}", number, seed))


def _terminal(number: int, seed: int) -> Dialect:
    region, own = divmod(number, 60_000)
    return Terminal(Meter(f"{3300 + region:04}{1 + own:05}", number, seed))


def _grid(number: int, seed: int) -> Dialect:
    return GridMeter(Meter(f"{600_000_000_001 + number}", number, seed))


def _cosem(number: int, seed: int) -> Dialect:
    return CosemMeter(Meter(f"69706{number:011}", number, seed))


def _gateway(number: int, seed: int) -> Dialect:
    return Gateway(Meter(f"AWT-{number:06}", number, seed), key_for(seed))


def _asked_grid(number: int, seed: int, period_s: float) -> Polled:
    """Return a meter that is read; each second one is asked for its clock, too."""
    dialect = GridMeter(Meter(f"{610_000_000_001 + number}", number, seed))
    items = (["time"] if number % 2 else []) + list(TYPES)
    polls = [{"items": items, "period_s": period_s}]
    return Polled(dialect, {"polls": polls, "timeout_ms": TIMEOUT_MS})


def _asked_terminal(number: int, seed: int, period_s: float) -> Polled:
    """Return a terminal that hands requests on to the meters on its line."""
    first = 180_000_000_001 + METERS_A_SITE * number
    behind = tuple(f"{address}" for address in range(first, first + METERS_A_SITE))
    dialect = Terminal(Meter(f"3400{1 + number:05}", number, seed), behind)
    meters = [
        {"address": address, "items": list(dlt645.ITEMS_2007), "period_s": period_s}
        for address in behind
    ]
    return Polled(dialect, {"meters": meters, "timeout_ms": TIMEOUT_MS}, behind)


_CALLERS: Final[Mapping[str, Callable[[int, int], Dialect]]] = {
    "acrel": _acrel,
    "acrel_gateway": _gateway,
    "dlms": _cosem,
    "dlt698": _grid,
    "gdw376": _terminal,
    "hj212": _logger,
}
_ADDRESSES: Final[Mapping[str, Callable[[int], str]]] = {
    "": imei,
    "acrel": lambda number: f"26{number:012}",
    "dlt645": lambda number: f"{250_000_000_001 + number}",
    "dlt698": lambda number: f"{650_000_000_001 + number}",
    "gdw376": lambda number: f"3500{1 + number % 60_000:05}",
    "hj212": lambda number: f"PP{number:022}",
}
"""Of meters behind platforms, by the codec of what they send."""


@dataclass(slots=True)
class _Making:
    seed: int
    cycle_s: float
    doors: Doors
    cast: Cast = field(default_factory=Cast)

    def add(self, kind: str, meters: int) -> None:
        """Add so many meters of a kind that speaks by itself."""
        if not self.doors.hears(kind):
            self.cast.left_out.append(kind)
        elif kind == _UDP:
            made = (f"28{number:012}" for number in range(meters))
            self.cast.senders += [
                AcrelMeter(Meter(address, number, self.seed)) for number, address in enumerate(made)
            ]
        elif kind in _CALLERS:
            behind = acrel_gateway.METERS if kind == "acrel_gateway" else 1
            numbers = range(-(-meters // behind))
            self.cast.callers += [_CALLERS[kind](number, self.seed) for number in numbers]
        else:
            codec = load_codecs()[kind]
            self.cast.pushed += [self._pushed(codec, number) for number in range(meters)]

    def _pushed(self, codec: Codec, number: int) -> Pushed:
        carried = (*CARRIED, "")
        carries = carried[number % len(carried)]
        meter = Meter(_ADDRESSES[carries](number), number, self.seed)
        return Pushed(codec, meter, carries, self.doors.tokens[codec.name])

    def polled(self, meters: int) -> None:
        """Add so many meters that are asked: a sixth behind terminals, a sixth by itself."""
        grid = meters // POLLED_PARTS
        terminals = meters // POLLED_PARTS // METERS_A_SITE
        period_s = max(LEAST_PERIOD_S, self.cycle_s)
        self.cast.polled += [_asked_grid(number, self.seed, period_s) for number in range(grid)]
        self.cast.polled += [
            _asked_terminal(number, self.seed, period_s) for number in range(terminals)
        ]
        self.sites("dtu", meters - grid - terminals * METERS_A_SITE)

    def sites(self, protocol: str, meters: int) -> None:
        """Add DTUs with so many meters behind them."""
        for first in range(0, meters, METERS_A_SITE):
            numbers = range(first, min(meters, first + METERS_A_SITE))
            behind = [self._behind(protocol, number) for number in numbers]
            period_s = max(LEAST_PERIOD_S, self.cycle_s)
            packets = packets_of(first // METERS_A_SITE)
            self.cast.sites.append(Site(packets, behind, period_s, TIMEOUT_MS, self.seed))

    @staticmethod
    def _behind(protocol: str, number: int) -> Slave | Meter645:
        slave = 1 + number % METERS_A_SITE
        if protocol == "modbus" or (protocol == "dtu" and slave % 2):
            names = type_names()
            return Slave(slave, type_of(names[number // 2 % len(names)]))
        is_old = number % OLD_EVERY == 0
        items = dlt645.ITEMS_1997 if is_old else dlt645.ITEMS_2007
        return Meter645(f"{170_000_000_001 + number}", items)
