"""Two districts with a few firms, and somebody of each role, in the store."""

from datetime import UTC, datetime

from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Line,
    Link,
    Noun,
    Person,
    Point,
    Region,
    Role,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import save_registry

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def firm(name: str, region: str, agency: str, grade: str = "") -> list[tuple[str, Noun]]:
    """A firm with a line and a mill of its own, and the mill's meter."""
    return [
        (
            "enterprise",
            Enterprise(id=name, name=name, agency=agency, region=region, industry="cement",
                       performance_grade=grade),
        ),
        ("line", Line(id=f"{name}-l", enterprise=name, name="线")),
        (
            "unit",
            Unit(id=f"{name}-u", enterprise=name, name="磨机", kind=UnitKind.PRODUCTION,
                 rated_power=9e4),
        ),
        ("link", Link(id=f"{name}-k", line=f"{name}-l", unit=f"{name}-u")),
        (
            "point",
            Point(id=f"{name}-t", meter=f"fake:{name}", valid_from=LONG_AGO, unit=f"{name}-u"),
        ),
    ]  # fmt: skip


CITY: list[tuple[str, Noun]] = [
    ("region", Region(id="R2", name="崂山区", parent="R")),
    ("agency", Agency(id="A2", name="崂山分局", parent="A", region="R2")),
    *firm("N1", "R1", "A1"),
    *firm("N2", "R1", "A1", grade="A"),
    *firm("S1", "R2", "A2"),
    ("person", Person(id="officer", name="张三", role=Role.CITY_OFFICER, agency="A")),
    ("person", Person(id="district", name="李四", role=Role.DISTRICT_OFFICER, agency="A1")),
    ("person", Person(id="other", name="王五", role=Role.DISTRICT_OFFICER, agency="A2")),
    ("person", Person(id="duty", name="赵六", role=Role.DUTY, enterprise="E1")),
]


async def register_city(store: Connection) -> None:
    made = difference(Registry(), registry(*CITY))
    await save_registry(store, made, "test", now=LONG_AGO)
