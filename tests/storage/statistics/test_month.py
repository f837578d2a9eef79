"""Thirty simulated days in the store: a report says what a plain recount of the rows says.

    rows ─► readings ─► rollups, counts ─┐
    fold ─► transitions ─────────────────┴─► report, with kept days and without

What it is compared with is recounted from the same rows minute by minute, beside the figures.
"""

import numpy as np
import pytest
import pytest_asyncio
from tests.alarms.statistics.test_thirty_days import (
    DAY_MS,
    city,
    findings,
    moments,
    prepared,
    total,
)

from wattwarden.alarms.episodes.findings import Transition
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import RUN_STATES, UnitState
from wattwarden.alarms.statistics.figures import By, FirmTime
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.response import Period
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.rolling import HOUR_US
from wattwarden.storage.rollups import note_touched, recompute_due
from wattwarden.storage.rows.partitions import Partitions
from wattwarden.storage.statistics.days import SETTLED, keep_days
from wattwarden.storage.statistics.report import load_report

Said = tuple[str, int, float]
"""A unit's name, ms, W."""


def said() -> list[Said]:
    """What meters said, each moment once."""
    chosen = city()
    found: dict[tuple[str, int], float] = {}
    for grid in chosen.grids:
        for place, unit in enumerate(chosen.plant.units):
            for at, power in zip(
                grid.at[:, place].tolist(), grid.power[:, place].tolist(), strict=True
            ):
                if at >= 0:
                    found[unit, at] = power
    return [(unit, at, power) for (unit, at), power in found.items()]


@pytest_asyncio.fixture(loop_scope="session")
async def month(store: Connection) -> Connection:
    chosen = city()
    await save_registry(
        store,
        difference(Registry(), chosen.registry),
        "test",
        now=moment_of(1000 * chosen.span.start),
    )
    numbers = {}
    for point in chosen.registry.point.values():
        codec, _, address = point.meter.partition(":")
        numbers[str(point.unit)] = await store.fetchval(
            "INSERT INTO meter (codec, address, state, enrolled_at)"
            " VALUES ($1, $2, 'accepted', now()) RETURNING id",
            codec,
            address,
        )
    rows = said()
    await Partitions(0).ensure(store, "reading", {at // DAY_MS for _, at, _ in rows})
    channels = {str(one.unit): one.channel for one in chosen.registry.point.values()}
    ratios = {str(one.unit): one.ct * one.pt for one in chosen.registry.point.values()}
    await store.copy_records_to_table(
        "reading",
        columns=(
            "meter", "step", "at", "received_at", "quality", "period", "channel", "power_total",
        ),
        records=[
            (
                numbers[unit], 1, moment_of(1000 * at), moment_of(1000 * at), 0, b"i",
                channels[unit], power / ratios[unit],
            )
            for unit, at, power in rows
        ],
    )  # fmt: skip
    changes = [
        (one.enterprise, one.unit, moment_of(1000 * one.at), one.state.name.lower())
        for one in findings()
        if isinstance(one, Transition)
    ]
    await store.copy_records_to_table("unit_transition", records=changes)
    touched = {1000 * at // HOUR_US << 32 | numbers[unit] for unit, at, _ in rows}
    await note_touched(store, np.array(sorted(touched)))
    await recompute_due(store)
    return store


async def report(store: Connection) -> FirmTime:
    span, registry = city().span, await load_registry(store)
    period = Period(moment_of(1000 * span.start), moment_of(1000 * span.end))
    (row,) = (await load_report(store, registry, registry.enterprise, period, By.ALL)).rows
    return row.figures.time


def recounted() -> dict[str, Rate]:
    """Run and valid time, ms, of production and of treatment, by the oracle's states."""
    found = {}
    (firm,) = city().registry.enterprise
    for name, kind in (("production", UnitKind.PRODUCTION), ("treatment", UnitKind.TREATMENT)):
        run: dict[str, int] = {}
        valid: dict[str, int] = {}
        for start, end, state in moments():
            for unit, does in state.items():
                if city().registry.unit[unit].kind is kind:
                    run[unit] = run.get(unit, 0) + (end - start) * (does in RUN_STATES)
                    silent = (UnitState.NEVER, UnitState.OFFLINE, UnitState.DECLARED)
                    valid[unit] = valid.get(unit, 0) + (end - start) * (does not in silent)
        found[name] = Rate(total(run, firm), total(valid, firm))
    return found


def drawn() -> tuple[float, int]:
    """W and number of the rows of production units while they ran."""
    powers: dict[str, list[tuple[int, float]]] = {}
    for unit, at, power in said():
        powers.setdefault(unit, []).append((at, power))
    found: list[float] = []
    for start, end, state in moments():
        for unit, does in state.items():
            makes = city().registry.unit[unit].kind is not UnitKind.TREATMENT
            if makes and does in RUN_STATES:
                found += [power for at, power in powers[unit] if start <= at < end]
    return sum(found), len(found)


@pytest.mark.timeout(120)
async def test_a_month_in_the_store_is_told_as_a_plain_recount_tells_it(month: Connection) -> None:
    direct = await report(month)
    end = moment_of(1000 * city().span.end)
    assert await keep_days(month, await load_registry(month), end + SETTLED) >= 30
    with_days = await report(month)
    (wanted,) = prepared().times.values()
    again = recounted()
    for told in (direct, with_days):
        assert told.production == again["production"] == wanted.production
        assert told.treatment == again["treatment"] == wanted.treatment
        assert told.online == wanted.online
        assert told.synchronous == wanted.synchronous
        assert told.collected == wanted.collected
        watts, _ = drawn()
        assert told.load.part == pytest.approx(watts, rel=1e-5)
