"""Totals of units by local day, and the rules that are judged at its close."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from wattwarden.alarms.episodes.findings import Ended, Finding, Key, Raised
from wattwarden.alarms.episodes.plain import plain_alarm
from wattwarden.alarms.folding.step import Work
from wattwarden.alarms.plant.day_tables import Totals
from wattwarden.alarms.plant.orders import Orders
from wattwarden.alarms.plant.plant import BOTH, MAIN, PRODUCTION, Plant
from wattwarden.alarms.plant.rows import DAILY_RULE, DailyRow
from wattwarden.alarms.plant.table import I64, NONE
from wattwarden.alarms.rules import duty, statistics
from wattwarden.alarms.rules.verdict import Verdict
from wattwarden.alarms.states.learn import close_day
from wattwarden.alarms.states.state import State

# Fewer samples at high load are no day's normal.
_LEAST_HIGH: Final = 30


def count(plant: Plant, state: State, work: Work, hours: I64) -> None:
    """Add a block to the day; ``hours`` are each enterprise's local hour."""
    totals, block = state.totals, work.block
    longest = 2 * plant.unit.cycle
    working = ~(block.off | block.dark | block.stale)
    before = np.concatenate([totals.working[None], working[:-1]])
    run = np.where(before, np.minimum(block.gap, longest), 0).sum(axis=0)
    unknown = np.maximum(block.gap - longest, 0).sum(axis=0)
    energy = block.energy.sum(axis=0)
    totals.working = working[-1].copy()
    totals.run += run
    totals.run_total += run
    totals.unknown += unknown
    totals.energy += energy
    totals.energy_total += energy
    day_from, day_to = plant.firm_limit["R13.day_from_h"], plant.firm_limit["R13.day_to_h"]
    night = (hours < day_from) | (hours >= day_to)
    totals.night += np.where(night[plant.unit.firm], energy, 0)
    if work.beside is not None:
        treats = plant.treats
        steady = work.beside.high & (work.beside.served == 1) & block.fresh[:, treats]
        steady &= ~np.isnan(work.beside.load) & block.wired[:, treats] & block.run[:, treats]
        watts = np.nan_to_num(block.watts[:, treats], nan=0.0)
        totals.high_sum[treats] += np.where(steady, np.rint(watts), 0).astype(np.int64).sum(axis=0)
        totals.high[treats] += steady.sum(axis=0)


def close_days(plant: Plant, state: State, orders: Orders, days: I64, at: int) -> Iterator[Finding]:
    """Close the day of every enterprise whose local day (ordinal) is another now; ``at`` in ms."""
    begun = state.firm.day
    over = np.flatnonzero((begun != days) & (begun != NONE))
    for firm in over.tolist():
        units = np.flatnonzero(plant.unit.firm == firm)
        yield from _patrol(plant, state, orders, firm, at)
        close_day(plant, state, units, int(days[firm] - begun[firm]))
        _push(state, units)
        for unit in units.tolist():
            for row, verdict, runs in _verdicts(plant, state, unit):
                yield from _judge(plant, state, (unit, row), (verdict, runs), at)
    begun[:] = days


def _push(state: State, units: I64) -> None:
    totals = state.totals
    for past, today in (
        (totals.past_run, totals.run),
        (totals.past_energy, totals.energy),
        (totals.past_night, totals.night),
    ):
        past[units, :-1] = past[units, 1:]
        past[units, -1] = today[units]
        today[units] = 0
    high = totals.high[units]
    mean = np.where(high >= _LEAST_HIGH, totals.high_sum[units] / np.maximum(high, 1), np.nan)
    totals.past_high[units, :-1] = totals.past_high[units, 1:]
    totals.past_high[units, -1] = mean
    totals.high[units] = totals.high_sum[units] = totals.unknown[units] = 0


def _verdicts(
    plant: Plant, state: State, unit: int
) -> Iterator[tuple[DailyRow, Verdict | None, int]]:
    """Yield what the day was by each daily rule that concerns a unit, and how often it must be."""
    totals = state.totals
    if plant.unit.kind[unit] == MAIN:
        yield DailyRow.UNMETERED, statistics.unmetered(plant, totals, unit), 1
    treat = np.flatnonzero(plant.treats == unit)
    if len(treat):
        makers = plant.pair_unit[plant.pair_owner == treat[0]]
        yield DailyRow.NIGHT, statistics.night(plant, totals, unit, makers), 1
        runs = int(plant.limit["R14.runs"][unit])
        yield DailyRow.RATIO, statistics.ratio(plant, totals, unit, makers), runs
        yield DailyRow.DRIFT, _drift(plant, totals, unit), 1


def _drift(plant: Plant, totals: Totals, unit: int) -> Verdict | None:
    """Judge what is usual now by what was usual first, which is kept."""
    now = statistics.usual_high(plant, totals, unit)
    if now is None:
        return None
    if np.isnan(totals.baseline[unit]):
        totals.baseline[unit] = now
    return statistics.drift(plant, unit, now, float(totals.baseline[unit]))


def _judge(
    plant: Plant, state: State, place: tuple[int, DailyRow], judged: tuple[Verdict | None, int],
    at: int,
) -> Iterator[Finding]:  # fmt: skip
    """Raise, end or go on; a day that cannot be judged changes nothing."""
    (unit, row), (verdict, runs) = place, judged
    if verdict is None:
        return
    totals, rule = state.totals, DAILY_RULE[row]
    standing, firm = int(totals.standing[unit, row]), int(plant.unit.firm[unit])
    totals.runs[unit, row] = min(totals.runs[unit, row] + 1, 100) if verdict.outside else 0
    subject = f"unit:{plant.units[unit]}"
    if verdict.outside and standing == NONE and totals.runs[unit, row] >= runs:
        began = day_start(plant, firm, state.firm.day[firm] - (runs - 1))
        totals.standing[unit, row] = began
        signals = {"value": (verdict.value, "1")}
        bounds = {"low": (verdict.low, "1"), "high": (verdict.high, "1")}
        key = Key(rule, subject, "", began)
        name = plant.unit_names[unit]
        line = int(plant.unit.line[unit])
        yield Raised(plain_alarm(plant, key, (firm, line), at, name, signals, bounds))
    elif not verdict.outside and standing != NONE:
        totals.standing[unit, row] = NONE
        yield Ended(Key(rule, subject, "", standing), plant.firms[firm], at, at)


def _patrol(plant: Plant, state: State, orders: Orders, firm: int, at: int) -> Iterator[Finding]:
    """R19: a day of production without anybody having looked."""
    makers = (plant.unit.kind == PRODUCTION) | (plant.unit.kind == BOTH)
    worked = state.totals.run[makers & (plant.unit.firm == firm)].max(initial=0)
    began = day_start(plant, firm, state.firm.day[firm])
    patrols = [when for who, when in orders.patrols if who == firm and when < at]
    if not duty.patrol_missed(plant, firm, int(worked), patrols, began):
        return
    key = Key("R19", f"enterprise:{plant.firms[firm]}", "", began)
    signals = {"production_h": (int(worked) / 3_600_000, "h")}
    name = plant.firm_names[firm]
    yield Raised(plain_alarm(plant, key, (firm, NONE), at, name, signals, {}))
    yield Ended(key, plant.firms[firm], at, at)


def day_start(plant: Plant, firm: int, day: int) -> int:
    """Return when a local day (ordinal) of an enterprise begins, ms."""
    start = datetime.combine(date.fromordinal(int(day)), datetime.min.time())
    zone = ZoneInfo(plant.zones[firm])
    return round(start.replace(tzinfo=zone).timestamp() * 1000)
