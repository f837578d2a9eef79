"""All of the registry at one moment: records by kind and id."""

from dataclasses import dataclass, field

from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Equipment,
    Line,
    Link,
    Noun,
    Outlet,
    Person,
    Point,
    Region,
    Requirement,
    Standby,
    Unit,
)


@dataclass(frozen=True, slots=True)
class Registry:
    """Records by id, one mapping a kind; the names of the fields are the kinds."""

    region: dict[str, Region] = field(default_factory=dict)
    agency: dict[str, Agency] = field(default_factory=dict)
    person: dict[str, Person] = field(default_factory=dict)
    enterprise: dict[str, Enterprise] = field(default_factory=dict)
    requirement: dict[str, Requirement] = field(default_factory=dict)
    equipment: dict[str, Equipment] = field(default_factory=dict)
    line: dict[str, Line] = field(default_factory=dict)
    unit: dict[str, Unit] = field(default_factory=dict)
    standby: dict[str, Standby] = field(default_factory=dict)
    link: dict[str, Link] = field(default_factory=dict)
    outlet: dict[str, Outlet] = field(default_factory=dict)
    point: dict[str, Point] = field(default_factory=dict)

    def put(self, kind: str, record: Noun) -> None:
        """Add a record, or put it in the place of the one with its id."""
        getattr(self, kind)[record.id] = record
