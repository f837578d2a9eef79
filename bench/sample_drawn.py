"""The sample city as it is drawn: its registry, its people, and what its machines did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final

import msgspec
from bench.sample_course import Course

from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.registry.registry import Registry
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.tools.simulate import find_scenario
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.scenario import CitySpec
from wattwarden.tools.simulator.world import World

# A Friday morning, when everybody works.
NOW: Final = datetime(2026, 11, 20, 3, tzinfo=UTC)
DAYS: Final = 90
# Three whole ones and this morning.
RAW_DAYS: Final = 4
OFFICERS_A_DISTRICT: Final = 6
_DISTRICTS: Final = (
    "东湾", "平川", "云岭", "新港", "西苑", "清溪", "沧河", "南浦", "望潮", "北垣",
)  # fmt: skip
_SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN: Final = ("建国", "敏", "志强", "丽", "洋", "思远", "雨", "海燕", "启明", "静", "帆", "桐")
_TRADES: Final = {
    "coating": "涂装", "cement": "水泥", "printing": "印刷", "furniture": "家具",
    "chemical": "化工", "foundry": "铸造", "steel": "钢铁", "food": "食品",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class City:
    """What the rest is made from; ``first`` is the number of the first machine's meter."""

    registry: Registry
    course: Course
    began: datetime
    first: int

    def at(self, minute: int) -> datetime:
        """Return a minute of the course as a moment."""
        return self.began + timedelta(minutes=minute)


def began_of(now: datetime, days: int) -> datetime:
    """Return the first local midnight of so many days, today among them."""
    midnight = now.astimezone(DEFAULT_ZONE).replace(hour=0, minute=0)
    return (midnight - timedelta(days=days - 1)).astimezone(UTC)


def sample_registry(days: int = DAYS) -> Registry:
    """Return the registry of a city of the sample's size, with people of every role."""
    spec = find_scenario("city")
    plain = msgspec.structs.replace(
        spec.city or CitySpec(factories=1),
        regions=len(_DISTRICTS),
        hj212=0.0,
        current_only=0.0,
        status_only=0.0,
    )
    start: date = began_of(NOW, days).astimezone(DEFAULT_ZONE).date()
    registry = registry_of(World(msgspec.structs.replace(spec, city=plain, start=start, days=days)))
    chance = Random(7)
    for place, region in enumerate(sorted(registry.region)):
        if registry.region[region].parent is not None:
            name = f"{_DISTRICTS[place % len(_DISTRICTS)]}区"
            registry.region[region] = msgspec.structs.replace(registry.region[region], name=name)
    for number, firm in enumerate(list(registry.enterprise.values())):
        place = sorted(registry.region).index(firm.region)
        trade = _TRADES.get(firm.industry, "制造")
        registry.enterprise[firm.id] = msgspec.structs.replace(
            firm,
            name=f"{_DISTRICTS[place % len(_DISTRICTS)]}{trade}第{number + 1}有限公司",
            credit_code=f"9137{number:04d}MA3EXAMPLE",
            address=f"工业路 {number + 1} 号",
            contact=_called(chance),
            phone=f"0000-{number:04d}",
            longitude=119.9 + 0.3 * (place % 4) + chance.uniform(-0.1, 0.1),
            latitude=36.9 - 0.3 * (place // 4) + chance.uniform(-0.1, 0.1),
        )
    for person in people_of(registry, chance):
        registry.put("person", person)
    return registry


def people_of(registry: Registry, chance: Random) -> Iterator[Person]:
    """Yield who else works there: more officers of each district, fitters of each firm."""
    yield Person(id="CITY-auditor", name=_called(chance), role=Role.AUDITOR, agency="CITY")
    for agency in registry.agency:
        for number in range(OFFICERS_A_DISTRICT):
            yield Person(
                id=f"{agency}-officer{number}",
                name=_called(chance),
                role=Role.DISTRICT_OFFICER,
                agency=agency,
            )
    for firm in registry.enterprise:
        for role, name in ((Role.MAINTENANCE, "fitter"), (Role.DUTY, "night")):
            yield Person(id=f"{firm}-{name}", name=_called(chance), role=role, enterprise=firm)


def _called(chance: Random) -> str:
    return chance.choice(_SURNAMES) + chance.choice(_GIVEN)
