"""From moved timers to findings: which rule, whose fault, what stands behind what."""

from collections.abc import Iterable, Iterator

import numpy as np

from wattwarden.alarms.episodes.explain import explain
from wattwarden.alarms.episodes.facts import facts
from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Explanation,
    Finding,
    Key,
    Raised,
    Returned,
)
from wattwarden.alarms.episodes.timers import Moved
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import RULE_OF, Row
from wattwarden.alarms.plant.table import I64, NONE
from wattwarden.alarms.rules import meter
from wattwarden.alarms.rules import sync as sync_rules
from wattwarden.alarms.rules.supply import blackout_text, fed_at
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State
from wattwarden.alarms.states.sync import Beside

# Timers.rule of a row: its only rule, R2 for the row OFF; swallowed by the firm's blackout.
_FIRST, _SECOND, _SWALLOWED = 0, 1, 2


class Episodes:
    """The episodes of one block."""

    def __init__(self, plant: Plant, state: State, block: Block, beside: Beside | None) -> None:
        """Take the block with what stood beside it."""
        self._plant, self._state, self._block, self._beside = plant, state, block, beside
        self._treat_at = {unit: treat for treat, unit in enumerate(plant.treats.tolist())}
        self._fed: I64 | None = None
        timers = state.timers
        # As they are in the slot that is looked at, from before the block on.
        self._off = timers.raised[:, Row.OFF].copy()
        self._off_ended = timers.last_ended[:, Row.OFF].copy()
        stopped = timers.raised[:, Row.STOP]
        self._stop_began = np.where(stopped, timers.began[:, Row.STOP], NONE)
        self._dark_began = np.where(timers.raised[:, Row.SUPPLY], timers.began[:, Row.SUPPLY], NONE)

    def follow(self, moved: list[tuple[Moved, Row, int]]) -> Iterator[Finding]:
        """Yield what moved timers and instants mean, in their order of time."""
        waiting = sorted(moved, key=lambda item: (item[0].slot, item[0].index), reverse=True)
        for slot in self._slots(moved):
            now = []
            while waiting and waiting[-1][0].slot == slot:
                now.append(waiting.pop())
            for each, row, unit in now:
                self._note(each, row, unit)
            for each, row, unit in now:
                if row is Row.SUPPLY:
                    yield from self._supply(each, unit)
                else:
                    yield from self._plain(each, row, unit)
            yield from self._left_dark(slot)
            yield from self._late(slot)
        for slot, unit in meter.counter_fell(self._block):
            at = int(self._block.at[slot, unit])
            yield from self._instant("R10", "energy_fall", slot, unit, (at, at))

    def _plain(self, moved: Moved, row: Row, unit: int) -> Iterator[Finding]:
        rule, kind = RULE_OF[row]
        codes = self._state.timers.rule
        if row is Row.OFF:
            if moved.what == "raised" and self._beside is not None:
                ran = self._beside.ran[moved.slot, self._treat_at[unit]]
                codes[unit, row] = _SECOND if ran else _FIRST
            rule = "R2" if codes[unit, row] == _SECOND else "R1"
        subject = self._subject(rule, unit)
        key = Key(rule, subject, kind, moved.began)
        firm = self._plant.firms[self._plant.unit.firm[unit]]
        if moved.what == "ended":
            yield Ended(key, firm, moved.at, int(self._block.at[moved.slot, unit]))
        elif moved.what == "returned":
            yield Returned(key, firm, moved.at)
        else:
            yield Raised(self._alarm(key, unit, moved.slot, moved.at, self._suppressor(row, unit)))

    def _alarm(
        self, key: Key, unit: int, slot: int, at: int, suppressed_by: Key | None = None
    ) -> Alarm:
        plant = self._plant
        known = facts(plant, self._state, self._block, self._beside, (slot, unit), at - key.began)
        line = plant.unit.line[unit]
        return Alarm(
            rule=key.rule,
            subject=key.subject,
            enterprise=plant.firms[plant.unit.firm[unit]],
            line=plant.lines[line] if line >= 0 else "",
            kind=key.kind,
            began=key.began,
            raised=at,
            suppressed_by=suppressed_by,
            version=plant.version,
            explanation=explain(key.rule, key.kind, known),
        )

    def _subject(self, rule: str, unit: int) -> str:
        meter_of = self._plant.unit_meters[unit]
        if rule == "R10" and meter_of:
            return f"meter:{meter_of}"
        return f"unit:{self._plant.units[unit]}"

    def _suppressor(self, row: Row, unit: int) -> Key | None:
        """R11 says more than that treatment of the stopped production runs badly; never R1, R2."""
        treat = self._treat_at.get(unit)
        if row not in (Row.IDLE, Row.VFD, Row.SLOW) or treat is None:
            return None
        makers = self._plant.pair_unit[self._plant.pair_owner == treat]
        broken = [maker for maker in makers.tolist() if self._stop_began[maker] != NONE]
        if not broken:
            return None
        first = broken[0]
        return Key("R11", self._subject("R11", first), "", int(self._stop_began[first]))

    def _note(self, moved: Moved, row: Row, unit: int) -> None:
        """Keep what stands in the slot that is looked at."""
        stands = moved.what != "ended"
        if row is Row.OFF:
            self._off[unit] = stands
            if not stands:
                self._off_ended[unit] = moved.at
        elif row is Row.STOP:
            self._stop_began[unit] = moved.began if stands else NONE
        elif row is Row.SUPPLY:
            self._dark_began[unit] = moved.began if stands else NONE

    def _slots(self, moved: list[tuple[Moved, Row, int]]) -> Iterable[int]:
        """Return the slots in which something may be found."""
        swallowed = self._state.timers.rule[:, Row.SUPPLY] == _SWALLOWED
        if (swallowed & (self._dark_began != NONE)).any():
            return range(len(self._block.at))
        slots = {each.slot for each, *_ in moved}
        if self._beside is not None:
            slots.update(np.flatnonzero((self._beside.late > 0).any(axis=1)).tolist())
        if any(row is Row.SUPPLY for _, row, _ in moved):
            slots.update(range(min(slots), len(self._block.at)))
        return sorted(slots)

    def _left_dark(self, slot: int) -> Iterator[Finding]:
        """R9 of units that are still without supply when their firm has it again."""
        plant, block, firms = self._plant, self._block, self._state.firm
        codes = self._state.timers.rule[:, Row.SUPPLY]
        owner = plant.unit.firm
        left = (codes == _SWALLOWED) & (self._dark_began != NONE) & (firms.blackout[owner] == NONE)
        left &= block.fresh[slot] & block.known[slot] & block.dark[slot] & ~block.declared[slot]
        left &= block.at[slot] > firms.blackout_ended[owner]
        for unit in np.flatnonzero(left).tolist():
            codes[unit] = _FIRST
            key = Key("R9", self._subject("R9", unit), "", int(self._dark_began[unit]))
            yield Raised(self._alarm(key, unit, slot, int(block.at[slot, unit])))

    def _late(self, slot: int) -> Iterator[Finding]:
        if self._beside is None:
            return
        plant = self._plant
        for treat, late in sync_rules.late(plant, self._block, self._beside, slot):
            unit = int(plant.treats[treat])
            at = int(self._block.at[slot, unit])
            began = at - late
            # R1 of the same start stands, or has ended already.
            if not self._off[unit] and self._off_ended[unit] < began:
                yield from self._instant("R6", "", slot, unit, (began, at))

    def _instant(
        self, rule: str, kind: str, slot: int, unit: int, span: tuple[int, int]
    ) -> Iterator[Finding]:
        """An episode that is over when it is found."""
        began, at = span
        key = Key(rule, self._subject(rule, unit), kind, began)
        yield Raised(self._alarm(key, unit, slot, at))
        yield Ended(key, self._plant.firms[self._plant.unit.firm[unit]], at, at)

    def _supply(self, moved: Moved, unit: int) -> Iterator[Finding]:
        """R9: one for the firm where nobody else had voltage since, else one for the unit."""
        plant, firm_state = self._plant, self._state.firm
        firm = int(plant.unit.firm[unit])
        codes = self._state.timers.rule
        name = plant.firms[firm]
        at = int(self._block.at[moved.slot, unit])
        swallowed = codes[unit, Row.SUPPLY] == _SWALLOWED
        if moved.what == "ended":
            if not swallowed:
                yield from self._plain(moved, Row.SUPPLY, unit)
            elif firm_state.blackout[firm] != NONE:
                began = int(firm_state.blackout[firm])
                firm_state.blackout[firm] = NONE
                firm_state.last_blackout[firm] = began
                firm_state.blackout_ended[firm] = moved.at
                yield Ended(self._blackout_key(name, began), name, moved.at, at)
            return
        if moved.what == "returned" and not swallowed:
            yield from self._plain(moved, Row.SUPPLY, unit)
            return
        if firm_state.blackout[firm] != NONE:
            codes[unit, Row.SUPPLY] = _SWALLOWED
            return
        if moved.what == "returned":
            began = int(firm_state.last_blackout[firm])
            firm_state.blackout[firm] = began
            yield Returned(self._blackout_key(name, began), name, moved.at)
            return
        if self._fed is None:
            self._fed = fed_at(plant, self._state, self._block)
        if self._fed[moved.slot, firm] > moved.began:
            codes[unit, Row.SUPPLY] = _FIRST
            yield from self._plain(moved, Row.SUPPLY, unit)
            return
        codes[unit, Row.SUPPLY] = _SWALLOWED
        firm_state.blackout[firm] = moved.began
        yield Raised(self._blackout(firm, unit, moved))

    def _blackout(self, firm: int, unit: int, moved: Moved) -> Alarm:
        plant = self._plant
        key = self._blackout_key(plant.firms[firm], moved.began)
        alarm = self._alarm(key, unit, moved.slot, moved.at)
        said = alarm.explanation
        zh, en = blackout_text(plant.firm_names[firm], moved.at - moved.began)
        explanation = Explanation(zh, en, said.signals, said.thresholds, said.windows, said.version)
        return Alarm(
            rule="R9", subject=key.subject, enterprise=alarm.enterprise, began=moved.began,
            raised=moved.at, version=alarm.version, explanation=explanation,
        )  # fmt: skip

    @staticmethod
    def _blackout_key(firm: str, began: int) -> Key:
        return Key("R9", f"enterprise:{firm}", "", began)
