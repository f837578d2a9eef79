"""A small city: ten districts, fourteen firms, who works there, and what goes wrong in some.

What happens in it is in ``happened``.
"""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Equipment,
    EquipmentKind,
    Line,
    Link,
    Noun,
    Outlet,
    Person,
    Point,
    Region,
    Role,
    Supervision,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry

# 11:00 in the city's own time, on a Sunday.
NOW: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
STATION: Final = "QH2026112200000000000001"
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
DISTRICTS: Final = {
    "bei": ("北垣区", 119.9, 36.9), "ping": ("平川县", 120.2, 36.9),
    "yun": ("云岭县", 120.5, 36.9),
    "xin": ("新港区", 120.9, 36.9), "xi": ("西苑区", 119.9, 36.6), "qing": ("清溪区", 120.2, 36.6),
    "cang": ("沧河区", 120.5, 36.6), "dong": ("东湾区", 120.9, 36.6),
    "nan": ("南浦区", 120.1, 36.3), "wang": ("望潮区", 120.5, 36.3),
}  # fmt: skip


class Firm(msgspec.Struct, frozen=True, kw_only=True):
    """A firm as it is drawn up: its machines by name and rated kW, and how it is watched."""

    id: str
    name: str
    district: str
    industry: str
    line: str
    makes: tuple[tuple[str, float], ...]
    treats: tuple[tuple[str, float], ...]
    watched: Supervision = Supervision.ORDINARY


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm: which rule of which unit, minutes since it began and was raised, what it says."""

    rule: str
    unit: str
    began: float
    raised: float
    zh: str
    en: str


_DRAWN: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
FIRMS: Final = msgspec.convert(_DRAWN["firm"], tuple[Firm, ...])
WRONG: Final = msgspec.convert(_DRAWN["wrong"], tuple[Wrong, ...])
PEOPLE: Final = (
    Person(id="zhou", name="周明远", role=Role.CITY_OFFICER, agency="city", phone="0000-1001"),
    Person(id="leader", name="高局", role=Role.LEADER, agency="city"),
    Person(id="chen", name="陈思", role=Role.DISTRICT_OFFICER, agency="a-dong", phone="0000-1002"),
    Person(id="sun", name="孙立", role=Role.DUTY, enterprise="QH", phone="0000-2001"),
    Person(id="sun2", name="何总", role=Role.HEAD, enterprise="QH"),
    Person(id="liang", name="梁雨", role=Role.DUTY, enterprise="CY"),
    Person(id="zhao", name="赵启", role=Role.DUTY, enterprise="HC"),
    Person(id="gao", name="高文", role=Role.DUTY, enterprise="BL"),
    Person(id="wu", name="吴桐", role=Role.MAINTENANCE, enterprise="LY"),
    Person(id="tong", name="童舟", role=Role.DUTY, enterprise="TZ"),
    Person(id="yuan", name="袁帆", role=Role.DUTY, enterprise="NP", phone="0000-2011"),
    Person(id="admin", name="郑管", role=Role.ADMINISTRATOR),
    Person(id="auditor", name="冯审", role=Role.AUDITOR),
)


def nouns() -> list[tuple[str, Noun]]:
    """All records of the registry."""
    found: list[tuple[str, Noun]] = [
        ("region", Region(id="city", name="临岳市")),
        ("agency", Agency(id="city", name="临岳市生态环境执法支队", region="city")),
    ]
    for name, (title, _, _) in DISTRICTS.items():
        found.append(("region", Region(id=name, name=title, parent="city")))
        agency = Agency(id=f"a-{name}", name=f"{title}分局", parent="city", region=name)
        found.append(("agency", agency))
    for number, firm in enumerate(FIRMS):
        found += _of_firm(number, firm)
    return [*found, *_of_station(), *[("person", one) for one in PEOPLE]]


def _of_station() -> list[tuple[str, Noun]]:
    """What is measured and seen of the firm that is looked at; one camera nobody may be led to."""
    return [
        (
            "outlet",
            Outlet(
                id="QH-O1",
                enterprise="QH",
                name="DA001 喷涂废气排口",
                line="QH-L1",
                limits={"a24088": 60.0},
            ),
        ),
        (
            "point",
            Point(
                id="QH-O1-a24088",
                meter=f"hj212:{STATION}",
                valid_from=LONG_AGO,
                factor="a24088",
                outlet="QH-O1",
                measures="pollutant",
                video="https://cameras.example/QH/da001?view=live",
            ),
        ),
        (
            "equipment",
            Equipment(
                id="厂门摄像机",
                enterprise="QH",
                equipment=EquipmentKind.VIDEO,
                address="javascript:alert(document.cookie)",
            ),
        ),
    ]


def _of_firm(number: int, firm: Firm) -> list[tuple[str, Noun]]:
    _, longitude, latitude = DISTRICTS[firm.district]
    record = Enterprise(
        id=firm.id,
        name=firm.name,
        agency=f"a-{firm.district}",
        region=firm.district,
        industry=firm.industry,
        credit_code=f"9199{number:04d}MA0EXAMPLE",
        address=f"{DISTRICTS[firm.district][0]}工业路 {number + 1} 号",
        longitude=longitude,
        latitude=latitude,
        contact="厂区值班室",
        phone=f"0000-30{number:02d}",
        officer="chen" if firm.district == "dong" else "zhou",
        supervision=firm.watched,
    )
    line = f"{firm.id}-L1"
    found: list[tuple[str, Noun]] = [
        ("enterprise", record),
        ("line", Line(id=line, enterprise=firm.id, name=firm.line)),
    ]
    for letter, kind, machines in (
        ("P", UnitKind.PRODUCTION, firm.makes),
        ("T", UnitKind.TREATMENT, firm.treats),
    ):
        for place, (name, kilowatts) in enumerate(machines, 1):
            unit = f"{firm.id}-{letter}{place}"
            made = Unit(
                id=unit, enterprise=firm.id, name=name, kind=kind, rated_power=kilowatts * 1000
            )
            meter = f"acrel:{number + 1:02d}{letter}{place:02d}"
            point = Point(id=f"{unit}-e", meter=meter, valid_from=LONG_AGO, unit=unit)
            found += [
                ("unit", made),
                ("link", Link(id=f"{line}-{unit}", line=line, unit=unit)),
                ("point", point),
            ]
    return found


def registry() -> Registry:
    """Return all of it."""
    made = Registry()
    for kind, record in nouns():
        made.put(kind, record)
    return made
