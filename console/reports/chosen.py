"""Which figures an address asks for: of which part of the city, over which days, in rows for what.

the city ─► a district or an industry ─► a firm          each level leads to the next
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.districts import firms_of
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.drawing.said import Said
from wattwarden.console.drawing.span import Days, days_of
from wattwarden.console.visit import Visit

# A month is what authorities count by; kept days make it quick.
USUAL: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=92)
BYS: Final[Mapping[By, Said]] = {
    By.DISTRICT: Said("按区县", "By district"),
    By.INDUSTRY: Said("按行业", "By industry"),
    By.ENTERPRISE: Said("按企业", "By firm"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks for; "" where it asks for all."""

    by: By
    district: str
    industry: str
    enterprise: str
    days: Days

    def address(self, path: str, **changes: str) -> str:
        """Return the address of the same figures with some things otherwise."""
        values = {
            "by": self.by.value,
            "district": self.district,
            "industry": self.industry,
            "enterprise": self.enterprise,
            "from": str(self.days.first),
            "to": str(self.days.last),
            **changes,
        }
        return f"{path}?{urlencode({name: value for name, value in values.items() if value})}"

    def within(self, path: str, name: str) -> str:
        """Return the address of what a row of this name is made of."""
        if self.by is By.ENTERPRISE:
            return self.address(path, enterprise=name)
        part = "district" if self.by is By.DISTRICT else "industry"
        return self.address(path, by=By.ENTERPRISE.value, **{part: name})

    def period(self, reader: Reader) -> Period:
        """Return the span, which ends now where today is in it."""
        return Period(self.days.since, min(self.days.until, reader.now))

    def firms(self, registry: Registry, reader: Reader) -> list[str]:
        """Return the firms that are counted, those alone that somebody may see."""
        known = registry.enterprise.values()
        if self.district:
            there = firms_of(self.district, known, registry.region, registry.agency)
        else:
            there = frozenset(registry.enterprise)
        return sorted(
            one.id
            for one in known
            if reader.sees(one.id)
            and one.id in there
            and self.industry in ("", one.industry)
            and self.enterprise in ("", one.id)
        )


def wanted_of(visit: Visit, reader: Reader) -> Wanted:
    """Read an address; what it cannot mean counts as not asked."""
    asked = visit.asked("by")
    return Wanted(
        by=By(asked) if asked in {one.value for one in BYS} else By.DISTRICT,
        district=visit.asked("district"),
        industry=visit.asked("industry"),
        enterprise=visit.asked("enterprise"),
        days=days_of(visit.asked("from"), visit.asked("to"), reader.now, USUAL, LONGEST),
    )
