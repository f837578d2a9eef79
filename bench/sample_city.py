"""A made-up city in a store, as large as a real one and 90 days old, for what reads of it.

344 firms, 1,752 production and 972 treatment units, their meters, people of every role; rollups,
states, alarms, what people did about them, and ledgers of 90 days; readings of the last three.

Rows are written straight into the tables, as fast as they go.  What is derived by the program is
derived by it: cases and notices from alarms and decisions, ledgers' seals, shares of days.
"""

from datetime import datetime

from bench.sample_course import DAY_MIN, Course, Machine, draw
from bench.sample_deeds import alarms as raised
from bench.sample_deeds import beside, cases, decisions, ledgers
from bench.sample_drawn import NOW, City, began_of, sample_registry
from bench.sample_rows import readings, rollups, states

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.statistics.days import keep_days
from wattwarden.storage.system_time import mark_simulated


async def build(store: Connection, days: int, raw_days: int) -> City:
    """Fill an empty store whose connection is a superuser's: triggers are passed by."""
    registry = sample_registry(days)
    began = began_of(NOW, days)
    await save_registry(store, difference(Registry(), registry), "me", now=began)
    await mark_simulated(store)
    await store.execute("INSERT INTO tick VALUES (0, 1, $1, 1)", int(NOW.timestamp()))
    await store.execute("INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 1, 1)")
    city = City(registry, course_of(registry, began, days), began, await _meters(store, registry))
    await rollups(store, city, days)
    await readings(store, city, days, raw_days)
    await states(store, city)
    await decisions(store, city, await raised(store, city))
    await cases(store, city)
    await ledgers(store, city)
    await beside(store, city)
    await store.execute("VACUUM ANALYZE")
    await keep_days(store, registry, NOW)
    await store.execute("ANALYZE")
    return city


def course_of(registry: Registry, began: datetime, days: int) -> Course:
    """Return what the machines of a registry did; each has a meter, behind its transformers."""
    ratios = {one.unit: one.ct * one.pt for one in registry.point.values()}
    machines = [
        Machine(
            one.enterprise,
            one.id,
            one.kind is UnitKind.TREATMENT,
            one.rated_power,
            ratios[one.id],
        )
        for one in registry.unit.values()
    ]
    minutes = int((NOW - began).total_seconds() // 60) % DAY_MIN
    weekday = began.astimezone(DEFAULT_ZONE).weekday()
    return draw(machines, days, minutes, weekday, seed=3)


async def _meters(store: Connection, registry: Registry) -> int:
    """Make a meter a unit, in the order of the units; return the first one's number."""
    points = {one.unit: one for one in registry.point.values()}
    await store.copy_records_to_table(
        "meter",
        records=[
            (*points[unit].meter.split(":", 1), "accepted", began_of(NOW, 1), "demo")
            for unit in registry.unit
        ],
        columns=["codec", "address", "state", "enrolled_at", "enrolled_from"],
    )
    first: int = await store.fetchval("SELECT min(id) FROM meter")
    return first
