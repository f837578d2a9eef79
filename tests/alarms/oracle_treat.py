"""The oracle's treat: a treatment unit beside the production of its lines."""

from dataclasses import dataclass, field
from math import isnan
from typing import Final

from tests.alarms.oracle_memory import short
from tests.alarms.oracle_unit import NAN, NONE, Unit

NO, YES, UNKNOWN = 0, 1, 2
_BELIEVED: Final = 3
_LAST_LOAD: Final = 13


@dataclass(slots=True)
class Treat:
    """What a treatment unit is compared with, and what was going on."""

    unit: Unit
    makers: list[Unit]
    pre_start: int
    run_on_ms: int
    # Of the slot.
    production: int = UNKNOWN
    before: int = UNKNOWN
    restarted: bool = False
    load: int = NONE
    least: float = NAN
    served: int = NO
    blamed: bool = True
    healthy: bool = False
    late: int = NONE
    run_on: bool = False
    # Counts of slots, and moments.
    dark: bool = False
    # Its firm's, as far as anybody says so.
    blackout: bool = False
    idle_slots: int = 0
    served_slots: int = 0
    both_slots: int = 0
    in_run: bool = False
    run_began: int = NONE
    run_ended: int = NONE
    served_since: int = NONE
    ran: bool = False
    unsure_at: int = NONE

    def look(self) -> None:
        """See what production does and what is normal beside it."""
        self.before = before = self.production
        self.production = NO
        for maker in self.makers:
            if maker.run:
                self.production = YES
                break
            if maker.stale or (not maker.known and maker.at != NONE):
                self.production = UNKNOWN
        dark = self.unit.dark or any(maker.dark for maker in self.makers)
        lit = self.dark and not dark
        self.dark = dark
        self.restarted = lit or (before == UNKNOWN and self.production != UNKNOWN)
        self.least = self._normal()
        self._judge_low()

    def _normal(self) -> float:
        """Return the level under which the unit is reduced, NaN where that cannot be said."""
        number, learned = self.unit.number, self.unit.memory
        total = rated = usual = 0.0
        for maker in self.makers:
            if not (maker.known and not maker.stale and maker.wired):
                total = NAN
            total += max(maker.watts, 0.0) if not isnan(maker.watts) else NAN
            rated += maker.rated
            usual += maker.memory.power
        self.load = NONE
        if isnan(total):
            return NAN
        self.load = min(int(short(short(total / rated) * 10)), _LAST_LOAD)
        top = number["state.theta_red"]
        if self.load in learned.least:
            return min(
                learned.least[self.load] * number["state.normal_margin"] / learned.power, top
            )
        if total < number["state.high_load"] * usual:
            return NAN
        known = learned.run_days >= number["state.learn_run_days"]
        return top if known else number["state.theta_red_nameplate"]

    def _judge_low(self) -> None:
        unit = self.unit
        judged = not isnan(self.least)
        if unit.fresh and not isnan(unit.level) and judged:
            if unit.level < self.least:
                unit.low_before = True
            elif unit.level >= short(self.least * short(1 + unit.number["state.hysteresis"])):
                unit.low_before = False
        unit.low = unit.low_before and judged and not unit.off
        # A motor of which nothing is known at this load is judged by its power factor.
        unit.idling = unit.idle and (unit.low or (not judged and unit.drive == "direct"))

    def serve(self) -> None:
        """Say whether the unit itself runs."""
        unit = self.unit
        self.served, self.blamed, self.healthy = NO, True, False
        if not unit.known or unit.stale:
            self.served = UNKNOWN
        elif not (unit.off or unit.dark):
            self.served = YES

    def follow(self, start: int) -> None:
        """Follow production's runs, and whether treatment served in each, slot by slot."""
        making = self.production == YES
        self.idle_slots = self.idle_slots + 1 if self.production == NO else 0
        was = self.in_run
        if making:
            self.in_run = True
        elif self.idle_slots >= _BELIEVED or self.restarted:
            self.in_run = False
        if self.in_run and (not was or self.restarted):
            self.run_began = start
        if self.idle_slots == 1:
            self.run_ended = start
        self.served_slots = self.served_slots + 1 if self.served == YES else 0
        if self.served_slots == 1:
            self.served_since = start
        self.both_slots = self.both_slots + 1 if making and self.served == YES else 0
        ran_before = self.ran
        if self.both_slots >= _BELIEVED:
            self.ran = True
        elif (self.in_run and not was) or self.restarted:
            self.ran = False
        if UNKNOWN in (self.before, self.production, self.served) or self.dark or self.blackout:
            self.unsure_at = start
        patience = 1000 * self.unit.number["R6.after_return_s"]
        steady = self.unsure_at == NONE or start - self.unsure_at > patience
        self.late = NONE
        if self.ran and not ran_before and steady:
            self.late = max(self.served_since - (self.run_began - self.pre_start), 0)
        self.run_on = (
            self.production == NO
            and self.run_ended != NONE
            and start - self.run_ended < self.run_on_ms
            and steady
        )

    @property
    def working(self) -> bool:
        """Production runs and the unit is on, and nobody stands in for it."""
        unit = self.unit
        down = unit.off or unit.dark or unit.over or unit.declared
        return self.production == YES and not down and not self.healthy

    @property
    def turned_down(self) -> bool:
        """It goes on beside production: an alarm of its power ends when that has risen."""
        unit = self.unit
        down = unit.off or unit.dark or unit.idling or unit.declared
        return self.production == YES and not down

    @property
    def judged(self) -> bool:
        """What the unit draws can be believed and compared."""
        return self.unit.believable and self.unit.wired and self.production != UNKNOWN


@dataclass(slots=True)
class Group:
    """Units of which so many must run, in the order of the plant."""

    required: int
    members: list[Treat] = field(default_factory=list)

    def serve(self) -> None:
        """Let those who run serve for all, and choose who is to blame when they are too few."""
        present = [treat for treat in self.members if not treat.unit.declared]
        required = min(self.required, len(present))
        running = sum(treat.served == YES for treat in present)
        hidden = sum(treat.served == UNKNOWN for treat in present)
        proper = sum(
            treat.served == YES and not treat.unit.low and not treat.unit.idling
            for treat in present
        )
        served = NO
        if running >= required:
            served = YES
        elif running + hidden >= required:
            served = UNKNOWN
        off = [treat for treat in present if treat.unit.off and treat.unit.known]
        blamed = max(off, key=lambda treat: treat.unit.on_at, default=None)
        for treat in self.members:
            treat.served, treat.healthy = served, proper >= required
            treat.blamed = treat is blamed
