"""Which meter meters what in the sample city, through which transformers."""

from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from typing import Final

from wattwarden.alarms.registry.nameplate import rated_current
from wattwarden.alarms.registry.nouns import Point, Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.registry.plant_drafts import Draft

# Primary currents that transformers are built for; the secondary is 5 A.
CT_PRIMARY_A: Final = (
    50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1250, 1500, 2000, 2500, 3000, 4000,
    5000, 6000, 8000, 10000,
)  # fmt: skip
CT_SECONDARY_A: Final = 5
# Up to here a meter takes the current itself.
DIRECT_A: Final = 60.0
PT_SECONDARY_V: Final = 100.0
LOW_VOLTAGE: Final = 1_000.0
# Of 100 firms: whose meters hang at one terminal each, and whose speak HJ 212.
_TERMINAL_SHARE: Final = 0.25
_HJ212_SHARE: Final = 0.06
# Some logging stations say something every five minutes only.
_SLOW_SHARE: Final = 0.4
_SLOW_CYCLE_S: Final = 300
_OUTLET_CYCLE_S: Final = 300
_FIRST: Final = datetime(2025, 12, 31, 16, tzinfo=UTC)


def current_ratio(amperes: float) -> float:
    """Return the ratio of the transformer for a current: 1 where none is needed."""
    if amperes <= DIRECT_A:
        return 1.0
    wanted = amperes * 1.2
    primary = next((size for size in CT_PRIMARY_A if size >= wanted), CT_PRIMARY_A[-1])
    return primary / CT_SECONDARY_A


class Metering:
    """Gives a firm's units their points."""

    def __init__(
        self,
        registry: Registry,
        chance: Random,
        firm: str,
        number: int,
        district: int,
        draft: Draft,
    ) -> None:
        self._registry = registry
        self._firm = firm
        self._number = number
        self._district = district
        self._made = 0
        speaks_hj212 = draft.trade.industry == "sewage" or chance.random() < _HJ212_SHARE
        self._codec = "hj212" if speaks_hj212 else "acrel"
        self._one_terminal = not speaks_hj212 and chance.random() < _TERMINAL_SHARE
        slow = speaks_hj212 and chance.random() < _SLOW_SHARE
        self._cycle_s = _SLOW_CYCLE_S if slow else 60

    def unit(self, unit: Unit, since: datetime) -> None:
        """Meter a unit from a moment on."""
        self._made += 1
        meter = self._address(0 if self._one_terminal else self._made)
        high = unit.rated_voltage > LOW_VOLTAGE
        point = Point(
            id=f"{unit.id}/1",
            meter=meter,
            valid_from=since,
            channel=f"{self._made}-1" if self._one_terminal else "",
            unit=unit.id,
            ct=current_ratio(rated_current(unit)),
            pt=unit.rated_voltage / PT_SECONDARY_V if high else 1.0,
            cycle_s=self._cycle_s,
        )
        self._registry.put("point", point)

    def outlet(self, outlet: str, factors: Iterable[str]) -> None:
        """Let an automatic monitor watch these factors at an outlet."""
        meter = f"hj212:{self._station(99)}"
        for factor in factors:
            point = Point(
                id=f"{outlet}-{factor}/1",
                meter=meter,
                valid_from=_FIRST,
                factor=factor,
                outlet=outlet,
                measures="pollutant",
                cycle_s=_OUTLET_CYCLE_S,
            )
            self._registry.put("point", point)

    def _address(self, place: int) -> str:
        if self._codec == "hj212":
            return f"hj212:{self._station(place)}"
        return f"acrel:2026{self._district:02d}{self._number:05d}{place:03d}"

    def _station(self, place: int) -> str:
        """A logger's number of 24 digits, as HJ 212 has them."""
        return f"3702{self._district:02d}{self._number:014d}{place:04d}"
