"""A believable city out of one number: the same seed gives the same registry, to the last digit.

draft_firms ─► Firm by firm: enterprise, persons, lines, units, links, points, outlets, equipment
"""

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import Final

from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    EquipmentKind,
    Person,
    Region,
    Requirement,
    Role,
    Supervision,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.registry.names import CITY, DISTRICTS, District, Namer
from wattwarden.tools.registry.plant_drafts import draft_firms
from wattwarden.tools.registry.sample_firm import FirmMaker, Officials

DEFAULT_SEED: Final = 1
ROOT: Final = "qingdao"
# The share of all emissions that is these firms'; others have the rest.
_COVERED: Final = (0.91, 0.97)
_OFFICERS: Final = (2, 5)
_MAINTAINERS: Final = 8


@dataclass(frozen=True, slots=True)
class Size:
    """How large the city is."""

    enterprises: int = 344
    production: int = 1_752
    treatment: int = 972


WHOLE_CITY: Final = Size()


def sample_city(seed: int = DEFAULT_SEED, size: Size = WHOLE_CITY) -> Registry:
    """Make a city's registry that passes every check.

    Args:
        seed: Any number.
        size: How many enterprises, production units and treatment units; exactly so many are made.

    Raises:
        ValueError: There are fewer units of a kind than enterprises.
    """
    chance = Random(seed)  # noqa: S311  # a sample city keeps no secret
    namer = Namer(chance)
    registry = Registry()
    officials = _authorities(registry, chance, namer)
    _requirements(registry)
    maker = FirmMaker(registry, chance, namer, officials)
    weights = [district.share for district in DISTRICTS]
    drafts = draft_firms(chance, size.enterprises, size.production, size.treatment)
    for number, draft in enumerate(drafts, 1):
        (district,) = chance.choices(DISTRICTS, weights)
        maker.make(number, draft, district)
    _regions(registry, chance)
    return registry


def _authorities(registry: Registry, chance: Random, namer: Namer) -> Officials:
    """The city's agency, its branches, and the persons in them."""
    registry.put("agency", Agency("市生态环境综合行政执法支队", region=ROOT, id=ROOT))
    officers: dict[str, list[str]] = {}
    for district in DISTRICTS:
        agency = Agency(f"{district.name}分局", ROOT, district.id, id=district.id)
        registry.put("agency", agency)
        officers[district.id] = [
            _official(registry, namer, f"{district.id}-{number}", Role.DISTRICT_OFFICER, agency.id)
            for number in range(1, chance.randint(*_OFFICERS) + 1)
        ]
    for number in range(1, 5):
        _official(registry, namer, f"city-{number}", Role.CITY_OFFICER, ROOT)
    _official(registry, namer, "leader", Role.LEADER, ROOT)
    _official(registry, namer, "admin", Role.ADMINISTRATOR, ROOT)
    _official(registry, namer, "auditor", Role.AUDITOR, ROOT)
    maintainers = [
        _official(registry, namer, f"om-{number}", Role.MAINTENANCE, None)
        for number in range(1, _MAINTAINERS + 1)
    ]
    return Officials(officers, maintainers)


def _official(
    registry: Registry, namer: Namer, identity: str, role: Role, agency: str | None
) -> str:
    mail = f"{identity}@example.org"
    registry.put("person", Person(namer.person(), role, agency, mail=mail, id=identity))
    return identity


def _requirements(registry: Registry) -> None:
    kinds = EquipmentKind
    for one in (
        Requirement(kinds.TERMINAL, id="terminal-all"),
        Requirement(kinds.VIDEO, supervision=Supervision.FOCUS, id="video-focus"),
        Requirement(kinds.MONITORING, supervision=Supervision.FOCUS, id="monitoring-focus"),
        Requirement(kinds.MONITORING, industry="sewage", id="monitoring-sewage"),
    ):
        registry.put("requirement", one)


def _regions(registry: Registry, chance: Random) -> None:
    """Districts whose emissions are a little more than their firms', and the city above them."""
    firms: defaultdict[str, list[Enterprise]] = defaultdict(list)
    for firm in registry.enterprise.values():
        firms[firm.region].append(firm)
    city: defaultdict[str, float] = defaultdict(float)
    for district in DISTRICTS:
        totals = _totals(firms[district.id], chance)
        registry.put("region", _district(district, totals))
        for pollutant, tonnes in totals.items():
            city[pollutant] += tonnes
    whole = {pollutant: round(tonnes, 2) for pollutant, tonnes in sorted(city.items())}
    registry.put("region", Region(CITY, emissions=whole, id=ROOT))


def _totals(firms: list[Enterprise], chance: Random) -> dict[str, float]:
    emitted: defaultdict[str, float] = defaultdict(float)
    for firm in firms:
        for pollutant, tonnes in firm.emissions.items():
            emitted[pollutant] += tonnes
    return {
        pollutant: round(tonnes / chance.uniform(*_COVERED), 2)
        for pollutant, tonnes in sorted(emitted.items())
    }


def _district(district: District, totals: dict[str, float]) -> Region:
    return Region(district.name, ROOT, totals, id=district.id)
