"""What meters make of electricity: clocks, counters, and the troubles between them and us.

electric values ─► transformers ─► energy ─► kind of meter ─► frozen ─► clock ─► lost, or later

Counters and what waits for a carrier go on from stretch to stretch: give them in order.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.tools.simulator.chance import share
from wattwarden.tools.simulator.electric import Electric
from wattwarden.tools.simulator.readings import NAMES, NOTHING, Late, Readings, blank
from wattwarden.tools.simulator.site import JITTER_S, Machine, Site
from wattwarden.tools.simulator.steps import Disturbance, Span

WATT_SECONDS: Final = 3600
# Meters of some age stand at up to ten gigawatt-hours.
OLDEST_WH: Final = 10**10
# A modem needs this long at least, and this much more, for a frame.
LEAST_DELAY_MS: Final = 200
DELAY_MS: Final = 2_800
# Below this a meter calls the power factor of nothing 1.
LEAST_APPARENT_VA: Final = 1.0
# How many of a blackout's meters have a reserve for one last frame.
LAST_GASP_SHARE: Final = 0.5
# After an outage of the carrier meters dial in within this, and send a frame each third second.
BACK_WITHIN_S: Final = 60.0
KEPT_EVERY_MS: Final = 3_000
# Of one phase in three, the transformer's share of power.
PHASES: Final = 3
_UNSIGNED: Final = 65_536
_BYTE: Final = 256
# Behind the bytes of the load and the phases; the last two tell a frame's way: lost, or how long.
_JITTER_BYTE: Final = 5


class Meters:
    """The meters of some machines, columns from ``first_column`` on."""

    def __init__(self, site: Site, machines: Sequence[Machine], midnight_ms: int) -> None:
        self._site = site
        self._machines = machines
        self._first = machines[0].column
        self._midnight_ms = midnight_ms
        self._slot_s = site.slot_s
        seed = site.seed
        started = [int(share(seed, "counter", one.spec.id) * OLDEST_WH) for one in machines]
        self._counted = np.array(started, np.int64) * WATT_SECONDS
        self._held: dict[tuple[int, float], list[float]] = {}
        self._phase_ms = _column([1000 * (one.phase_s % site.slot_s) for one in machines])
        self._skew_ms = _column([one.skew_ms for one in machines])
        self._every = np.array([one.cycle_s // site.slot_s for one in machines])
        self._turn = np.array([one.phase_s // site.slot_s for one in machines])
        kinds = [one.spec.meter for one in machines]
        self._status = np.flatnonzero([kind == "status" for kind in kinds])
        self._current = np.flatnonzero([kind == "current" for kind in kinds])
        counts = [self._counts(one) for one in machines]
        self._uncounted = np.flatnonzero(~np.array(counts))
        self._last_gasp = [share(seed, "gasp", m.spec.id) < LAST_GASP_SHARE for m in machines]

    def _counts(self, machine: Machine) -> bool:
        """Whether frames of its protocol carry an energy counter."""
        return self._site.firms[machine.firm].spec.protocol == "acrel"

    def read(
        self,
        electric: Electric,
        first: int,
        troubles: Sequence[Disturbance],
        dark: Sequence[tuple[Span, int, int]],
    ) -> tuple[Readings, list[Late]]:
        """Turn a stretch of slots into readings, units × slots; ``late`` comes when it comes.

        ``dark`` are blackouts: when, and which columns (from, to, not with).
        """
        readings = self._instant(electric, first)
        for trouble in troubles:
            self._transformer(readings, trouble, first)
        self._count(readings, troubles, first)
        self._reduce(readings)
        for trouble in troubles:
            self._disturb(readings, trouble, first)
        missing = self._missing(electric, first, troubles)
        for span, low, high in dark:
            self._darken(readings, missing, (span, low, high), first)
        late = [
            part
            for trouble in troubles
            if trouble.kind == "carrier_outage"
            for part in self._postponed(readings, missing, trouble, first)
        ]
        blank(readings, missing)
        return readings, late

    def _slice(self, row: int, begin: float, end: float, first: int) -> slice:
        slot_s = self._slot_s
        phase_s = int(self._phase_ms[row, 0]) // 1000
        start = -int((phase_s - begin) // slot_s) - first
        stop = -int((phase_s - end) // slot_s) - first
        return slice(max(0, start), max(0, stop))

    def _instant(self, electric: Electric, first: int) -> Readings:
        power = electric.power
        a, b, c = electric.current
        u, v, w = electric.voltage
        apparent = u * a
        apparent += v * b
        apparent += w * c
        np.maximum(apparent, np.float32(LEAST_APPARENT_VA), out=apparent)
        factor = power / apparent
        factor[apparent <= LEAST_APPARENT_VA] = 1.0
        np.minimum(factor, np.float32(1), out=factor)
        at, received = self._times(electric.bits, first)
        energy = np.empty(power.shape, np.int64)
        status = np.full(power.shape, NOTHING, np.int8)
        return Readings(at, received, power, a, b, c, u, v, w, factor, energy, status)

    def _times(
        self, bits: NDArray[np.uint64], first: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        slots = bits.shape[1]
        steps = np.arange(first, first + slots, dtype=np.int64) * (1000 * self._slot_s)
        at = self._phase_ms + (steps + self._midnight_ms)
        if self._slot_s > 2 * JITTER_S:
            jitter = bits.view(np.uint8).reshape(*bits.shape, 8)[..., _JITTER_BYTE].astype(np.int32)
            jitter *= JITTER_S + 1
            jitter //= _BYTE
            jitter *= 1000
            at += jitter
        delay = _way(bits).astype(np.int32)
        delay *= DELAY_MS
        delay //= _UNSIGNED
        delay += LEAST_DELAY_MS
        received = at + delay
        at += self._skew_ms
        return at, received

    def _transformer(self, readings: Readings, trouble: Disturbance, first: int) -> None:
        """A current transformer fell off a phase, or was put on the wrong way round."""
        row = trouble.column - self._first
        where = self._slice(row, trouble.begin, trouble.end, first)
        currents = (readings.current_a, readings.current_b, readings.current_c)
        if trouble.kind == "ct_off":
            currents[int(trouble.amount)][row, where] = 0.0
            readings.power[row, where] *= np.float32(1 - 1 / PHASES)
            # What is left has the power factor it had: apparent power lost as much.
        elif trouble.kind == "ct_reversed":
            readings.power[row, where] *= -1
            readings.power_factor[row, where] *= -1

    def _count(self, readings: Readings, troubles: Sequence[Disturbance], first: int) -> None:
        """Add up watt-seconds exactly; counters show whole watt-hours."""
        energy = readings.energy
        np.rint(np.maximum(readings.power, 0), out=energy, casting="unsafe")
        energy *= self._slot_s
        energy[:, 0] += self._counted
        np.cumsum(energy, axis=1, out=energy)
        for trouble in troubles:
            if trouble.kind == "counter_reset":
                row = trouble.column - self._first
                start = self._slice(row, trouble.begin, trouble.end, first).start
                begun = trouble.begin >= (first - 1) * self._slot_s
                if begun and 0 <= start < energy.shape[1]:
                    energy[row, start:] -= energy[row, start]
        self._counted = energy[:, -1].copy()
        energy //= WATT_SECONDS
        energy[self._uncounted] = NOTHING

    def _reduce(self, readings: Readings) -> None:
        """Leave to each kind of meter what it measures."""
        if len(self._status):
            readings.status[self._status] = readings.power[self._status] > 0
        for name in NAMES:
            if name in {"at_ms", "received_ms", "energy", "status"}:
                continue
            column = getattr(readings, name)
            column[self._status] = np.nan
            if name != "current_a":
                column[self._current] = np.nan

    def _disturb(self, readings: Readings, trouble: Disturbance, first: int) -> None:
        row = trouble.column - self._first
        where = self._slice(row, trouble.begin, trouble.end, first)
        if trouble.kind == "skew":
            readings.at_ms[row, where] += round(trouble.amount) * 1000
        if trouble.kind != "frozen" or where.start >= readings.power.shape[1]:
            return
        values = [getattr(readings, name) for name in NAMES if not name.endswith("_ms")]
        key = (trouble.column, trouble.begin)
        if key not in self._held:
            self._held[key] = [column[row, where.start].item() for column in values]
        for column, value in zip(values, self._held[key], strict=True):
            column[row, where] = value

    def _missing(
        self, electric: Electric, first: int, troubles: Sequence[Disturbance]
    ) -> NDArray[np.bool_]:
        slots = electric.power.shape[1]
        loss = self._site.scenario.confounders.frame_loss
        missing = _way(electric.bits) < round(loss * _UNSIGNED)
        for row in np.flatnonzero(self._every > 1).tolist():
            missing[row] |= np.arange(first, first + slots) % self._every[row] != self._turn[row]
        for trouble in troubles:
            if trouble.kind == "meter_outage":
                row = trouble.column - self._first
                missing[row, self._slice(row, trouble.begin, trouble.end, first)] = True
        return missing

    def _darken(
        self,
        readings: Readings,
        missing: NDArray[np.bool_],
        dark: tuple[Span, int, int],
        first: int,
    ) -> None:
        """Without power a meter is silent, but for a last frame of those with a reserve."""
        span, low, high = dark
        for row in range(low - self._first, high - self._first):
            where = self._slice(row, span.begin, span.end, first)
            missing[row, where] = True
            begun = span.begin > (first - 1) * self._slot_s and where.start < where.stop
            if begun and self._last_gasp[row] and where.start < missing.shape[1]:
                missing[row, where.start] = False
                for volts in (readings.voltage_a, readings.voltage_b, readings.voltage_c):
                    volts[row, where.start] *= 0

    def _postponed(
        self, readings: Readings, missing: NDArray[np.bool_], trouble: Disturbance, first: int
    ) -> list[Late]:
        """Take what a meter cannot send out of the live ones; it keeps its frames."""
        row = trouble.column - self._first
        where = self._slice(row, trouble.begin, trouble.end, first)
        kept = np.flatnonzero(~missing[row, where]) + where.start
        if not len(kept):
            return []
        part = readings.take((row, kept))
        machine = self._machines[row]
        back_s = trouble.end + BACK_WITHIN_S * share(self._site.seed, "back", machine.spec.id)
        numbers = kept + first - int(trouble.begin // self._slot_s)
        came = self._midnight_ms + round(1000 * back_s) + KEPT_EVERY_MS * numbers
        np.maximum(came, part.received_ms, out=part.received_ms)
        missing[row, where] = True
        column = np.full(len(kept), trouble.column, np.int32)
        slot = self._midnight_ms // (1000 * self._slot_s) + first + kept
        return [Late(column, slot.astype(np.int64), part)]


def _way(bits: NDArray[np.uint64]) -> NDArray[np.uint16]:
    return bits.view(np.uint16).reshape(*bits.shape, 4)[..., 3]


def _column(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)[:, None]
