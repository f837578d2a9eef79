"""What the stations at outlets say: a pollutant that follows production and its treatment.

power of production ─► raw emission ─► × what treatment leaves ─► × noise ─► over, stuck, flagged

Whoever stops, idles or slows a fan lets more through: several times the limit without any.  A
station has a line of communication of its own; it is silent without power.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.tools.simulator.chance import Numbers, share
from wattwarden.tools.simulator.drives import index_of, table_of
from wattwarden.tools.simulator.electric import Electric
from wattwarden.tools.simulator.readings import NOTHING, Emitted
from wattwarden.tools.simulator.site import WATTS, Firm, Machine, Site, Station
from wattwarden.tools.simulator.steps import Disturbance, Span

Floats = NDArray[np.float32]
# Of the limit, with everything in order and production as usual.
USUAL: Final = (0.25, 0.5)
# What treatment as it should be takes away: carbon and bags alike, well kept.
REMOVED: Final = (0.8, 0.9)
# An analyser's noise and its reading of clean air, shares of the limit.
NOISE: Final = 0.05
CLEAN_AIR: Final = 0.02
NORMAL: Final = ord("N")
FAULT: Final = ord("D")
LEAST_DELAY_MS: Final = 300
DELAY_MS: Final = 2_000
FULL_SCALE: Final = 128.0
_BYTE: Final = 256


class Emissions:
    """The stations of a few firms; ``machines`` are those whose electricity is given."""

    def __init__(
        self, site: Site, firms: Sequence[Firm], machines: Sequence[Machine], midnight_ms: int
    ) -> None:
        mine = {firm.index for firm in firms}
        self.stations = tuple(one for one in site.stations if one.firm in mine)
        self._site = site
        self._midnight_ms = midnight_ms
        self._chance = Numbers()
        self._plumes = [_Plume(site, station, machines) for station in self.stations]
        self._held: dict[tuple[int, float], np.float32] = {}

    def read(
        self,
        electric: Electric,
        first: int,
        troubles: Sequence[Disturbance],
        dark: Sequence[tuple[Span, int, int]],
    ) -> Emitted:
        """Work out what stations say in a stretch of slots; stations × slots."""
        slots = electric.power.shape[1]
        emitted = Emitted.empty(len(self.stations), slots)
        for row, (station, plume) in enumerate(zip(self.stations, self._plumes, strict=True)):
            bits = self._chance.at(station.key, first, slots)
            noise = _noise(bits)
            emitted.value[row] = plume.of(electric.power) * noise
            emitted.flag[row] = NORMAL
            self._times(emitted, row, station, bits, first)
            missing = self._missing(station, first, slots, dark)
            for trouble in troubles:
                if trouble.column == station.column:
                    where = self._slice(trouble.begin, trouble.end, station, first)
                    self._disturb(emitted, row, trouble, where, noise)
                    if trouble.kind == "meter_outage":
                        missing[where] = True
            emitted.at_ms[row, missing] = emitted.received_ms[row, missing] = NOTHING
        return emitted

    def _times(
        self, emitted: Emitted, row: int, station: Station, bits: NDArray[np.uint64], first: int
    ) -> None:
        slot_s = self._site.slot_s
        phase_ms = 1000 * (station.phase_s % slot_s)
        slots = np.arange(first, first + len(bits), dtype=np.int64)
        emitted.at_ms[row] = self._midnight_ms + 1000 * slot_s * slots + phase_ms
        drawn = bits.view(np.uint8).reshape(-1, 8)[:, 7].astype(np.int64)
        emitted.received_ms[row] = emitted.at_ms[row] + LEAST_DELAY_MS + drawn * DELAY_MS // _BYTE

    def _missing(
        self, station: Station, first: int, slots: int, dark: Sequence[tuple[Span, int, int]]
    ) -> NDArray[np.bool_]:
        slot_s = self._site.slot_s
        every, turn = station.cycle_s // slot_s, station.phase_s // slot_s
        missing: NDArray[np.bool_] = np.arange(first, first + slots) % every != turn
        firm = self._site.firms[station.firm]
        for span, low, _ in dark:
            if low == firm.first:
                missing[self._slice(span.begin, span.end, station, first)] = True
        return missing

    def _disturb(
        self, emitted: Emitted, row: int, trouble: Disturbance, where: slice, noise: Floats
    ) -> None:
        value, station = emitted.value[row], self.stations[row]
        if where.start >= min(where.stop, len(value)):
            return
        if trouble.kind == "flagged":
            emitted.flag[row, where] = FAULT
        elif trouble.kind == "stuck":
            # What it showed last: the same in stretches of any size.
            key = (station.column, trouble.begin)
            value[where] = self._held.setdefault(key, value[where.start])
        elif trouble.kind == "exceedance":
            value[where] = np.float32(trouble.amount * station.spec.limit) * noise[where]

    def _slice(self, begin: float, end: float, station: Station, first: int) -> slice:
        slot_s, phase_s = self._site.slot_s, station.phase_s % self._site.slot_s
        start = -int((phase_s - begin) // slot_s) - first
        stop = -int((phase_s - end) // slot_s) - first
        return slice(max(0, start), max(0, stop))


class _Plume:
    """What one outlet lets out, of the power of its line's machines."""

    def __init__(self, site: Site, station: Station, machines: Sequence[Machine]) -> None:
        first = machines[0].column
        mine = [
            one
            for one in machines
            if one.firm == station.firm and not set(station.lines).isdisjoint(one.lines)
        ]
        self._limit = station.spec.limit
        seed, name = site.seed, station.spec.id
        low, high = USUAL
        self._usual = low + (high - low) * share(seed, "usual emission", name)
        low, high = REMOVED
        self._removed = low + (high - low) * share(seed, "removed", name)
        makes = [one for one in mine if one.spec.kind in {"production", "both"}]
        # A pulsed unit cleans a filter now and then: what passes does not hang on it.
        treats = [
            one for one in mine if one.spec.kind == "treatment" and one.spec.drive != "pulsed"
        ]
        self._makes = np.array([one.column - first for one in makes], np.int64)
        self._treats = np.array([one.column - first for one in treats], np.int64)
        self._making_w = sum(map(_usual_w, makes)) or 1.0
        self._treating_w = _on_duty_w(site.firms[station.firm], treats)

    def of(self, power: Floats) -> Floats:
        """Return the pollutant in each slot, in the unit of its limit."""
        making = power[self._makes].sum(axis=0) / np.float32(self._making_w)
        left = np.ones_like(making)
        if len(self._treats):
            treating = power[self._treats].sum(axis=0) / np.float32(self._treating_w)
            enough = np.minimum(1, treating / np.maximum(making, np.float32(0.05)))
            left = 1 - np.float32(self._removed) * enough
            left /= np.float32(1 - self._removed)
        value = np.float32(self._usual) * making * left + np.float32(CLEAN_AIR)
        found: Floats = (value * np.float32(self._limit)).astype(np.float32)
        return found


def _noise(bits: NDArray[np.uint64]) -> Floats:
    drawn = bits.view(np.int8).reshape(-1, 8)[:, :2].astype(np.float32) / np.float32(FULL_SCALE)
    noise: Floats = 1 + np.float32(NOISE) * (drawn[:, 0] + drawn[:, 1])
    return noise


def _usual_w(machine: Machine) -> float:
    """What a machine draws when nothing is wrong."""
    spec = machine.spec
    index = index_of(np.array([machine.base], np.float32))
    return float(table_of(spec.drive, spec.power_kw).power[index[0]]) * spec.power_kw * WATTS


def _on_duty_w(firm: Firm, treats: Sequence[Machine]) -> float:
    """What treatment draws when nothing is wrong: of a standby group those that must run."""
    total = sum(_usual_w(one) for one in treats if not one.spec.standby)
    for group in {one.spec.standby for one in treats if one.spec.standby}:
        powers = sorted(_usual_w(one) for one in treats if one.spec.standby == group)
        total += sum(powers[: firm.spec.standby_required])
    return total or 1.0
