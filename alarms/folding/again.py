"""Folding days again, over rows as they are stored now: from a kept state until nothing differs.

state at the day's start ─ fold ─► midnight: equal to the kept one?  yes ─► done
                                     └ no ─► keep it instead, go on ─► … ─► now: it is the state
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from wattwarden.alarms.episodes.findings import Finding, in_order
from wattwarden.alarms.folding import foldtime, rowset
from wattwarden.alarms.folding.city import City, slots_at_once
from wattwarden.alarms.folding.foldtime import SECOND_MS
from wattwarden.alarms.folding.groups import Firm, Group, Part, part_of
from wattwarden.alarms.folding.stamped import Rows, arrivals, by_firm
from wattwarden.alarms.states import state as states


@dataclass(slots=True)
class Redone:
    """What became of an enterprise: folded again from ``since`` to ``until`` (ms), and found.

    ``reached_now``: nothing of what came after ``since`` stays as it was.
    """

    since: int
    until: int
    reached_now: bool = False
    findings: list[Finding] = field(default_factory=list)


class Again:
    """Enterprises of one group that are folded again from the beginning of one local day on.

    Take one day after another while ``firms`` is not empty: read the rows of ``span()``, then
    ``fold_day`` with them and the states kept for ``next_day``.
    """

    def __init__(self, city: City, group: Group, day: date, packs: Mapping[str, bytes]) -> None:
        self.day = day
        self.firms = [firm for firm in group.firms if firm.name in packs]
        self.done: dict[str, Redone] = {}
        self.days: dict[tuple[str, date], bytes] = {}
        self._city = city
        self._group = group
        self._part = self._of(self.firms)
        self._part.state = states.unpack(self._part.plant, packs, foldtime.NONE)
        for place, firm in enumerate(self.firms):
            since = int(self._part.state.firm.next_slot[place]) * firm.pace.slot_s * SECOND_MS
            self.done[firm.name] = Redone(since, since)

    @property
    def next_day(self) -> date:
        """The day whose beginning is reached next."""
        return foldtime.next_midnight(self._first_slot(self.firms[0]), self.firms[0].pace)[0]

    def span(self) -> tuple[int, int]:
        """Return from when to when (ms of fold time) rows are needed for the day."""
        slots = [
            (self._first_slot(firm), self._target(firm), firm.pace.slot_s) for firm in self.firms
        ]
        return (
            min(first * slot_s for first, _, slot_s in slots) * SECOND_MS,
            max(target * slot_s for _, target, slot_s in slots) * SECOND_MS,
        )

    def fold_day(self, rows: Rows, kept: Mapping[str, bytes]) -> None:
        """Fold the day; enterprises whose state then is the kept one, or that are at now, end."""
        timed = [self._timed(columns) for columns in (rows.readings, rows.factors)]
        samples, watched = self._city.samples(self._group, timed[0], timed[1])
        targets = np.array([self._target(firm) for firm in self.firms], np.int64)
        findings: list[Finding] = []
        while (slots := self._part.state.firm.next_slot) is not None and (slots < targets).any():
            limit = int(slots.min()) + slots_at_once(len(self._part.plant.units))
            upto = np.maximum(slots, np.minimum(targets, limit))
            findings += self._part.fold(samples, watched, upto)
        for finding in in_order(findings):
            self.done[finding.enterprise].findings.append(finding)
        self._settle(kept)

    def _settle(self, kept: Mapping[str, bytes]) -> None:
        """Close the day: keep states, end enterprises, go on with the others."""
        next_day, state, plant = self.next_day, self._part.state, self._part.plant
        left = []
        for place, firm in enumerate(self.firms):
            done = self.done[firm.name]
            done.until = self._target(firm) * firm.pace.slot_s * SECOND_MS
            packed = states.pack(state, plant, firm.name)
            at_midnight = self._target(firm) == foldtime.first_slot(next_day, firm.pace)
            if at_midnight and kept.get(firm.name) == packed:
                continue
            if at_midnight:
                self.days[firm.name, next_day] = packed
            if self._target(firm) == self._city.next_slot(firm):
                done.reached_now = True
                rows = states.rows_of(plant, np.array([place]))
                there = states.rows_of(self._group.plant, np.array([firm.position]))
                states.put(self._group.state, there, states.take(state, rows))
            else:
                left.append(place)
        self.day = next_day
        self._narrow(left)

    def _narrow(self, left: Sequence[int]) -> None:
        if len(left) == len(self.firms):
            return
        rows = states.rows_of(self._part.plant, np.array(left, np.intp))
        state = states.take(self._part.state, rows)
        self.firms = [self.firms[place] for place in left]
        if left:
            self._part = self._of(self.firms)
            self._part.state = state

    def _of(self, firms: Sequence[Firm]) -> Part:
        return part_of(self._group, np.array([firm.position for firm in firms], np.intp))

    def _first_slot(self, firm: Firm) -> int:
        return foldtime.first_slot(self.day, firm.pace)

    def _target(self, firm: Firm) -> int:
        """How far an enterprise goes: the next midnight, or now."""
        midnight = foldtime.next_midnight(self._first_slot(firm), firm.pace)[1]
        return min(midnight, self._city.next_slot(firm))

    def _timed(self, columns: rowset.Columns) -> rowset.Columns:
        """Rows with fold times, by the clocks as they are known now."""
        placed = self._city.placed(columns)
        fold_at = np.empty(len(placed["at"]), np.int64)
        for index, members in by_firm(placed["firm"]):
            firm = self._city.firms[index]
            fold_at[members] = foldtime.fold_times(firm.watch, firm.pace, arrivals(placed, members))
        placed["fold_at"] = fold_at
        return placed
