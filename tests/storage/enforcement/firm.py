"""A city of two districts with people of every kind, and alarms put there by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Noun,
    Person,
    Region,
    Role,
    Supervision,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import save_registry

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MORE: tuple[tuple[str, Noun], ...] = (
    ("region", Region(id="R2", name="即墨区", parent="R")),
    ("agency", Agency(id="A2", name="即墨大队", parent="A", region="R2")),
    ("person", Person(id="P3", name="赵丽", role=Role.CITY_OFFICER, agency="A")),
    ("person", Person(id="P4", name="孙强", role=Role.DISTRICT_OFFICER, agency="A1")),
    ("person", Person(id="P5", name="周涛", role=Role.DISTRICT_OFFICER, agency="A2")),
    ("person", Person(id="P6", name="吴局", role=Role.LEADER, agency="A")),
    (
        "enterprise",
        Enterprise(
            id="E3", name="某印刷", agency="A1", region="R1", industry="print",
            supervision=Supervision.POSITIVE,
        ),
    ),
)  # fmt: skip


def city(*records: tuple[str, Noun]) -> Registry:
    return registry(*MORE, *records)


async def found(store: Connection, *records: tuple[str, Noun]) -> Registry:
    """Enter the city, with some records added or in the place of others."""
    made = city(*records)
    await save_registry(store, difference(Registry(), made), "me", now=NOW - 200 * DAY)
    return made


async def raised(store: Connection, at: datetime, **more: Any) -> int:
    """Put an alarm there; returns its number."""
    values: dict[str, Any] = {
        "rule": "R1", "subject": "unit:U2", "kind": "", "enterprise": "E1", "line": "L1",
        "ended": None, "found_in": "readings", "version": "1",
        "explanation": '{"zh": "未开启", "en": "not started"}',
    } | more  # fmt: skip
    if values["enterprise"] != "E1":
        values |= {"subject": f"unit:{values['enterprise']}", "line": ""}
    values |= {"began": at - timedelta(minutes=10), "raised": at}
    names, places = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
    number: int = await store.fetchval(
        f"INSERT INTO alarm ({names}) VALUES ({places}) RETURNING id",  # noqa: S608  names of ours
        *values.values(),
    )
    return number


async def produced(store: Connection, start: datetime, end: datetime, unit: str = "U1") -> None:
    """Let a unit run from one moment to another."""
    await store.executemany(
        "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ('E1', $1, $2, $3)",
        [(unit, start, "running"), (unit, end, "off")],
    )
