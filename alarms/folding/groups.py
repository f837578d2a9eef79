"""Enterprises with one slot length, folded together or in parts, each as far as it may go."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import Finding
from wattwarden.alarms.folding import foldtime
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.folding.foldtime import NONE, SECOND_MS, Pace, Watch
from wattwarden.alarms.plant.compile import compile_plant, slot_of
from wattwarden.alarms.plant.orders import Orders, compile_orders, taken
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.points import Routes, compile_routes
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Samples, Watched, grid_of
from wattwarden.alarms.states.state import State

_NUMBER_BITS: Final = 0x7FFFFFFF


@dataclass(slots=True, eq=False)
class Firm:
    """An enterprise: where it stands in its plant, its meters in order, its time."""

    name: str
    position: int
    meters: tuple[str, ...]
    pace: Pace
    watch: Watch
    # The next local day and its first slot.
    midnight: tuple[date, int] = (date.max, NONE)


@dataclass(slots=True, eq=False)
class Group:
    """Enterprises with one slot length, in the order of the plant."""

    plant: Plant
    rules: Rules
    routes: Routes
    # The same number for a point in every plant, in the place of its position in the routes.
    point_ids: NDArray[np.int32]
    orders: Orders
    state: State
    firms: list[Firm] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """Some enterprises of a group with a state of their own."""

    plant: Plant
    rules: Rules
    orders: Orders
    state: State
    # Which rows of the group's tables these are, by axis.
    rows: Mapping[str, NDArray[np.intp]]

    def fold(
        self, samples: Samples, watched: Watched, targets: NDArray[np.int64]
    ) -> Sequence[Finding]:
        """Fold each enterprise up to its target, from samples of the group's units."""
        first = int(self.state.firm.next_slot.min())
        unit = _moved(self.rows["unit"], samples.unit)
        watch = _moved(self.rows["watch"], watched.watch)
        mine, watching = unit >= 0, watch >= 0
        grid = grid_of(
            self.plant,
            replace(_chosen_samples(samples, mine), unit=unit[mine]),
            first,
            int(targets.max()) - first,
            replace(_chosen_watched(watched, watching), watch=watch[watching]),
        )
        self.state, findings = fold(self.plant, self.rules, self.state, grid, targets, self.orders)
        return findings


def part_of(group: Group, chosen: NDArray[np.intp]) -> Part:
    """Return the enterprises at some positions, ascending, with a copy of their state."""
    rows = states.rows_of(group.plant, chosen)
    plant, orders = group.plant, group.orders
    if len(chosen) < len(group.firms):
        plant = group.plant.take(chosen.tolist())
        orders = taken(group.orders, group.plant, plant, rows["unit"].tolist())
    return Part(plant, group.rules, orders, states.take(group.state, rows), rows)


def make_groups(
    registry: Registry,
    rules: Rules,
    bodies: Sequence[AnyBody],
    enterprises: Iterable[str],
    watches: Mapping[str, Watch],
    packs: Mapping[str, bytes],
) -> list[Group]:
    """Compile enterprises into groups, with what was kept of them."""
    meters = _meters_of(registry)
    by_slot: dict[int, list[str]] = {}
    for name in sorted(enterprises):
        by_slot.setdefault(slot_of(registry, name), []).append(name)
    groups = []
    for slot_s, names in sorted(by_slot.items()):
        plant = compile_plant(registry, rules, names)
        routes = compile_routes(registry, plant)
        kept = {name: packs[name] for name in names if name in packs}
        state = states.unpack(plant, kept, NONE)
        orders = compile_orders(plant, bodies)
        group = Group(plant, rules, routes, _numbers(routes), orders, state)
        for position, name in enumerate(plant.firms):
            cycles = meters.get(name, {})
            order = tuple(sorted(cycles))
            pace = Pace(
                slot_s,
                plant.zones[position],
                np.array([cycles[meter] * SECOND_MS for meter in order], np.int64),
            )
            watch = watches.get(name, Watch()).of(order)
            firm = Firm(name, position, order, pace, watch)
            next_slot = int(state.firm.next_slot[position])
            if next_slot != NONE:
                firm.midnight = foldtime.next_midnight(next_slot, pace)
            group.firms.append(firm)
        groups.append(group)
    return groups


def _meters_of(registry: Registry) -> dict[str, dict[str, int]]:
    """Return each enterprise's meters with their shortest cycle in s."""
    found: dict[str, dict[str, int]] = {}
    for point in registry.point.values():
        owner = (
            registry.unit.get(point.unit)
            if point.unit is not None
            else registry.outlet.get(point.outlet or "")
        )
        if owner is not None:
            cycles = found.setdefault(owner.enterprise, {})
            cycles[point.meter] = min(point.cycle_s, cycles.get(point.meter, point.cycle_s))
    return found


def _numbers(routes: Routes) -> NDArray[np.int32]:
    columns = zip(routes.meter, routes.channel, routes.factor, routes.since, strict=True)
    texts = ["\0".join(map(str, row)) for row in columns]
    return np.array([zlib.crc32(text.encode()) & _NUMBER_BITS for text in texts], np.int32)


def _moved(rows: NDArray[np.intp], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions among ``rows`` (ascending) of values, -1 for those that are not there."""
    if not len(rows):
        return np.full(len(values), -1, np.int64)
    place = np.minimum(np.searchsorted(rows, values), len(rows) - 1)
    return np.where(rows[place] == values, place, -1)


def _chosen_samples(samples: Samples, chosen: NDArray[np.bool_]) -> Samples:
    return Samples(*(getattr(samples, name)[chosen] for name in Samples.__slots__))


def _chosen_watched(watched: Watched, chosen: NDArray[np.bool_]) -> Watched:
    return Watched(*(getattr(watched, name)[chosen] for name in Watched.__slots__))
