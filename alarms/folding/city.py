"""The folds of many enterprises at once: rows come in, findings and states come out.

    rows ─ stamp ─► Stamped ─ accept ─► wait for their slots ─ fold ─► Folded ─► keep

Each enterprise goes as far as its own time has come, midnight by midnight, so that its state at the
beginning of each day can be kept.  Which enterprises are together, and how many steps come at once,
changes no result.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import Finding, in_order
from wattwarden.alarms.folding import foldtime, rowset
from wattwarden.alarms.folding.foldtime import NONE, SECOND_MS, Watch
from wattwarden.alarms.folding.groups import Firm, Group, make_groups, part_of
from wattwarden.alarms.folding.rowset import Columns
from wattwarden.alarms.folding.stamped import (
    Folded,
    Kept,
    LateRow,
    Rows,
    Stamped,
    arrivals,
    by_firm,
)
from wattwarden.alarms.plant.points import Factors, Readings, factors_of, samples_of
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.silence.arrivals import Heard, Listener, Look, Sky, listen, make_listener
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Samples, Watched

# Cells of a grid that are folded at once: some 30 MB of columns.
CELLS_AT_ONCE: Final = 400_000


class City:
    """Some enterprises under one registry, one rule file and one set of decisions."""

    def __init__(
        self,
        registry: Registry,
        rules: Rules,
        bodies: Sequence[AnyBody],
        enterprises: Iterable[str],
        kept: Mapping[str, bytes],
    ) -> None:
        known = {name: msgspec.msgpack.decode(body, type=Kept) for name, body in kept.items()}
        self.registry = registry
        self.rules = rules
        self.groups = make_groups(
            registry,
            rules,
            bodies,
            enterprises,
            {name: one.watch for name, one in known.items()},
            {name: one.fold for name, one in known.items()},
        )
        self.listeners = [self._listener(group, known) for group in self.groups]
        places = [(firm, group) for group in self.groups for firm in group.firms]
        places.sort(key=lambda place: place[0].name)
        self.firms = [firm for firm, _ in places]
        self.index = {firm.name: index for index, firm in enumerate(self.firms)}
        self.meters = sorted({meter for firm in self.firms for meter in firm.meters})
        self._group_of = [group for _, group in places]
        self._factor_points = _factor_points(registry)
        self._names = np.array([""])
        self._ears = [np.full(1, NONE, np.int64) for _ in self.listeners]
        self._pairs = np.empty((0, 3), np.int64)
        # Rows of steps up to here are in what was kept.
        self._known_to = np.zeros(len(self.firms), np.int64)
        self._waiting = self._unpacked(known, "readings", rowset.READING_KINDS)
        self._waiting_factors = self._unpacked(known, "factors", rowset.FACTOR_KINDS)

    def number(self, ids: Mapping[str, int]) -> list[tuple[int, str, str]]:
        """Learn the store's numbers of meters, all that have one.

        Returns the factors that points name: (meter's number, channel, code), in the order in which
        the rows' ``wanted`` counts them.
        """
        names = [""] * (max(ids.values(), default=0) + 1)
        for name, number in ids.items():
            names[number] = name
        self._names = np.array(names)
        self._ears = [
            np.array([listener.place.get(name, NONE) for name in names], np.int64)
            for listener in self.listeners
        ]
        pairs = [
            (ids[meter], index, place)
            for index, firm in enumerate(self.firms)
            for place, meter in enumerate(firm.meters)
            if meter in ids
        ]
        self._pairs = np.array(sorted(pairs), np.int64).reshape(-1, 3)
        wanted = (point for point in self._factor_points if point[0] in ids)
        return sorted((ids[meter], channel, code) for meter, channel, code in wanted)

    def start_after(self, steps: Mapping[str, int], others: int) -> None:
        """Leave out rows of steps that are in what was kept of each enterprise, and of others."""
        self._known_to[:] = [steps.get(firm.name, others) for firm in self.firms]
        for listener in self.listeners:
            listener.known_to[:] = [steps.get(name, others) for name in listener.meters.firms]
            for firm in self.firms:
                for meter, skew in zip(firm.meters, firm.watch.skew, strict=True):
                    if meter in listener.place:
                        listener.skew[listener.place[meter]] = skew / SECOND_MS

    def stamp(self, rows: Rows) -> Stamped:
        """Say when rows count; nothing changes until they are accepted."""
        readings, factors = self._new(rows.readings), self._new(rows.factors)
        both = {
            name: np.concatenate([readings[name], factors[name]])
            for name in ("firm", "place", "step", "at", "received_at", "marked", "stands")
        }
        fold_at, late = np.empty(len(both["at"]), np.int64), np.zeros(len(both["at"]), np.bool_)
        watches: dict[int, Watch] = {}
        skews: list[tuple[int, str, float]] = []
        for index, members in by_firm(both["firm"]):
            firm = self.firms[index]
            timed = foldtime.arrive(firm.watch, firm.pace, arrivals(both, members))
            watches[index] = timed.watch
            skews += (
                (step, firm.meters[place], skew / SECOND_MS) for step, place, skew in timed.skews
            )
            fold_at[members], late[members] = timed.fold_at, timed.late
        count = len(readings["at"])
        readings["fold_at"], factors["fold_at"] = fold_at[:count], fold_at[count:]
        late_rows = tuple(
            LateRow(self.firms[both["firm"][row]].name, int(fold_at[row]), int(both["step"][row]))
            for row in np.flatnonzero(late).tolist()
        )
        in_time = rowset.take(readings, ~late[:count]), rowset.take(factors, ~late[count:])
        return Stamped(*in_time, watches, late_rows, self._heard(readings, factors, skews))

    def listen(
        self, stamped: Stamped, looked: Sequence[Look], seconds: Mapping[int, int], sky: Sky
    ) -> list[Finding]:
        """Take looks at all meters, over what had arrived by each; ``seconds`` is each step's."""
        findings: list[Finding] = []
        for listener, heard in zip(self.listeners, stamped.heard, strict=True):
            findings += listen(listener, looked, heard, seconds, sky)
        return list(in_order(findings))

    def accept(self, stamped: Stamped) -> None:
        """Let rows wait for their slots, and move the enterprises' time on."""
        for index, watch in stamped.watches.items():
            self.firms[index].watch = watch
        for waiting, rows in (
            (self._waiting, stamped.readings),
            (self._waiting_factors, stamped.factors),
        ):
            waiting.update(
                {name: np.concatenate([old, rows[name]]) for name, old in waiting.items()}
            )

    def fold(self) -> Folded:
        """Fold every slot whose time has come."""
        findings: list[Finding] = []
        days: dict[tuple[str, date], bytes] = {}
        for group in self.groups:
            _begin(group, days)
            upto = np.array([firm.watch.next_slot for firm in group.firms], np.int64)
            while (behind := group.state.firm.next_slot < upto).any():
                findings += self._fold_furthest_behind(group, behind, upto, days)
        self._forget()
        return Folded(in_order(findings), days)

    def keep(self, enterprise: str) -> bytes:
        """Return all that is remembered of an enterprise."""
        index = self.index[enterprise]
        group = self._group_of[index]
        kept = Kept(
            self.firms[index].watch,
            states.pack(group.state, group.plant, enterprise),
            _packed(self._waiting, index, rowset.READING_KINDS),
            _packed(self._waiting_factors, index, rowset.FACTOR_KINDS),
            self.listeners[self.groups.index(group)].keep(enterprise),
        )
        return msgspec.msgpack.encode(kept)

    def next_slot(self, firm: Firm) -> int:
        """Return the first slot of an enterprise that is not folded, NONE before the first."""
        group = self._group_of[self.index[firm.name]]
        return int(group.state.firm.next_slot[firm.position])

    def placed(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Rows with their enterprise and their meter's place there; once for each they concern."""
        low = np.searchsorted(self._pairs[:, 0], columns["meter"], "left")
        counts = np.searchsorted(self._pairs[:, 0], columns["meter"], "right") - low
        rows = np.repeat(np.arange(len(counts)), counts)
        pair = low[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        placed = rowset.take(columns, rows)
        placed["firm"], placed["place"] = self._pairs[pair, 1], self._pairs[pair, 2]
        return placed

    def samples(self, group: Group, rows: Columns, factors: Columns) -> tuple[Samples, Watched]:
        """Return what rows with fold times say of the units and watches of a whole group."""
        readings = Readings(
            *self._who(rows),
            rows["fold_at"],
            {name: rows[name] for name in (*rowset.QUANTITIES, "energy_forward")},
        )
        samples = samples_of(group.plant, group.routes, readings)
        codes = factors["code"].astype(np.str_)
        said = Factors(
            *self._who(factors), codes, factors["fold_at"], factors["value"], factors["flag"]
        )
        more, watched = factors_of(group.plant, group.routes, said)
        whole = Samples(
            *(
                np.concatenate([getattr(samples, name), getattr(more, name)])
                for name in Samples.__slots__
            )
        )
        return replace(whole, point=group.point_ids[whole.point]), watched

    def _heard(
        self, readings: Columns, factors: Columns, skews: Sequence[tuple[int, str, float]]
    ) -> tuple[Heard, ...]:
        """What each listener hears of rows."""
        phases = np.array([readings[f"power_{phase}"] for phase in "abc"], np.float64)
        total = np.where(np.isnan(phases).all(axis=0), np.nan, np.nansum(phases, axis=0))
        power = np.where(np.isnan(readings["power_total"]), total, readings["power_total"])
        both = np.concatenate([power, np.full(len(factors["step"]), np.nan)])
        volts = np.array([readings[f"voltage_{phase}"] for phase in "abc"], np.float64)
        volts = np.concatenate([np.fmax.reduce(volts), np.full(len(factors["step"]), np.nan)])
        step = np.concatenate([readings["step"], factors["step"]]).astype(np.int64)
        meter = np.concatenate([readings["meter"], factors["meter"]])
        heard = []
        for number, listener in enumerate(self.listeners):
            place = self._ears[number][meter]
            mine = place != NONE
            own = [
                (at, listener.place[name], skew)
                for at, name, skew in skews
                if name in listener.place
            ]
            heard.append(Heard(place[mine], step[mine], both[mine], volts[mine], own))
        return tuple(heard)

    def _new(self, columns: Columns) -> dict[str, NDArray[Any]]:
        placed = self.placed(columns)
        known = placed["step"] <= self._known_to[placed["firm"]]
        return rowset.take(placed, ~known) if known.any() else placed

    def _who(self, columns: Columns) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """Meters by name, and channels."""
        return self._names[columns["meter"]], np.char.rstrip(columns["channel"].astype(np.str_))

    def _fold_furthest_behind(
        self,
        group: Group,
        behind: NDArray[np.bool_],
        upto: NDArray[np.int64],
        days: dict[tuple[str, date], bytes],
    ) -> Sequence[Finding]:
        """Fold one stretch of those who are furthest behind."""
        next_slot = group.state.firm.next_slot
        limit = int(next_slot[behind].min()) + slots_at_once(len(group.plant.units))
        chosen = np.flatnonzero(behind & (next_slot < limit))
        firms = [group.firms[place] for place in chosen.tolist()]
        midnights = np.array([firm.midnight[1] for firm in firms], np.int64)
        targets = np.minimum(np.minimum(upto[chosen], limit), midnights)
        mine = np.zeros(len(self.firms), np.bool_)
        mine[[self.index[firm.name] for firm in firms]] = True
        end = int(targets.max()) * SECOND_MS * group.plant.slot_s
        rows, factors = (
            rowset.take(columns, mine[columns["firm"]] & (columns["fold_at"] < end))
            for columns in (self._waiting, self._waiting_factors)
        )
        part = part_of(group, chosen)
        findings = part.fold(*self.samples(group, rows, factors), targets)
        states.put(group.state, part.rows, part.state)
        for place in np.flatnonzero(targets == midnights).tolist():
            firm = firms[place]
            day, slot = firm.midnight
            days[firm.name, day] = states.pack(group.state, group.plant, firm.name)
            firm.midnight = foldtime.next_midnight(slot, firm.pace)
        return findings

    def _forget(self) -> None:
        """Drop rows whose slots are folded."""
        folded_to = np.array(
            [self.next_slot(firm) * firm.pace.slot_s * SECOND_MS for firm in self.firms], np.int64
        )
        for waiting in (self._waiting, self._waiting_factors):
            left = waiting["fold_at"] >= folded_to[waiting["firm"]]
            waiting.update(rowset.take(waiting, left))

    def _listener(self, group: Group, known: Mapping[str, Kept]) -> Listener:
        names = [firm.name for firm in group.firms if firm.name in known]
        arrivals = {name: known[name].arrivals for name in names}
        return make_listener(self.registry, self.rules, group.plant, group.orders, arrivals)

    def _unpacked(
        self, kept: Mapping[str, Kept], part: str, kinds: Mapping[str, str]
    ) -> dict[str, NDArray[Any]]:
        parts = [rowset.nothing({**kinds, "firm": "i8"})]
        for name in sorted(kept.keys() & self.index.keys()):
            columns = rowset.unpack(getattr(kept[name], part), kinds)
            columns["firm"] = np.full(rowset.length(columns), self.index[name], np.int64)
            parts.append(columns)
        return rowset.joined(parts)


def slots_at_once(units: int) -> int:
    """Return how many slots of so many units are folded at once."""
    return max(1, CELLS_AT_ONCE // max(1, units))


def _begin(group: Group, days: dict[tuple[str, date], bytes]) -> None:
    """Let enterprises that spoke for the first time begin at the start of that day."""
    next_slot = group.state.firm.next_slot
    for firm in group.firms:
        if next_slot[firm.position] == NONE and firm.watch.first != NONE:
            first = firm.watch.first
            next_slot[firm.position] = first
            day = foldtime.local_day(first * firm.pace.slot_s * SECOND_MS, firm.pace.zone)
            days[firm.name, day] = states.pack(group.state, group.plant, firm.name)
            firm.midnight = foldtime.next_midnight(first, firm.pace)


def _packed(columns: Columns, index: int, kinds: Mapping[str, str]) -> bytes:
    return rowset.pack(rowset.take(columns, columns["firm"] == index), kinds)


def _factor_points(registry: Registry) -> set[tuple[str, str, str]]:
    """Return meter, channel and factor of every point of a factor."""
    points = registry.point.values()
    return {(point.meter, point.channel, point.factor) for point in points if point.factor}
