"""The rules that are judged by the hour and the quarter: R12 limits, R16 mains, R18 wear."""

import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np

from wattwarden.alarms.episodes.findings import Ended, Finding, Key, Raised
from wattwarden.alarms.episodes.plain import plain_alarm
from wattwarden.alarms.plant.day_tables import RING_DAYS, WEARS
from wattwarden.alarms.plant.orders import Limit, Orders, Wear
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.table import I64, NONE
from wattwarden.alarms.rules import duty, order, statistics
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_WEEK_DAYS: Final = 7


def close_hours(plant: Plant, state: State, orders: Orders, at: int) -> Iterator[Finding]:
    """Judge limits and wear of enterprises whose hour has changed; ``at`` in ms."""
    hour = at // _HOUR_MS
    over = state.firm.hour != hour
    if not over.any():
        return
    for limit in orders.limited:
        if over[limit.firm]:
            yield from _limit(plant, state, limit, at)
    slots: dict[int, set[int]] = {}
    for wear in orders.wear:
        slots.setdefault(wear.unit, set()).add(_digest(wear))
    for wear in orders.wear:
        if over[plant.unit.firm[wear.unit]]:
            yield from _wear(plant, state, wear, slots[wear.unit], at)
    state.firm.hour[over] = hour


def over_registered(plant: Plant, state: State, block: Block) -> Iterator[Finding]:
    """R16: the mains' mean power of a window is above what is registered."""
    firms = np.flatnonzero((plant.firm.main >= 0) & ~np.isnan(plant.firm.registered))
    start = block.end - 1000 * plant.slot_s
    for firm in firms.tolist():
        main = int(plant.firm.main[firm])
        span = max(1, round(1000 * float(plant.firm_limit["R16.window_s"][firm])))
        windows = start // span
        power = block.grid.power[:, main]
        said = block.fresh[:, main] & ~np.isnan(power)
        for window in np.unique(windows).tolist():
            if state.firm.window_at[firm] != window:
                yield from _close_window(plant, state, firm, span, window * span)
                state.firm.window_at[firm] = window
            inside = said & (windows == window)
            state.firm.window_sum[firm] += np.rint(power[inside]).astype(np.int64).sum()
            state.firm.window[firm] += np.count_nonzero(inside)


def _close_window(plant: Plant, state: State, firm: int, span: int, at: int) -> Iterator[Finding]:
    rows = state.firm
    samples, total = int(rows.window[firm]), int(rows.window_sum[firm])
    rows.window[firm] = rows.window_sum[firm] = 0
    if not samples:
        return
    name, standing = plant.firms[firm], int(rows.over_since[firm])
    verdict = statistics.mains(plant, firm, total, samples)
    if verdict.outside and standing == NONE:
        began = int(rows.window_at[firm]) * span
        rows.over_since[firm] = began
        key = Key("R16", f"enterprise:{name}", "", began)
        signals = {"power": (verdict.value / 1000, "kW")}
        bounds = {"registered": (verdict.high / 1000, "kW")}
        yield Raised(
            plain_alarm(plant, key, (firm, NONE), at, plant.firm_names[firm], signals, bounds)
        )
    elif not verdict.outside and standing != NONE:
        rows.over_since[firm] = NONE
        ended = int(rows.window_at[firm]) * span
        yield Ended(Key("R16", f"enterprise:{name}", "", standing), name, ended, at)


def _limit(plant: Plant, state: State, limit: Limit, at: int) -> Iterator[Finding]:
    """R12: more energy so far than the plan leaves, from some hours after its start."""
    totals, units = state.totals, np.array(limit.stretch.units, dtype=np.int64)
    stretch, first = limit.stretch, int(units[0])
    name = plant.firms[limit.firm]
    standing = int(totals.plan_over[first])
    if not stretch.start <= at < stretch.end:
        if at >= stretch.end and standing >= stretch.start:
            totals.plan_over[first] = NONE
            key = Key("R12", limit.subject, "", standing)
            yield Ended(key, name, stretch.end, at)
        return
    new = totals.plan_start[units] != stretch.start
    begun = units[new]
    totals.plan_start[begun], totals.plan_energy[begun] = stretch.start, totals.energy_total[begun]
    base = _base(plant, state, limit)
    elapsed = at - stretch.start
    if base is None or not order.is_judged(plant, limit, elapsed):
        return
    used = int((totals.energy_total[units] - totals.plan_energy[units]).sum()) / 1000
    verdict = order.limit_exceeded(plant, limit, base, elapsed, used)
    if verdict.outside and standing == NONE:
        totals.plan_over[first] = at
        key = Key("R12", limit.subject, "", at)
        signals = {"used": (used / 1000, "kWh")}
        bounds = {"allowed": (verdict.high / 1000, "kWh")}
        place = (limit.firm, int(plant.unit.line[first]))
        said = limit.subject.partition(":")[2]
        yield Raised(plain_alarm(plant, key, place, at, said, signals, bounds))
    elif not verdict.outside and standing != NONE:
        totals.plan_over[first] = NONE
        yield Ended(Key("R12", limit.subject, "", standing), name, at, at)


def _base(plant: Plant, state: State, limit: Limit) -> float | None:
    """Return a normal day's energy in Wh: agreed, or the same weekday's of the last weeks."""
    if limit.base_energy is not None:
        return limit.base_energy
    weeks = int(plant.firm_limit["R12.weeks"][limit.firm])
    units = np.array(limit.stretch.units, dtype=np.int64)
    columns = [RING_DAYS - _WEEK_DAYS * week for week in range(1, weeks + 1)]
    days = state.totals.past_energy[units][:, columns]
    known = (days >= 0).all(axis=0)
    if not known.any():
        return None
    return float(days[:, known].sum()) / int(known.sum()) / 1000


def _wear(plant: Plant, state: State, wear: Wear, wanted: set[int], at: int) -> Iterator[Finding]:
    """R18: hours or days of a part are used up, by level."""
    totals, unit, digest = state.totals, wear.unit, _digest(wear)
    place = _slot(totals.wear[unit], digest, wanted)
    if place is None:
        return
    if totals.wear[unit, place] != digest or totals.wear_since[unit, place] != wear.since:
        if totals.wear[unit, place] == digest:
            yield from _renew(plant, state, wear, place, at)
        totals.wear[unit, place], totals.wear_since[unit, place] = digest, wear.since
        totals.wear_level[unit, place] = 0
        run = _run_since(state, unit, wear.since, at)
        totals.wear_base[unit, place] = totals.run_total[unit] - run
    hours = int(totals.run_total[unit] - totals.wear_base[unit, place]) / _HOUR_MS
    days = max(at - wear.since, 0) / _DAY_MS
    share = duty.share_used(wear, hours, days)
    level = duty.wear_level(plant, unit, share)
    if level <= totals.wear_level[unit, place]:
        return
    yield from _renew(plant, state, wear, place, at)
    totals.wear_level[unit, place], totals.wear_at[unit, place] = level, at
    key = _wear_key(plant, wear, level, at)
    firm, line = int(plant.unit.firm[unit]), int(plant.unit.line[unit])
    name = f"{plant.unit_names[unit]} {wear.name}"
    signals = {"share": (share, "1"), "hours": (hours, "h"), "days": (days, "d")}
    bounds = {"limit_hours": (wear.limit_hours or np.inf, "h"),
              "limit_days": (wear.limit_days or np.inf, "d")}  # fmt: skip
    yield Raised(plain_alarm(plant, key, (firm, line), at, name, signals, bounds))


def _renew(plant: Plant, state: State, wear: Wear, place: int, at: int) -> Iterator[Ended]:
    """End the level that stands."""
    level = int(state.totals.wear_level[wear.unit, place])
    if level:
        began = int(state.totals.wear_at[wear.unit, place])
        firm = plant.firms[plant.unit.firm[wear.unit]]
        yield Ended(_wear_key(plant, wear, level, began), firm, at, at)


def _wear_key(plant: Plant, wear: Wear, level: int, began: int) -> Key:
    kind = f"{duty.WEAR_LEVELS[level - 1][0]}:{wear.id}"
    return Key("R18", f"unit:{plant.units[wear.unit]}", kind, began)


def _slot(kept: I64, digest: int, wanted: set[int]) -> int | None:
    """Return a part's place: its own, an empty one, or one of a part that is no more."""
    places: list[int] = kept.tolist()
    if digest in places:
        return places.index(digest)
    return next((place for place in range(WEARS) if places[place] not in wanted), None)


def _run_since(state: State, unit: int, since: int, at: int) -> int:
    """Return ms of running since a moment, by whole days as far back as they are kept."""
    days = min(max(at - since, 0) // _DAY_MS, RING_DAYS)
    past = state.totals.past_run[unit]
    earlier = int(np.maximum(past[RING_DAYS - days :], 0).sum())
    return earlier + min(int(state.totals.run[unit]), max(at - since, 0))


def _digest(wear: Wear) -> int:
    return zlib.crc32(wear.id.encode())
