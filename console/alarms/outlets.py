"""What came out while an alarm stood: the pollutants of a line's outlets against their limits."""

from collections.abc import Sequence
from typing import Any, Final

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.nouns import Outlet, Point
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.drawing.quantities import factor_name, factor_unit
from wattwarden.storage.views.results import Result

# Charts below the power that one reads at a glance; a station measures up to thirty factors.
MOST_CHARTS: Final = 6


def outlets_of(case: Case, registry: Registry) -> list[Outlet]:
    """Return where an alarm's line emits; those of the whole firm where the line has none."""
    own = [one for one in registry.outlet.values() if one.enterprise == case.enterprise]
    of_line = [one for one in own if one.line == case.line and case.line]
    return sorted(of_line or [one for one in own if one.line is None], key=lambda one: one.id)


def points_of_outlets(outlets: Sequence[Outlet], registry: Registry) -> list[Point]:
    """Return by what the pollutants of outlets are measured, those with a limit first."""
    known = {one.id: one for one in outlets}
    found = [
        one
        for one in registry.point.values()
        if one.outlet in known and one.measures == "pollutant"
    ]
    found.sort(key=lambda one: (one.factor not in known[one.outlet or ""].limits, one.id))
    wanted = list(dict.fromkeys((one.outlet, one.factor) for one in found))[:MOST_CHARTS]
    return [one for one in found if (one.outlet, one.factor) in wanted]


def charted(results: Sequence[Result], outlets: Sequence[Outlet]) -> list[Any]:
    """Return results as the chart draws them, named in both languages."""
    known = {one.id: one for one in outlets}
    found = []
    for one in results:
        outlet, name = known[one.outlet], factor_name(one.factor)
        found.append(
            {
                "id": f"{one.outlet} {one.factor}",
                "name": {"zh": name.zh, "en": name.en},
                "outlet": outlet.name,
                "unit": factor_unit(one.factor),
                "limit": outlet.limits.get(one.factor),
                "at": one.at,
                "amounts": one.amounts,
            }
        )
    return found
