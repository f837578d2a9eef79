"""What the mains give to every unit of some firms, slot by slot.

steps ─► shaft load ─► × waver and noise ─► table of its drive ─► power, current ─► phases

Everything is float32[units, slots], the units of a few firms at a time, so that it stays in cache.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.tools.simulator.chance import Numbers, share
from wattwarden.tools.simulator.drives import ENTRIES, index_of, table_of
from wattwarden.tools.simulator.mains import NOMINAL_BETWEEN_V, PHASE_V, voltages
from wattwarden.tools.simulator.site import HOUR_S, WATTS, Firm, Machine, Site
from wattwarden.tools.simulator.steps import OFF, How, Step

Floats = NDArray[np.float32]
# Of a slot's eight bytes three make its load, one each phases a and b; the rest is the meter's.
BYTES_A_SLOT: Final = 8
LOAD_BYTES: Final = 3
FULL_SCALE: Final = 128.0
# Three uniform numbers have a standard deviation of 1.
NOISE_UNIT: Final = 1.0 / FULL_SCALE
# Products, weather and clogging move loads by the hour; treatment less than production.
WAVER_PRODUCTION: Final = 0.06
WAVER_TREATMENT: Final = 0.012
WAVER_HOURS: Final = (1.5, 5.0)
# A converter that follows its line goes no lower than this share of its speed.
LEAST_SPEED: Final = 0.6
PHASE_SHARE: Final = 0.02
PHASE_NOISE: Final = 0.003
DUTY: Final = (0.25, 0.6)
DUTY_PERIOD_S: Final = (480.0, 1200.0)
# What a main meter sees besides the units: light, sockets, what nobody metered.
UNMETERED_SHARE: Final = 0.04
MAIN_POWER_FACTOR: Final = 0.86


@dataclass(slots=True)
class Electric:
    """W, A and V at the mains; ``bits`` are the random ones of each slot."""

    power: Floats
    current: tuple[Floats, Floats, Floats]
    voltage: tuple[Floats, Floats, Floats]
    bits: NDArray[np.uint64]


@dataclass(slots=True)
class _Follower:
    """A converter that follows its line: rows of the production it follows, and their weights."""

    row: int
    rows: NDArray[np.int64]
    weights: Floats
    machine: Machine


class Mains:
    """The electricity of a few firms, columns ``first`` to ``behind`` (not with)."""

    def __init__(self, site: Site, firms: tuple[Firm, ...], chance: Numbers) -> None:
        self.first = firms[0].first
        self.behind = firms[-1].behind
        self.firms = firms
        machines = tuple(machine for firm in firms for machine in firm.machines)
        self.machines = machines
        self._site = site
        self._chance = chance
        self._phase_s = np.array([machine.phase_s for machine in machines])
        seed = site.seed

        def shares(word: str) -> NDArray[np.float64]:
            return np.array([share(seed, word, machine.spec.id) for machine in machines])

        low, high = WAVER_HOURS
        self._turn = 2 * np.pi / (3600 * (low + (high - low) * shares("waver")))
        self._turned = 2 * np.pi * shares("turned")
        makes = np.array([machine.spec.kind == "production" for machine in machines])
        self._waver = np.where(makes, WAVER_PRODUCTION, WAVER_TREATMENT).astype(np.float32)
        noise = site.scenario.confounders.noise * np.where(makes, 1.5, 1.0)
        self._noise = (noise * NOISE_UNIT).astype(np.float32)
        self._tables(machines)
        self._unequal = [
            (1 + PHASE_SHARE * (2 * shares(word) - 1)).astype(np.float32)[:, None] for word in "ab"
        ]
        self._firm_of = np.repeat(np.arange(len(firms)), [len(firm.machines) for firm in firms])
        self._heaters = _rows(machines, lambda spec: spec.drive == "resistive")
        self._pulsed = _rows(machines, lambda spec: spec.drive == "pulsed")
        low, high = DUTY
        self._duty = low + (high - low) * shares("duty")[self._pulsed]
        low, high = DUTY_PERIOD_S
        self._period = low + (high - low) * shares("period")[self._pulsed]
        self._pulse = shares("pulse")[self._pulsed] * self._period
        self._mains = _rows(machines, lambda spec: spec.kind == "main")
        self._followers = [
            self._follower(row, machine)
            for row, machine in enumerate(machines)
            if machine.spec.follows
        ]

    def _tables(self, machines: tuple[Machine, ...]) -> None:
        names = sorted({(machine.spec.drive, machine.spec.power_kw) for machine in machines})
        place = {name: number * ENTRIES for number, name in enumerate(names)}
        self._power = np.concatenate([table_of(*name).power for name in names])
        self._current = np.concatenate([table_of(*name).current for name in names])
        keys = [(machine.spec.drive, machine.spec.power_kw) for machine in machines]
        self._table = np.array([place[key] for key in keys], np.int32)[:, None]
        rated = np.array([machine.spec.power_kw * WATTS for machine in machines])
        self._rated_w = rated.astype(np.float32)[:, None]
        self._rated_a = (rated / (np.sqrt(3) * NOMINAL_BETWEEN_V)).astype(np.float32)[:, None]

    def _follower(self, row: int, machine: Machine) -> _Follower:
        firm = self._site.firms[machine.firm]
        makers = [one for line in machine.lines for one in firm.producers[line]]
        weights = np.array([one.spec.power_kw for one in makers])
        usual = sum(one.spec.power_kw * one.base for one in makers) or 1.0
        rows = np.array([one.column - self.first for one in makers], np.int64)
        shares = (weights / usual).astype(np.float32)[:, None]
        return _Follower(row, rows, shares, machine)

    def slots(self, steps: list[Step], first: int, slots: int) -> Electric:
        """Work out ``slots`` slots from ``first`` on, counted from the first midnight."""
        load = self._load(steps, first, slots)
        bits = self._bits(first, slots)
        numbers = bits.view(np.int8).reshape(*bits.shape, BYTES_A_SLOT)
        load *= self._wavering(numbers, first, slots)
        self._follow(load, steps, first)
        self._pulsing(load, first)
        index = index_of(load)
        index += self._table
        power = np.take(self._power, index)
        power *= self._rated_w
        current = np.take(self._current, index)
        current *= self._rated_a
        return self._supplied(power, current, bits, first)

    def _load(self, steps: list[Step], first: int, slots: int) -> Floats:
        load = np.full((len(self.machines), slots), OFF, np.float32)
        for column, begin, end, how, value in steps:
            row = column - self.first
            stretch = load[row, self._slice(row, begin, end, first)]
            if how is How.SET:
                stretch[:] = value
            elif not self.machines[row].spec.follows:
                _bend(stretch, how, value)
        return load

    def _slice(self, row: int, begin: float, end: float, first: int) -> slice:
        """The slots whose moment of reading lies in a span."""
        slot_s, phase_s = self._site.slot_s, int(self._phase_s[row]) % self._site.slot_s
        start = -int((phase_s - begin) // slot_s) - first
        stop = -int((phase_s - end) // slot_s) - first
        return slice(max(0, start), max(0, stop))

    def _bits(self, first: int, slots: int) -> NDArray[np.uint64]:
        bits = np.empty((len(self.machines), slots), np.uint64)
        look_up = self._chance.at
        for row, machine in enumerate(self.machines):
            bits[row] = look_up(machine.key, first, slots)
        return bits

    def _wavering(self, numbers: NDArray[np.int8], first: int, slots: int) -> Floats:
        """A factor of every load: slow waves and noise."""
        slot_s = self._site.slot_s
        # From the beginning of each hour, so that rounding is the same in stretches of any size.
        an_hour = HOUR_S // slot_s
        hours = np.arange(first // an_hour, (first + slots - 1) // an_hour + 1)
        begun = self._turned[:, None] + np.multiply.outer(self._turn, hours * float(HOUR_S))
        begun %= 2 * np.pi
        place = np.arange(first, first + slots) - hours[0] * an_hour
        factor: Floats = begun.astype(np.float32)[:, place // an_hour]
        turn = (self._turn * slot_s).astype(np.float32)
        factor += np.multiply.outer(turn, (place % an_hour).astype(np.float32))
        np.sin(factor, out=factor)
        factor *= self._waver[:, None]
        factor += np.float32(1)
        noise = numbers[..., 0].astype(np.float32)
        for place in range(1, LOAD_BYTES):
            noise += numbers[..., place]
        noise *= self._noise[:, None]
        factor += noise
        return factor

    def _follow(self, load: Floats, steps: list[Step], first: int) -> None:
        """Set converters to what their lines need; then what was done to them counts again."""
        for follower in self._followers:
            row, spec = follower.row, follower.machine.spec
            # Summed row by row: a product of matrices rounds as its shape has it.
            needed = np.maximum(load[follower.rows], 0) * follower.weights
            needed = needed.sum(axis=0)
            speed = LEAST_SPEED + (1 - LEAST_SPEED) * np.minimum(needed, 1)
            speed *= np.float32(spec.hertz / 50.0)
            np.copyto(load[row], np.float32(spec.load) * speed**3, where=load[row] >= 0)
            for step in steps:
                if step.column == follower.machine.column and step.how is not How.SET:
                    span = self._slice(row, step.begin, step.end, first)
                    _bend(load[row, span], step.how, step.value)

    def _pulsing(self, load: Floats, first: int) -> None:
        for number, row in enumerate(self._pulsed.tolist()):
            seconds = self._site.slot_s * np.arange(first, first + load.shape[1])
            phase = (seconds + self._pulse[number]) % self._period[number]
            load[row, phase >= self._duty[number] * self._period[number]] = OFF

    def _supplied(
        self, power: Floats, current: Floats, bits: NDArray[np.uint64], first: int
    ) -> Electric:
        slots = power.shape[1]
        numbers = bits.view(np.int8).reshape(*bits.shape, BYTES_A_SLOT)
        phases = np.stack(
            [
                voltages(self._site.seed, firm.id, self._chance, self._site.slot_s, first, slots)
                for firm in self.firms
            ]
        )
        level = phases.mean(axis=1)
        level /= np.float32(PHASE_V)
        # Motors and converters take their power whatever the voltage; heaters do not.
        current /= level[self._firm_of]
        heaters = self._heaters
        if len(heaters):
            square = level[self._firm_of[heaters]] ** 2
            power[heaters] *= square
            current[heaters] *= square
        self._sum_up(power, current, level)
        a = _phase(current, self._unequal[0], numbers[..., LOAD_BYTES])
        b = _phase(current, self._unequal[1], numbers[..., LOAD_BYTES + 1])
        current *= np.float32(3)
        current -= a
        current -= b
        volts = [phases[self._firm_of, phase] for phase in range(3)]
        return Electric(power, (a, b, current), (volts[0], volts[1], volts[2]), bits)

    def _sum_up(self, power: Floats, current: Floats, level: Floats) -> None:
        """Main meters see all of their firm."""
        for row in self._mains.tolist():
            firm = self._firm_of[row]
            others = (self._firm_of == firm) & (np.arange(len(power)) != row)
            power[row] = power[others].sum(axis=0) * np.float32(1 + UNMETERED_SHARE)
            volts = 3 * PHASE_V * level[firm]
            current[row] = power[row] / (volts * np.float32(MAIN_POWER_FACTOR))


def _bend(stretch: Floats, how: How, value: float) -> None:
    if how is How.SET_ON:
        stretch[stretch >= 0] = value
    elif how is How.SCALE:
        stretch[stretch >= 0] *= np.float32(value)
    else:
        np.minimum(stretch, np.float32(value), out=stretch)


def _phase(current: Floats, unequal: Floats, numbers: NDArray[np.int8]) -> Floats:
    factor = numbers.astype(np.float32)
    factor *= np.float32(PHASE_NOISE / FULL_SCALE)
    factor += unequal
    factor *= current
    return factor


def _rows(machines: tuple[Machine, ...], wanted: Any) -> NDArray[np.int64]:
    return np.flatnonzero([wanted(machine.spec) for machine in machines])
