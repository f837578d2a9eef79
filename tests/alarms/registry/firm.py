"""A small registry that holds together: one firm with a line, a fan and a mill."""

from datetime import UTC, datetime

from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Line,
    Link,
    Noun,
    Outlet,
    Person,
    Point,
    Region,
    Role,
    Standby,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def registry(*records: tuple[str, Noun]) -> Registry:
    """The firm, with these records added or in the place of others."""
    made = Registry()
    for kind, record in (*FIRM, *records):
        made.put(kind, record)
    return made


FIRM: tuple[tuple[str, Noun], ...] = (
    ("region", Region(id="R", name="青岛市", emissions={"NOx": 100.0})),
    ("region", Region(id="R1", name="李沧区", parent="R")),
    ("agency", Agency(id="A", name="市局", region="R")),
    ("agency", Agency(id="A1", name="李沧分局", parent="A", region="R1")),
    ("person", Person(id="P1", name="王建国", role=Role.DISTRICT_OFFICER, agency="A1")),
    ("person", Person(id="P2", name="李敏", role=Role.DUTY, enterprise="E1")),
    ("enterprise", Enterprise(id="E1", name="某水泥", agency="A1", region="R1", industry="cement")),
    ("enterprise", Enterprise(id="E2", name="某涂装", agency="A1", region="R1", industry="paint")),
    ("line", Line(id="L1", enterprise="E1", name="一线")),
    ("line", Line(id="L2", enterprise="E1", name="二线")),
    ("line", Line(id="L9", enterprise="E2", name="喷漆线")),
    (
        "unit",
        Unit(id="U1", enterprise="E1", name="磨机", kind=UnitKind.PRODUCTION, rated_power=9e4),
    ),
    (
        "unit",
        Unit(
            id="U2",
            enterprise="E1",
            name="风机",
            kind=UnitKind.TREATMENT,
            rated_power=3e4,
            standby="S1",
        ),
    ),
    ("unit", Unit(id="U3", enterprise="E1", name="总电", kind=UnitKind.MAIN, rated_power=4e5)),
    ("standby", Standby(id="S1", enterprise="E1")),
    ("link", Link(id="K1", line="L1", unit="U1")),
    ("link", Link(id="K2", line="L1", unit="U2")),
    ("link", Link(id="K3", line="L2", unit="U2")),
    (
        "outlet",
        Outlet(id="O1", enterprise="E1", name="排口", line="L1", limits={"a21002": 100}),
    ),
    ("point", Point(id="T1", meter="acrel:M1", valid_from=SINCE, channel="1-1", unit="U1")),
    ("point", Point(id="T2", meter="acrel:M1", valid_from=SINCE, channel="1-2", unit="U2")),
    (
        "point",
        Point(
            id="T3",
            meter="hj212:N1",
            valid_from=SINCE,
            factor="a21002",
            outlet="O1",
            measures="pollutant",
        ),
    ),
)
