"""The oracle's unit: what one machine does, told reading by reading.

Written from the rules' meaning with dicts and if-statements; shares no code with the fold.
"""

from dataclasses import dataclass, field
from math import isnan
from typing import Final, NamedTuple

from tests.alarms.oracle_memory import Memory, short
from tests.alarms.oracle_timer import Timer

NONE: Final = -1
NAN: Final = float("nan")
ROOT_3: Final = 3**0.5
RUNNING, OFF, NEVER, OFFLINE, OVER, NO_POWER, DECLARED, IDLE, REDUCED_VFD, REDUCED_SLOW = range(
    1, 11
)
WORKS: Final = (RUNNING, OVER, IDLE, REDUCED_VFD, REDUCED_SLOW)


class Reading(NamedTuple):
    """A cell of the grid."""

    at: int
    power: float
    current: float
    current_low: float
    current_high: float
    voltage_low: float
    voltage_high: float
    power_factor: float
    energy: int
    status: int
    point: int


SILENCE: Final = Reading(NONE, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NONE, -1, 0)


@dataclass(slots=True)
class Unit:
    """A machine: who it is, its numbers, what it last did."""

    name: str
    firm: str
    meter: str
    kind: str
    drive: str
    cycle: int
    rated: float
    rated_current: float
    rated_voltage: float
    number: dict[str, float]
    memory: Memory
    timers: dict[str, Timer] = field(default_factory=dict)
    # Heard last.
    last: Reading = SILENCE
    at: int = NONE
    energy: int = NONE
    energy_point: int = NONE
    same: int = 0
    on_at: int = NONE
    counted: bool = False
    on: bool = False
    motionless: bool = False
    # Of the slot.
    fresh: bool = False
    gap: int = 0
    step: int = 0
    known: bool = False
    level: float = NAN
    current: float = NAN
    voltage: float = NAN
    watts: float = NAN
    off: bool = False
    idle: bool = False
    # Idling, and less than is normal for the production's load.
    idling: bool = False
    low: bool = False
    low_before: bool = False
    over: bool = False
    dark: bool = False
    stale: bool = False
    reversed: bool = False
    phase_lost: bool = False
    wired: bool = True
    fell: bool = False
    run: bool = False
    declared: bool = False
    # Debounced state.
    shown: int = NEVER
    next: int = 0
    count: int = 0
    next_at: int = NONE
    switches: list[int] = field(default_factory=list)
    # The day.
    worked: bool = False
    run_ms: int = 0
    energy_mwh: int = 0

    @property
    def believable(self) -> bool:
        """It said something, and not the same as ever."""
        return self.fresh and self.known and not self.stale

    def hear(self, reading: Reading, end: int) -> None:
        """Take what the meter said in a slot that ends at ``end``, or that it said nothing."""
        self.fresh = reading.at > self.at
        self.gap = self.step = 0
        self.reversed = self.phase_lost = self.fell = False
        if self.fresh:
            if self.at != NONE:
                self.gap = reading.at - self.at
            if self.gap <= 2 * self.cycle + self.cycle // 2:
                self.step = self.gap
            self.at = reading.at
            self._understand(reading)
            self.last = reading
        self.known = self.at != NONE and end - self.at <= 2 * self.cycle
        self.run = self.known and not (self.off or self.idle or self.dark or self.stale)

    def _understand(self, reading: Reading) -> None:
        number, learned = self.number, self.memory
        self.voltage = reading.voltage_high / self.rated_voltage
        if self.voltage > 1.35:
            self.voltage /= ROOT_3
        power = self._power(reading)
        self.current = short(reading.current / learned.current)
        theta_off, theta_idle = number["state.theta_off"], number["state.theta_idle"]
        i_off = number["state.i_off"]
        if self.drive == "vfd":
            theta_idle = theta_idle * self.rated / learned.power
        if not isnan(power):
            self.level = short(power / learned.power)
        elif not isnan(self.current):
            self.level = self.current
            theta_off, theta_idle = i_off, number["state.i_idle"]
        else:
            self.level = float(reading.status) if reading.status >= 0 else NAN
        if not isnan(self.level):
            self.watts = short(self.level * learned.power)
            self._judge_motion(theta_off, i_off)
            self._judge_idle(reading, theta_idle)
            self._judge_over(reading)
        self._judge_supply()
        self.on = not (isnan(self.level) or self.motionless or self.dark)
        energy = self._count_energy(reading)
        self._judge_frozen(reading)
        blind = self.stale or (self.gap > self.step and not self.counted)
        pulse = energy * 3600 > self.gap * 0.02 * learned.power
        if self.drive == "pulsed" and (pulse or blind):
            # A pulse between two samples, or one that nobody could see.
            self.on = True
        if self.on:
            self.on_at = self.at
        self.off = self.motionless
        if self.drive == "pulsed" and self.at - self.on_at < 1000 * number["state.pulse_window_s"]:
            self.off = False
        self._judge_meter(reading)

    def _power(self, reading: Reading) -> float:
        """A heater's power is what it would be at the rated voltage."""
        if self.drive == "resistive" and self.voltage > 0.5:
            return reading.power / (self.voltage * self.voltage)
        return reading.power

    def _judge_motion(self, theta_off: float, i_off: float) -> None:
        margin = self.number["state.hysteresis"]
        if self.level < theta_off and not self.current >= i_off:
            self.motionless = True
            return
        much = self.level >= theta_off + min(margin, theta_off / 2)
        if much or self.current >= i_off + min(margin, i_off / 2):
            self.motionless = False

    def _judge_idle(self, reading: Reading, theta: float) -> None:
        number = self.number
        margin = min(number["state.hysteresis"], theta / 2)
        if self.current >= number["state.i_reversed"]:
            self.idle = False
            return
        if isnan(reading.power_factor):
            little, rather_little = self.kind == "treatment", self.kind == "treatment"
        elif self.drive == "direct":
            top = self.memory.power_factor - number["state.pf_drop_idle"]
            little = reading.power_factor <= top
            rather_little = reading.power_factor <= top + margin
        else:
            little = rather_little = True
        if self.level < theta and little:
            self.idle = True
        elif not (self.level < theta + margin and rather_little):
            self.idle = False

    def _judge_over(self, reading: Reading) -> None:
        number = self.number
        top = number["state.theta_max"] * self.memory.greatest / self.memory.power
        outside = (
            reading.current_high > number["state.current_max"]
            or reading.voltage_high > number["state.voltage_max"]
            or reading.voltage_low < number["state.voltage_min"]
        )
        if outside or self.level > top:
            self.over = True
        elif self.level <= top - number["state.hysteresis"]:
            self.over = False

    def _judge_supply(self) -> None:
        v_off = self.number["state.v_off"]
        if self.voltage < v_off:
            self.dark = True
        elif self.voltage >= v_off + self.number["state.hysteresis"]:
            self.dark = False

    def _judge_frozen(self, reading: Reading) -> None:
        number, last = self.number, self.last
        says_something = reading.voltage_high > 0
        pairs = zip(reading[1:8], last[1:8], strict=True)
        alike = all(a == b or (isnan(a) and isnan(b)) for a, b in pairs)
        if says_something and alike:
            self.same += 1
        else:
            self.same = 0
        drawing = abs(reading.power) > 0 or reading.current > 0
        soon = drawing or self.drive == "pulsed"
        self.stale = self.same >= number["state.stale_samples" if soon else "R10.frozen_samples"]

    def _judge_meter(self, reading: Reading) -> None:
        number = self.number
        gone = (
            self.drive == "direct"
            and self.level < number["state.theta_red"] - 0.2
            and self.current >= number["state.i_reversed"]
            and reading.power_factor <= self.memory.power_factor - number["state.pf_drop_idle"]
        )
        self.reversed = gone or reading.power < -number["R10.reverse_share"] * self.rated
        dead = (
            self.voltage > 0.8
            and reading.current_high > 0
            and reading.current_low <= 0.02 * reading.current_high
        )
        least = number["R10.phase_share"] * self.rated_current
        self.phase_lost = dead and reading.current_high > least
        self.wired = not (self.reversed or dead)

    def _count_energy(self, reading: Reading) -> int:
        """Return mWh since the last sample; counters bridge gaps, else it is power times time."""
        power = self._power(reading)
        energy = round(power * self.step / 3600) if power > 0 else 0
        self.counted = False
        if reading.energy >= 0:
            if self.energy >= 0 and reading.point == self.energy_point:
                if reading.energy < self.energy:
                    self.fell = True
                else:
                    self.counted = True
                    energy = 1000 * (reading.energy - self.energy)
            self.energy, self.energy_point = reading.energy, reading.point
        self.energy_mwh += energy
        return energy

    def classify(self) -> int:
        """Name the state of the slot; the first that fits."""
        reduced = REDUCED_VFD if self.drive == "vfd" else REDUCED_SLOW
        for fits, state in (
            (self.declared, DECLARED),
            (self.at == NONE, NEVER),
            (not self.known, OFFLINE),
            (self.dark, NO_POWER),
            (self.off, OFF),
            (self.over, OVER),
            (self.idling, IDLE),
            (self.low, reduced),
        ):
            if fits:
                return state
        return RUNNING

    def show(self, start: int) -> tuple[int, int] | None:
        """Debounce; returns (state, moment) when another state is shown from now on."""
        state = self.classify()
        at_once = state in (OFFLINE, DECLARED) and state != self.shown
        if state == NEVER or not (self.fresh or at_once):
            return None
        if state == self.shown:
            self.count = 0
            return None
        if self.count == 0 or state != self.next:
            self.next, self.next_at, self.count = state, self.at, 0
        self.count += 1
        need = 2 if self.cycle >= 300_000 else 3
        if not (self.count >= need or at_once or self.shown == NEVER):
            return None
        began = self.next_at
        if state == OFFLINE:
            began += 2 * self.cycle
        elif state == DECLARED:
            began = start
        worked = self.shown in WORKS
        if self.kind == "treatment" and (
            (worked and state == OFF) or (self.shown == OFF and state in WORKS)
        ):
            self.switches.append(began)
        self.shown, self.count = state, 0
        return state, began

    def count_day(self) -> None:
        """Add the slot to the day's running time."""
        if self.fresh and self.worked:
            self.run_ms += min(self.gap, 2 * self.cycle)
        self.worked = not (self.off or self.dark or self.stale)
