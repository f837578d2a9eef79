"""A simulated world before a warden's city, in memory: rows by step, ticks, signs; what is found.

blocks ─► rows, each in the step of the tick after its receipt ─► stamp ─► accept ─► fold
                             ticks, signs of a gateway ─► listen, to meters and to ourselves
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.episodes.findings import Alarm, Finding, Raised
from wattwarden.alarms.folding import rowset
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.stamped import Rows, Stamped
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.silence.arrivals import Signs, Sky, listen_to_ourselves, looks
from wattwarden.alarms.silence.silence import PlatformState
from wattwarden.tools.simulator.readings import Block, Late, Readings
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.scenario import CitySpec, HappeningSpec, Scenario
from wattwarden.tools.simulator.world import World

if TYPE_CHECKING:
    from wattwarden.alarms.registry.registry import Registry

MINUTE_S: Final = 60
SIGN_S: Final = 10
QUIET: Final = range(0)
# A city of the sample's size: what the shares of smaller ones are taken from.
SAMPLE: Final = CitySpec(factories=344, production=1752, treatment=972)
Columns = dict[str, NDArray[Any]]


def blackout_city(scenario: Scenario, factories: int, minutes: float, onset: str) -> Scenario:
    """The same scenario with so many firms of a city, and a blackout of them all."""
    share = factories / SAMPLE.factories
    city = msgspec.structs.replace(
        SAMPLE,
        factories=factories,
        production=round(SAMPLE.production * share),
        treatment=round(SAMPLE.treatment * share),
    )
    dark = (HappeningSpec(kind="blackout", onset=onset, minutes=minutes),) if minutes else ()
    return msgspec.structs.replace(scenario, city=city, happening=dark)


@dataclass(slots=True)
class Reserve:
    """Meters that go on without supply, and say so, in some minutes after the first midnight."""

    minutes: range = QUIET
    has: Callable[[int], bool] = lambda _column: False


@dataclass(slots=True)
class Away:
    """Minutes in which nobody could have been heard; ``ticking``: the gateway alone was away.

    ``kept``: meters keep what was not acknowledged, and send it when we are back.
    """

    minutes: range = QUIET
    ticking: bool = False
    kept: bool = False


@dataclass(slots=True)
class Told:
    """Findings of some minutes."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def alarms(self) -> list[Alarm]:
        """Alarms that people are told."""
        raised = [one.alarm for one in self.findings if isinstance(one, Raised)]
        return [alarm for alarm in raised if alarm.suppressed_by is None]


class SimulatedCity:
    """A warden's city that hears a world, some minutes at a time."""

    def __init__(
        self, world: World, tick_s: int = MINUTE_S, reserve: Reserve | None = None,
        away: Away | None = None,
    ) -> None:  # fmt: skip
        """Register all that is in the world; nothing is heard yet."""
        self.world, self._tick_s = world, tick_s
        self._reserve, self._away = reserve or Reserve(), away or Away()
        self.registry: Registry = registry_of(world)
        rules = default_rules()
        self.city = City(self.registry, rules, [], self.registry.enterprise, {})
        self._rules = rules
        self._ids = {name: number for number, name in enumerate(self.city.meters, start=1)}
        self.city.number(self._ids)
        self._sky = Sky(self._signs(), tick_s)
        self._platform = PlatformState()
        # Rows that came behind the last tick.
        self._waiting: list[Rows] = []
        self._meters = self._by_column()

    @property
    def midnight_s(self) -> int:
        """The world's first midnight, in Unix seconds."""
        return self.world.midnight_ms // 1000

    def hear(self, block: Block) -> None:
        """Let what came in a block's time wait for its pass."""
        live = self._lit(block)
        slots, units = np.nonzero(live.received_ms >= 0)
        said = Late(units.astype(np.int32), block.first + slots, live.take((slots, units)))
        self._waiting.append(self._rows(Late.joined([said, block.late])))

    def heard(self, upto_minute: int) -> Rows:
        """Return what was received up to a minute."""
        rows = Rows.joined(self._waiting)
        last = upto_minute * MINUTE_S // self._tick_s
        now, later = (
            Rows(*(rowset.take(part, (part["step"] <= last) == wanted) for part in parts))
            for parts in [(rows.readings, rows.factors)]
            for wanted in (True, False)
        )
        self._waiting = [later]
        return now

    def take(self, rows: Rows, minutes: range) -> Told:
        """Take a pass over some minutes, as a warden does."""
        stamped = self.city.stamp(rows)
        self.city.accept(stamped)
        findings = list(self.city.fold().findings)
        return Told(findings + self._listen(stamped, minutes))

    def tell(self, begin: int, end: int, each: int = MINUTE_S) -> Told:
        """Take all passes from one minute after the first midnight to another."""
        told = Told()
        blocks = self.world.blocks(each / 60, begin * MINUTE_S, end * MINUTE_S)
        for number, block in enumerate(blocks):
            first = begin + number * each
            minutes = range(first, min(first + each, end))
            self.hear(block)
            told.findings += self.take(self.heard(minutes.stop), minutes).findings
        return told

    def _listen(self, stamped: Stamped, minutes: range) -> list[Finding]:
        ticks = self._ticks(minutes)
        looked = looks(ticks, 0, self._sky)
        seconds = dict(zip(ticks["number"].tolist(), ticks["second"].tolist(), strict=True))
        findings = self.city.listen(stamped, looked, seconds, self._sky)
        self._platform, ours = listen_to_ourselves(self._rules, self._platform, looked)
        return findings + ours

    def _ticks(self, minutes: range) -> Mapping[str, NDArray[np.int64]]:
        """The ticks of some minutes; the first after an absence covers it."""
        tick_s, away = self._tick_s, self._away
        ends = range(minutes.start * MINUTE_S + tick_s, minutes.stop * MINUTE_S + 1, tick_s)
        gone_s = range(away.minutes.start * MINUTE_S + 1, away.minutes.stop * MINUTE_S + 1)
        if away.ticking:
            gone_s = QUIET
        end = np.array([second for second in ends if second not in gone_s], np.int64)
        covers = np.where(end == gone_s.stop - 1 + tick_s, tick_s + len(gone_s), tick_s)
        return {"number": end // tick_s, "second": self.midnight_s + end, "covers_s": covers}

    def _signs(self) -> Signs:
        """One gateway's signs, or of two where one takes the other's place."""
        away = self._away.minutes
        end = self.midnight_s + self.world.scenario.days * 86_400
        seconds = np.arange(self.midnight_s, end, SIGN_S)
        gone, back = (self.midnight_s + minute * MINUTE_S for minute in (away.start, away.stop))
        if not away:
            return Signs(seconds[:1], seconds[-1:], seconds, int(seconds[0]))
        seconds = seconds[(seconds < gone) | (seconds >= back)]
        last = seconds[seconds < gone][-1]
        return Signs(
            np.array([seconds[0], back]), np.array([last, seconds[-1]]), seconds, int(seconds[0])
        )

    def _lit(self, block: Block) -> Readings:
        """The live readings, with those of meters that go on without supply."""
        reserve, live = self._reserve, block.live
        first = (block.first * block.slot_s - self.midnight_s) // MINUTE_S
        minute = first + np.arange(len(live.power))
        dark = (minute >= reserve.minutes.start) & (minute < reserve.minutes.stop)
        if not dark.any():
            return live
        has = np.array([reserve.has(column) for column in range(live.power.shape[1])])
        where = dark[:, None] & has & (live.received_ms < 0)
        at = (block.first + np.arange(len(dark)))[:, None] * 1000 * block.slot_s + 1000
        live = live.take(np.s_[:])
        kinds = self._meters["kind"]
        for values in (live.at_ms, live.received_ms):
            np.copyto(values, at, where=where)
        np.copyto(live.status, 0, where=where & (kinds == "status"))
        np.copyto(live.current_a, 0, where=where & (kinds != "status"))
        for name in ("power", "current_b", "current_c", *(f"voltage_{phase}" for phase in "abc")):
            np.copyto(getattr(live, name), 0, where=where & (kinds == "full"))
        return live

    def _by_column(self) -> Columns:
        """Of each column of the world: its meter, what stands before it, and its ratio."""
        points = {point.unit: point for point in self.registry.point.values()}
        mine = [points[unit] for unit in self.world.units]
        return {
            "meter": np.array([self._ids[point.meter] for point in mine], np.int32),
            "channel": np.array([point.channel.encode() for point in mine], "S32"),
            "code": np.array([point.factor.encode() for point in mine], "S32"),
            "ratio": np.array([point.ct * point.pt for point in mine]),
            "kind": np.array([machine.spec.meter for machine in self.world.site.machines]),
        }

    def _rows(self, flat: Late) -> Rows:
        """Rows as the store has them, each in the step of the tick after its receipt."""
        received_s = flat.readings.received_ms / 1000 - self.midnight_s
        away = self._away
        gone = (received_s >= away.minutes.start * MINUTE_S) & (
            received_s < away.minutes.stop * MINUTE_S
        )
        if away.kept:
            back_ms = 1000 * (self.midnight_s + away.minutes.stop * MINUTE_S + 1)
            np.copyto(flat.readings.received_ms, back_ms, where=gone)
        else:
            flat = flat.take(~gone)
        order = np.argsort(flat.readings.received_ms, kind="stable")
        flat = flat.take(order)
        status = self._meters["kind"][flat.column] == "status"
        return Rows(self._electric(flat.take(~status)), self._factors(flat.take(status)))

    def _common(self, flat: Late) -> Columns:
        said, column = flat.readings, flat.column
        behind_ms = said.received_ms - 1000 * self.midnight_s
        return {
            "meter": self._meters["meter"][column],
            "channel": self._meters["channel"][column],
            "step": behind_ms // (1000 * self._tick_s) + 1,
            "at": said.at_ms * 1000,
            "received_at": said.received_ms * 1000,
            "marked": np.zeros(len(flat), np.bool_),
            "stands": np.zeros(len(flat), np.bool_),
        }

    def _electric(self, flat: Late) -> Columns:
        said, ratio = flat.readings, self._meters["ratio"][flat.column]
        rows = self._common(flat)
        rows |= {name: np.full(len(flat), np.nan, np.float32) for name in rowset.QUANTITIES}
        rows["power_total"] = (said.power / ratio).astype(np.float32)
        rows["power_factor_total"] = said.power_factor
        for phase in "abc":
            current = getattr(said, f"current_{phase}")
            rows[f"current_{phase}"] = (current / ratio).astype(np.float32)
            rows[f"voltage_{phase}"] = getattr(said, f"voltage_{phase}")
        counted = (said.energy // ratio).astype(np.int64)
        return {**rows, "energy_forward": np.where(said.energy < 0, -1, counted)}

    def _factors(self, flat: Late) -> Columns:
        return {
            **self._common(flat),
            "code": self._meters["code"][flat.column],
            "value": flat.readings.status.astype(np.float32),
            "flag": np.full(len(flat), ord("N"), np.int8),
        }
