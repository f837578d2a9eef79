"""What a scenario may mean, and probably does not: told before it runs, and refused by nobody."""

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from wattwarden.tools.registry.trades import TRADES
from wattwarden.tools.simulator.orders import undecided
from wattwarden.tools.simulator.site import Firm
from wattwarden.tools.simulator.world import World

GENERAL: Final = "general"
KNOWN: Final = tuple(sorted({GENERAL, *(trade.industry for trade in TRADES)}))
MAKERS: Final = frozenset({"production", "both"})


def remark(world: World) -> None:
    """Tell on standard error what people would want to know of a scenario before it runs.

    Raises:
        UsageError: a decision of the scenario is none.
    """
    for text in remarks_of(world):
        print(f"wattwarden: scenario {world.scenario.name}: {text}", file=sys.stderr)


def remarks_of(world: World) -> Iterator[str]:
    """Yield what is allowed and has no effect, or another than it seems.

    Raises:
        UsageError: a decision of the scenario is none.
    """
    for firm in world.site.firms:
        yield from _of_firm(firm)
    for name in undecided(world):
        yield (
            f"declaration {name} stays pending and excuses nothing: "
            'give its body state = "approved", or decide it while the simulation stands'
        )


def _of_firm(firm: Firm) -> Iterator[str]:
    industry = firm.spec.industry
    if industry not in KNOWN:
        near = get_close_matches(industry, KNOWN, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        yield (
            f"factory {firm.id}: industry {industry!r} is none that rules know, and has no "
            f"numbers of its own; {meant}known are {', '.join(KNOWN)}"
        )
    if not any(machine.spec.kind in MAKERS for machine in firm.machines):
        yield (
            f"factory {firm.id} has no production unit: its treatment is never needed, and "
            'nothing of it is judged; add a unit with kind = "production"'
        )
