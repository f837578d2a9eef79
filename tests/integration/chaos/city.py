"""A city in which much is wrong, at a time that runs many times as fast as the real one.

Firms of both protocols that the scenario's meters speak; offences, overloads, machines that switch
on and off all the time, emissions over their limit, an order to stop that nobody follows.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.scenario import (
    CitySpec,
    Confounders,
    DecisionSpec,
    Happening,
    HappeningSpec,
    Offences,
    Often,
    Scenario,
)
from wattwarden.tools.simulator.world import World

START: Final = date(2026, 3, 2)
DAYS: Final = 3
# Before the first shift: who does not start its treatment then has an R1, who is late an R6.
BEGIN_S: Final = 7 * 3600 + 50 * 60
METERS_A_FIRM: Final = 8
PRODUCTION_SHARE: Final = 0.55
HJ212_SHARE: Final = 0.3
# What is written out happens to every firm that it fits, so long, from these times on.
FIRST_MIN: Final = 485
EVERY_MIN: Final = 90
LASTING_MIN: Final = 50.0
TIMES: Final = 12
# By turns, of the n-th firm; {firm} is its id.
WRONG: Final[tuple[tuple[Happening, str, str, float | None], ...]] = (
    ("hunting", "unit", "{firm}-T01", 2.0),
    ("overload", "unit", "{firm}-P01", 2.5),
    ("exceedance", "outlet", "{firm}-O1", 3.0),
    ("overload", "unit", "{firm}-T01", 2.0),
    ("flagged", "outlet", "{firm}-O1", None),
)
# Its order to stop has been in force since before dawn.
STOPPED: Final = "E0002"


def city(seed: int, meters: int, cycle_s: int) -> World:
    """Return a city of about so many meters, each of which reports every ``cycle_s``."""
    firms = max(3, meters // METERS_A_FIRM)
    production = round(PRODUCTION_SHARE * meters)
    scenario = Scenario(
        start=START,
        name="chaos",
        seed=seed,
        days=DAYS,
        cycle_s=cycle_s,
        city=CitySpec(
            factories=firms,
            production=production,
            treatment=meters - production,
            hj212=HJ212_SHARE,
            outlets=1.0,
            mains=0.1,
        ),
        offences=Offences(R1=80.0, R2=80.0, R3=60.0, R4=60.0, R5=60.0, minutes=(6.0, 25.0)),
        confounders=Confounders(late_start=Often(rate=20.0, minutes=(4.0, 9.0))),
        happening=tuple(_happenings(firms)),
        decision=(_stop(),),
    )
    return World(scenario, seed, BEGIN_S, _left_out)


def _happenings(firms: int) -> Iterator[HappeningSpec]:
    for time in range(TIMES):
        at = FIRST_MIN + EVERY_MIN * time
        onset = f"day {1 + at // 1440} {at // 60 % 24:02d}:{at % 60:02d}"
        for number in range(firms):
            kind, of, name, amount = WRONG[(number + time) % len(WRONG)]
            whose = name.format(firm=f"E{number + 1:04d}")
            unit, outlet = (whose, None) if of == "unit" else (None, whose)
            yield HappeningSpec(
                kind=kind, onset=onset, minutes=LASTING_MIN, unit=unit, outlet=outlet, amount=amount
            )


def _stop() -> DecisionSpec:
    body = {
        "scope": "enterprise", "subject": STOPPED, "measure": "stop",
        "start": "day 1 05:00", "end": "day 3 00:00",
    }  # fmt: skip
    return DecisionSpec(kind="plan", at="day 1 05:00", body=body)


def _left_out(error: UsageError) -> None:
    """Let pass what a firm, drawn as it is, cannot do."""
    del error
