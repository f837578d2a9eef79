"""A story of one firm, told to a warden's city: rows by step, ticks, decisions; what is found.

what meters say by minute ─► rows, a step a minute ─► stamp ─► accept ─► fold
                                 ticks, a minute each ─► listen, to meters and to ourselves
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tests.alarms.factory import MIDNIGHT_S, RATED_A, RATED_W, RULES, Factory

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import Finding, Raised
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.rowset import QUANTITIES
from wattwarden.alarms.folding.stamped import Rows
from wattwarden.alarms.silence.arrivals import Signs, Sky, listen_to_ourselves, looks
from wattwarden.alarms.silence.silence import PlatformState

MINUTE_S: Final = 60
DAY_MIN: Final = 1_440
US: Final = 1_000_000
# Nobody misses a gateway that never gave a sign.
_NONE: Final = np.empty(0, np.int64)
_NO_SIGNS: Final = Signs(_NONE, _NONE, _NONE, begun=2**62)


class Said(NamedTuple):
    """What a unit's meter says: shares of rated power and current, power factor, shares of 220 V.

    ``phase``: the current of phase c as a share of the others'; ``still``: the same to the last
    digit as ever; ``energy``: Wh of its counter.
    """

    power: float = 1.0
    current: float = 1.0
    factor: float = 0.8
    voltage: float = 1.0
    phase: float = 1.0
    still: bool = False
    energy: int = -1


RUNS: Final = Said()
OFF: Final = Said(0.0, 0.0, math.nan)
IDLES: Final = Said(0.08, 0.55, 0.15)
DARK: Final = Said(0.0, 0.0, math.nan, 0.0)
Speech = Callable[[int], Said | None]
"""What a meter says in a minute after midnight; None: nothing."""


def runs(_minute: int) -> Said:
    """Run as rated, always."""
    return RUNS


def within(*spans: tuple[int, int], say: Said | None = OFF, else_say: Said = RUNS) -> Speech:
    """Say something within spans of minutes, something else at all other times."""
    return lambda minute: say if any(begin <= minute < end for begin, end in spans) else else_say


@dataclass
class Story:
    """A firm, what its meters say, what people decide, how long it takes."""

    factory: Factory
    minutes: int
    speech: dict[str, Speech] = field(default_factory=dict)
    decisions: list[AnyBody] = field(default_factory=list)
    # Of the outlet: (value, flag).
    emission: Callable[[int], tuple[float, str]] = lambda minute: (10 + minute % 7, "N")
    # Minutes in which we ourselves were away.
    away: range = range(0)

    def found(self) -> list[Finding]:
        """Tell it; return everything that was found."""
        city = City(self.factory.registry, RULES, self.decisions, ["e"], {})
        ids = {name: number for number, name in enumerate(city.meters, start=1)}
        city.number(ids)
        sky = Sky(_NO_SIGNS, self.factory.cycle_s)
        platform = PlatformState()
        findings: list[Finding] = []
        for first in range(0, self.minutes, DAY_MIN):
            minutes = range(first, min(first + DAY_MIN, self.minutes))
            stamped = city.stamp(self._rows(ids, minutes))
            city.accept(stamped)
            findings += city.fold().findings
            ticks = self._ticks(minutes)
            looked = looks(ticks, 0, sky)
            seconds = dict(zip(ticks["number"].tolist(), ticks["second"].tolist(), strict=True))
            findings += city.listen(stamped, looked, seconds, sky)
            platform, ours = listen_to_ourselves(RULES, platform, looked)
            findings += ours
        return findings

    def rules(self) -> set[str]:
        """Return the rules that were raised."""
        return {one.alarm.rule for one in self.found() if isinstance(one, Raised)}

    @property
    def _every(self) -> int:
        """Minutes of a tick, and between readings."""
        return self.factory.cycle_s // MINUTE_S

    def _spoken(self, minutes: range) -> list[int]:
        return [minute for minute in minutes[:: self._every] if minute not in self.away]

    def _ticks(self, minutes: range) -> dict[str, NDArray[np.int64]]:
        """One a cycle; the first after an absence covers it."""
        numbers = [self._step(minute) for minute in self._spoken(minutes)]
        tick_s, back = self.factory.cycle_s, self._step(self.away.stop)
        covers = [
            tick_s * (1 + len(self.away) // self._every) if number == back else tick_s
            for number in numbers
        ]
        return {
            "number": np.array(numbers, np.int64),
            "second": MIDNIGHT_S + tick_s * np.array(numbers, np.int64),
            "covers_s": np.array(covers, np.int64),
        }

    def _step(self, minute: int) -> int:
        """The tick that follows a minute."""
        return minute // self._every + 1

    def _rows(self, ids: dict[str, int], minutes: range) -> Rows:
        spoken = self._spoken(minutes)
        readings = [row for name in ids for row in self._readings(name, ids[name], spoken)]
        factors: list[tuple[float, ...]] = [
            (*self._common(ids["c:o"], minute), value, ord(flag))
            for minute in (spoken if "c:o" in ids else ())
            for value, flag in [self.emission(minute)]
        ]
        return Rows(
            _columns(readings, (*QUANTITIES, "energy_forward")),
            _columns(factors, ("value", "flag"), code="a24088"),
        )

    def _readings(
        self, name: str, number: int, minutes: Iterable[int]
    ) -> Iterator[tuple[float, ...]]:
        unit = name.partition(":")[2]
        if unit not in self.factory.registry.unit:
            return
        speech = self.speech.get(unit, runs)
        for minute in minutes:
            said = speech(minute)
            if said is None:
                continue
            # Nothing that turns draws the same power twice.
            wave = 1.0 if said.still else 1 + 0.004 * math.sin(1.7 * minute)
            current, nothing = RATED_A * said.current * wave, math.nan
            volts = 220 * said.voltage * wave
            yield (
                *self._common(number, minute),
                RATED_W * said.power * wave, nothing, nothing, nothing,
                current, current, current * said.phase, volts, volts, volts,
                said.factor, said.energy,
            )  # fmt: skip

    def _common(self, number: int, minute: int) -> tuple[int, int, int, int]:
        """Whose, step, when measured and received."""
        at = (MIDNIGHT_S + MINUTE_S * minute + 1) * US
        return number, self._step(minute), at, at + US


def _columns(
    rows: list[tuple[float, ...]], names: tuple[str, ...], **more: str
) -> dict[str, NDArray[Any]]:
    kinds: dict[str, Any] = {"energy_forward": np.int64, "flag": np.int8, "meter": np.int32}
    common = ("meter", "step", "at", "received_at")
    kinds |= dict.fromkeys(common[1:], np.int64)
    found = {
        name: np.array([row[place] for row in rows], kinds.get(name, np.float32))
        for place, name in enumerate((*common, *names))
    }
    nothing = np.zeros(len(rows), np.bool_)
    texts = {"channel": "", **more}
    found |= {name: np.full(len(rows), text, "S32") for name, text in texts.items()}
    return {**found, "marked": nothing, "stands": nothing}
