"""The oracle: the rules of the slots as a plain loop over readings, to hold the fold against.

Slot by slot, firm by firm, unit by unit: what its meter said, what the unit does, what stands
beside it, which conditions hold, and what timers make of them.  R1 to R7, R9 to R11, R15, R20.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from typing import Final
from zoneinfo import ZoneInfo

from tests.alarms.oracle_memory import short
from tests.alarms.oracle_plant import MAKERS, Firm, Watch, unit_of, watch_of
from tests.alarms.oracle_timer import Timer
from tests.alarms.oracle_treat import NO, UNKNOWN, YES, Group, Treat
from tests.alarms.oracle_unit import NONE, Reading, Unit

from wattwarden.alarms.plant.orders import NO_ORDERS, Orders, Stretch
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.states.grid import Grid

QUARTER_MS: Final = 900_000


@dataclass(slots=True)
class Episode:
    """An alarm; ms."""

    rule: str
    subject: str
    kind: str
    began: int
    raised: int
    ended: int | None = None


class Oracle:
    """Folds grids of a plant, one reading after the other; what it found is in its attributes."""

    def __init__(self, plant: Plant, orders: Orders = NO_ORDERS) -> None:
        self.transitions: list[tuple[str, int, int]] = []
        self.episodes: dict[tuple[str, str, str, int], Episode] = {}
        self._slot_ms = 1000 * plant.slot_s
        self._orders = orders
        self.units = [unit_of(plant, index) for index in range(len(plant.units))]
        self._firms = [
            Firm(name, ZoneInfo(zone)) for name, zone in zip(plant.firms, plant.zones, strict=True)
        ]
        for index, unit in enumerate(self.units):
            self._firms[plant.unit.firm[index]].units.append(unit)
        treats = []
        for index in plant.treats.tolist():
            pre_start, run_on = int(plant.unit.pre_start[index]), int(plant.unit.run_on[index])
            treats.append(Treat(self.units[index], [], pre_start, run_on))
            self._firms[plant.unit.firm[index]].treats.append(treats[-1])
        for owner, maker in zip(plant.pair_owner.tolist(), plant.pair_unit.tolist(), strict=True):
            treats[owner].makers.append(self.units[maker])
        groups = [Group(required) for required in plant.group_required.tolist()]
        for member, at in zip(plant.members.tolist(), plant.member_group.tolist(), strict=True):
            groups[at].members.append(treats[member])
        for group in groups:
            firm = plant.unit.firm[plant.units.index(group.members[0].unit.name)]
            self._firms[firm].groups.append(group)
        for index in range(len(plant.watches)):
            watch = watch_of(plant, index, self.units)
            self._firms[plant.watch.firm[index]].watches.append((index, watch))
        self._place = {unit.name: index for index, unit in enumerate(self.units)}
        self._grace = max(
            (round(1000 * unit.number["R11.grace_s"]) for unit in self.units), default=0
        )

    def fold(self, grid: Grid) -> None:
        """Take the next slots."""
        rows = zip(
            grid.at.tolist(), grid.power.tolist(), grid.current.tolist(),
            grid.current_low.tolist(), grid.current_high.tolist(), grid.voltage_low.tolist(),
            grid.voltage_high.tolist(), grid.power_factor.tolist(), grid.energy.tolist(),
            grid.status.tolist(), grid.point.tolist(), strict=True,
        )  # fmt: skip
        factors = zip(
            grid.factor_at.tolist(), grid.factor_value.tolist(), grid.factor_flag.tolist(),
            strict=True,
        )  # fmt: skip
        start = grid.first * self._slot_ms
        for row, watched in zip(rows, factors, strict=True):
            readings = [Reading(*cell) for cell in zip(*row, strict=True)]
            heard = list(zip(*watched, strict=True))
            for firm in self._firms:
                self._slot(firm, start, readings, heard)
            start += self._slot_ms

    def _slot(
        self, firm: Firm, start: int, readings: list[Reading], heard: list[tuple[int, float, int]]
    ) -> None:
        if start >= firm.next_look:
            self._midnight(firm, start)
        end = start + self._slot_ms
        for unit in firm.units:
            unit.hear(readings[self._place[unit.name]], end)
            unit.declared = self._ordered(self._orders.declared, unit, end, 0)
            if unit.fresh and not isnan(unit.voltage) and not unit.dark:
                firm.fed_at = max(firm.fed_at, unit.at)
            unit.idling = unit.idle
        for treat in firm.treats:
            treat.look()
            treat.serve()
        for group in firm.groups:
            group.serve()
        dark = any(unit.dark for unit in firm.units)
        for treat in firm.treats:
            treat.blackout = dark and end - firm.fed_at > 2 * self._slot_ms
            treat.follow(start)
        frozen = self._judge(firm, start, end)
        for index, watch in firm.watches:
            self._watch(watch, heard[index])
        self._learn(firm, frozen)

    def _judge(self, firm: Firm, start: int, end: int) -> set[str]:
        """Move all timers; returns the units whose learning must rest."""
        frozen: set[str] = set()
        for unit in firm.units:
            shown = unit.show(start)
            if shown is not None:
                self.transitions.append((unit.name, *shown))
            self._judge_unit(unit, frozen)
        for unit in firm.units:
            self._judge_supply(firm, unit)
        self._judge_left_dark(firm)
        for unit in firm.units:
            if unit.kind in MAKERS:
                stopped = self._ordered(self._orders.stopped, unit, end, self._grace)
                broken = unit.run and stopped
                self._time(unit, ("R11", "R11"), judged=unit.believable, true=broken)
        for treat in firm.treats:
            self._judge_treat(treat, frozen, end)
        self._judge_late(firm)
        return frozen

    def _judge_unit(self, unit: Unit, frozen: set[str]) -> None:
        """R7, R10, R15."""
        number = unit.number
        heard = unit.fresh and unit.known
        if unit.kind == "treatment":
            over = unit.over and not unit.dark and not unit.declared
            delay = round(number["R7.delay_cycles"]) * unit.cycle
            if self._time(unit, ("R7", "R7"), judged=unit.believable, true=over, delay=delay):
                frozen.add(unit.name)
            enough = round(number["R15.switches"])
            recent = unit.switches[-enough:]
            often = len(recent) == enough and unit.at - recent[0] <= 1000 * number["R15.within_s"]
            often = often and not unit.declared
            self._time(unit, ("R15", "R15"), judged=unit.believable, true=often, delay=0)
        same = unit.same >= number["R10.frozen_samples"] and not unit.declared
        self._time(unit, ("frozen", "R10"), judged=unit.fresh, true=same, delay=0, kind="frozen")
        lost = unit.phase_lost and not unit.declared
        self._time(unit, ("phase_loss", "R10"), judged=heard, true=lost, kind="phase_loss")
        turned = unit.reversed and not unit.declared
        self._time(unit, ("reversed", "R10"), judged=heard, true=turned, kind="reversed")
        if unit.fell and not unit.declared:
            self._instant("R10", _subject("R10", unit), "energy_fall", unit.at, unit.at)

    def _judge_supply(self, firm: Firm, unit: Unit) -> None:
        """R9: for the firm when nobody else had voltage since, else for the unit."""
        timer = unit.timers["R9"]
        what = ""
        if unit.fresh and unit.known:
            delay = round(unit.number["R9.delay_cycles"]) * unit.cycle
            if unit.dark and not unit.declared:
                what = timer.hit(unit.at, unit.step, delay)
            else:
                what = timer.miss(unit.at, unit.step, _off_delay(unit, "R9"))
        whole = f"enterprise:{firm.name}"
        if what == "ended":
            if timer.rule != "firm":
                self._end("R9", f"unit:{unit.name}", "", timer)
            elif firm.blackout != NONE:
                self.episodes["R9", whole, "", firm.blackout].ended = timer.last_ended
                firm.blackout_ended = timer.last_ended
                firm.last_blackout, firm.blackout = firm.blackout, NONE
        elif what == "returned" and timer.rule != "firm":
            self.episodes["R9", f"unit:{unit.name}", "", timer.began].ended = None
        elif what and firm.blackout != NONE:
            timer.rule = "firm"
        elif what == "returned":
            firm.blackout = firm.last_blackout
            self.episodes["R9", whole, "", firm.blackout].ended = None
        elif what and firm.fed_at > timer.began:
            timer.rule = "unit"
            self._raise("R9", f"unit:{unit.name}", "", timer.began, unit.at)
        elif what:
            timer.rule, firm.blackout = "firm", timer.began
            self._raise("R9", whole, "", timer.began, unit.at)

    def _judge_left_dark(self, firm: Firm) -> None:
        """R9 of units that stay without supply when their firm has it again."""
        for unit in firm.units:
            timer = unit.timers["R9"]
            hidden = timer.raised and timer.rule == "firm" and firm.blackout == NONE
            dark = unit.fresh and unit.known and unit.dark and not unit.declared
            if hidden and dark and unit.at > firm.blackout_ended:
                timer.rule = "unit"
                self._raise("R9", f"unit:{unit.name}", "", timer.began, unit.at)

    def _judge_treat(self, treat: Treat, frozen: set[str], end: int) -> None:
        """R1 to R5."""
        unit, number = treat.unit, treat.unit.number
        if treat.restarted:
            for rule in ("R1", "R3", "R4", "R5"):
                unit.timers[rule].forget()
        wanted = treat.production == YES or (treat.run_on and treat.ran)
        off = unit.off and not unit.dark and not unit.declared
        rule = "R2" if treat.ran else "R1"
        sure = unit.believable and UNKNOWN not in (treat.production, treat.served)
        missing = wanted and off and treat.served == NO and treat.blamed
        if unit.drive == "pulsed":
            # Its pause does not begin before production.
            missing = missing and end - treat.run_began >= 1000 * number["state.pulse_window_s"]
        delay = round(1000 * number[f"{rule}.delay_s"])
        rests = self._time(unit, ("R1", rule), judged=sure, true=missing, delay=delay)
        working, judged = treat.working, treat.judged
        idling = working and unit.idling
        rests |= self._time(unit, ("R3", "R3"), judged=judged, true=idling)
        judged = judged and (not isnan(treat.least) or treat.production == NO)
        low = working and unit.low and not unit.idling
        behind = unit.drive == "vfd"
        for rule, true in (("R4", low and behind), ("R5", low and not behind)):
            # Enough for a lower load is not recovered.
            enough = short(1.1) * unit.timers[rule].level
            held = unit.timers[rule].raised and treat.turned_down and unit.level < enough
            told = judged and (true or not held)
            rests |= self._time(unit, (rule, rule), judged=told, true=true)
        if rests:
            frozen.add(unit.name)

    def _judge_late(self, firm: Firm) -> None:
        """R6; of a group that serves, the first member is named."""
        named: set[int] = set()
        for treat in firm.treats:
            unit = treat.unit
            if treat.late <= round(1000 * unit.number["R6.late_s"]):
                continue
            group = next((id(one) for one in firm.groups if treat in one.members), 0)
            if group in named:
                continue
            if group:
                named.add(group)
            timer = unit.timers["R1"]
            began = unit.at - treat.late
            if not timer.raised and not unit.declared and timer.last_ended < began:
                self._instant("R6", f"unit:{unit.name}", "", began, unit.at)

    def _watch(self, watch: Watch, heard: tuple[int, float, int]) -> None:
        """R20: over the limit, flagged, constant."""
        at, value, flag = heard
        if at <= watch.at:
            return
        gap = at - watch.at if watch.at != NONE else 0
        step = gap if gap <= 2 * watch.cycle + watch.cycle // 2 else 0
        watch.same = watch.same + 1 if value == watch.value and value != 0 else 0
        watch.at, watch.value = at, value
        normal = flag in (0, ord("N"))
        producing = any(maker.run for maker in watch.makers)
        conditions = {
            "limit": normal and value > watch.limit,
            "flag": not normal and producing,
            "constant": watch.same >= watch.number["R20.constant_samples"] and producing,
        }
        off_delay = max(round(1000 * watch.number["R20.off_delay_s"]), 2 * watch.cycle)
        for kind, true in conditions.items():
            timer = watch.timers[kind]
            delay = round(1000 * watch.number["R20.delay_s"])
            what = timer.hit(at, step, delay) if true else timer.miss(at, step, off_delay)
            named = f"{kind}:{watch.factor}"
            self._note(what, "R20", f"outlet:{watch.outlet}", named, timer, at)

    def _time(
        self,
        unit: Unit,
        names: tuple[str, str],
        *,
        judged: bool,
        true: bool,
        delay: int | None = None,
        kind: str = "",
    ) -> bool:
        """Move a condition's timer where it can be judged; returns whether it runs.

        ``names`` are the timer's and the rule's.
        """
        name, rule = names
        timer, what = unit.timers[name], ""
        if judged:
            if true:
                if delay is None:
                    delay = round(1000 * unit.number[f"{rule}.delay_s"])
                what = timer.hit(unit.at, unit.step, delay)
            else:
                what = timer.miss(unit.at, unit.step, _off_delay(unit, rule))
            if what == "raised":
                timer.rule = rule
            if what in ("raised", "returned"):
                timer.level = unit.level
            if what:
                self._note(what, timer.rule, _subject(rule, unit), kind, timer, unit.at)
        # The sample that ends an alarm is still one of its own.
        return true or timer.began != NONE or what == "ended"

    def _note(self, what: str, rule: str, subject: str, kind: str, timer: Timer, at: int) -> None:
        if what == "raised":
            self._raise(rule, subject, kind, timer.began, at)
        elif what == "returned":
            self.episodes[rule, subject, kind, timer.began].ended = None
        elif what == "ended":
            self._end(rule, subject, kind, timer)

    def _raise(self, rule: str, subject: str, kind: str, began: int, raised: int) -> None:
        self.episodes[rule, subject, kind, began] = Episode(rule, subject, kind, began, raised)

    def _end(self, rule: str, subject: str, kind: str, timer: Timer) -> None:
        self.episodes[rule, subject, kind, timer.last_began].ended = timer.last_ended

    def _instant(self, rule: str, subject: str, kind: str, began: int, at: int) -> None:
        self.episodes[rule, subject, kind, began] = Episode(rule, subject, kind, began, at, at)

    def _ordered(self, stretches: tuple[Stretch, ...], unit: Unit, end: int, grace: int) -> bool:
        if not stretches:
            return False
        place = self._place[unit.name]
        return any(
            place in stretch.units and stretch.start + grace < end <= stretch.end
            for stretch in stretches
        )

    def _learn(self, firm: Firm, frozen: set[str]) -> None:
        treats = {treat.unit.name: treat for treat in firm.treats}
        for unit in firm.units:
            unit.count_day()
            if not (unit.fresh and unit.run and unit.wired) or unit.declared:
                continue
            reading, memory = unit.last, unit.memory
            if unit.name in frozen and memory.run_days >= unit.number["state.learn_run_days"]:
                continue
            treat = treats.get(unit.name)
            if treat is not None and treat.production != YES:
                continue
            if (isnan(reading.power) and isnan(reading.current)) or unit.watts / unit.rated < 0.05:
                continue
            share = memory.count(unit.watts)
            if treat is not None and treat.load != NONE:
                memory.count_load(share, treat.load)
            said = reading.power + reading.power_factor + reading.current
            if abs(unit.level - 1) < 0.10 and not isnan(said):
                memory.count_near(reading.power_factor, reading.current)

    def _midnight(self, firm: Firm, start: int) -> None:
        """Close the day where another has begun; days begin at quarters of an hour."""
        firm.next_look = start - start % QUARTER_MS + QUARTER_MS
        day = datetime.fromtimestamp(start / 1000, UTC).astimezone(firm.zone).toordinal()
        if firm.day not in (NONE, day):
            for unit in firm.units:
                unit.memory.close(unit.number, unit.run_ms, unit.cycle, day - firm.day)
                unit.run_ms = unit.energy_mwh = 0
        firm.day = day


def _subject(rule: str, unit: Unit) -> str:
    """Faults of a meter are the meter's."""
    return f"meter:{unit.meter}" if rule == "R10" and unit.meter else f"unit:{unit.name}"


def _off_delay(unit: Unit, rule: str) -> int:
    return max(round(1000 * unit.number[f"{rule}.off_delay_s"]), 2 * unit.cycle)
