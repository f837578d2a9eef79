"""A city in which everything is wrong that rules know, at a time that runs much faster than ours.

Ten of its days pass in an hour: what only days show is judged, too.  Firms of both protocols that
the scenario's meters speak, which never rest; offences, and by turns one of ``WRONG`` a day.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.city import draw_city
from wattwarden.tools.simulator.scenario import (
    CitySpec,
    DecisionKind,
    DecisionSpec,
    FactorySpec,
    Happening,
    HappeningSpec,
    Offences,
    Scenario,
    UnitSpec,
)
from wattwarden.tools.simulator.world import World

START: Final = date(2026, 3, 2)
DAYS: Final = 12
# Before the first shift: who does not start its treatment then has an R1, who is late an R6.
BEGIN_S: Final = 7 * 3600 + 50 * 60
METERS_A_FIRM: Final = 20
PRODUCTION_SHARE: Final = 0.55
MAINS_SHARE: Final = 0.3
HJ212_SHARE: Final = 0.3
HOUR_MIN: Final = 60
DAY_MIN: Final = 24 * HOUR_MIN
# A day's mischief begins so long after a firm's first shift; being late begins before it.
AFTER_MIN: Final = 2 * HOUR_MIN
BEFORE_MIN: Final = 30
# By turns, of the n-th firm on its n-th day: of which unit or outlet, how much, for how long.
WRONG: Final[tuple[tuple[Happening, str, float | None, float], ...]] = (
    ("hunting", "T01", 100.0, 14 * HOUR_MIN),
    ("overload", "P01", 2.5, 4 * HOUR_MIN),
    ("exceedance", "O1", 3.0, 3 * HOUR_MIN),
    ("overload", "T01", 2.0, 4 * HOUR_MIN),
    ("maintenance", "T01", None, 80.0),
    ("flagged", "O1", None, 3 * HOUR_MIN),
    ("sag", "T01", 0.7, 22 * HOUR_MIN),
)
# A phase that a production meter does not see is load that nobody meters.
UNMETERED: Final = ("ct_off", 0.0, 23 * HOUR_MIN)
# What people decided before dawn of the first day, of every so manieth firm, from the n-th on.
EVERY: Final = 20
DECIDED: Final[tuple[tuple[DecisionKind, dict[str, object]], ...]] = (
    ("plan", {"scope": "enterprise", "subject": "{firm}", "measure": "stop",
              "start": "day 1 05:00", "end": "day 12 00:00"}),
    ("plan", {"scope": "enterprise", "subject": "{firm}", "measure": "limit", "reduction": 0.5,
              "base_energy": 1000.0, "start": "day 1 05:00", "end": "day 12 00:00"}),
    ("consumable", {"unit": "{firm}-T01", "kind": "carbon", "limit_hours": 20.0,
                    "replaced_at": "day 1 05:00"}),
    ("patrol", {"scope": "enterprise", "subject": "{firm}", "person": "{firm}-duty",
                "at": "day 1 04:00"}),
)  # fmt: skip


def city(seed: int, meters: int, cycle_s: int) -> World:
    """Return a city of about so many meters, each of which reports every ``cycle_s``."""
    firms = max(4, meters // METERS_A_FIRM)
    production = round(PRODUCTION_SHARE * meters)
    drawn = CitySpec(
        factories=firms,
        production=production,
        treatment=meters - production,
        hj212=HJ212_SHARE,
        outlets=1.0,
        mains=MAINS_SHARE,
    )
    # A week has five of their days, and rules of days ask for seven.
    factories = tuple(msgspec.structs.replace(one, rest_days=()) for one in draw_city(drawn, seed))
    scenario = Scenario(
        start=START,
        name="chaos",
        seed=seed,
        days=DAYS,
        cycle_s=cycle_s,
        factory=factories,
        offences=Offences(R1=3.0, R2=4.0, R3=4.0, R4=4.0, R5=4.0, minutes=(6.0, 90.0)),
        happening=tuple(_happenings(factories)),
        decision=tuple(_decisions(factories)),
    )
    return World(scenario, seed, BEGIN_S, _left_out)


def _happenings(factories: tuple[FactorySpec, ...]) -> Iterator[HappeningSpec]:
    for number, factory in enumerate(factories):
        hour, minute = map(int, factory.shifts[0][0].split(":"))
        for day in range(DAYS - 1):
            begin = day * DAY_MIN + hour * HOUR_MIN + minute
            kind, name, amount, minutes = WRONG[(number + day) % len(WRONG)]
            at = begin + (-BEFORE_MIN if kind == "maintenance" else AFTER_MIN)
            if at < 0:
                continue
            yield _happening(factory, (kind, name, amount), max(0, at), minutes)
            if _has_mains(factory) and (number + day) % len(WRONG) == 0:
                kind, amount, minutes = UNMETERED
                yield _happening(factory, (kind, "P02", amount), max(0, at), minutes)


def _happening(
    factory: FactorySpec, what: tuple[Happening, str, float | None], at: int, minutes: float
) -> HappeningSpec:
    kind, name, amount = what
    whose = f"{factory.id}-{name}"
    unit, outlet = (None, whose) if name == "O1" else (whose, None)
    onset = f"day {1 + at // DAY_MIN} {at % DAY_MIN // HOUR_MIN:02d}:{at % HOUR_MIN:02d}"
    return HappeningSpec(
        kind=kind, onset=onset, minutes=minutes, unit=unit, outlet=outlet, amount=amount
    )


def _has_mains(factory: FactorySpec) -> bool:
    return any(unit.kind == "main" for unit in factory.unit) and "P02" in map(_short, factory.unit)


def _short(unit: UnitSpec) -> str:
    return unit.id.rpartition("-")[2]


def _decisions(factories: tuple[FactorySpec, ...]) -> Iterator[DecisionSpec]:
    for number, factory in enumerate(factories):
        if (number % EVERY) < len(DECIDED):
            kind, body = DECIDED[number % EVERY]
            told = {
                key: value.format(firm=factory.id) if isinstance(value, str) else value
                for key, value in body.items()
            }
            yield DecisionSpec(kind=kind, at="day 1 05:00", body=told)


def _left_out(error: UsageError) -> None:
    """Let pass what a firm, drawn as it is, cannot do."""
    del error
