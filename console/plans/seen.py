"""Orders as pages show them: whom they concern, whether they hold now, and who does not obey."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.decisions.bodies import Cycle, Measure, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.plant.orders import plan_hours
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.makers import Makers, makers_of
from wattwarden.console.drawing.said import Said
from wattwarden.console.firms.words import order_of
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import in_force
from wattwarden.storage.responses.load import newest_plans

# Rules whose alarms say that an order to stop, or to produce less, is not obeyed.
DISOBEYED: Final = ("R11", "R12")
# Hours that go past midnight began the day before.
_BACK: Final = timedelta(days=2)


class Phase(StrEnum):
    """Where an order is at a moment."""

    HOLDS = "holds"
    PAUSES = "pauses"  # between its hours of one day and the next
    COMES = "comes"


@dataclass(frozen=True, slots=True)
class Order:
    """A plan that holds or is to come, by names.

    ``since`` and ``until`` are of the present hours, else of the next; ``alarm`` says that it is
    not obeyed; ``units`` are the production units that it concerns.
    """

    plan: Plan
    firm: str
    firm_name: str
    subject: Said
    what: Said
    phase: Phase
    since: datetime
    until: datetime
    alarm: Case | None
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders that stand, those that hold first; and the alarms that say who does not obey."""

    listed: tuple[Order, ...]
    disobeyed: tuple[Case, ...]

    def asked(self, phase: Phase) -> list[Order]:
        """Return those in a phase that ask for something."""
        return [one for one in self.listed if one.phase is phase and not one.plan.exempt]

    def firms(self, measure: Measure) -> set[str]:
        """Return the firms of which something is asked now; who stops is not counted as limited."""
        holds = self.asked(Phase.HOLDS)
        stopped = {one.firm for one in holds if one.plan.measure is Measure.STOP}
        if measure is Measure.STOP:
            return stopped
        return {one.firm for one in holds} - stopped

    @property
    def exempt(self) -> set[str]:
        """Return the firms that are named now and let be."""
        named = {one.firm for one in self.listed if one.plan.exempt and one.phase is Phase.HOLDS}
        return named - {one.firm for one in self.asked(Phase.HOLDS)}

    @property
    def offenders(self) -> set[str]:
        """Return the firms that do not obey."""
        return {case.enterprise for case in self.disobeyed}


async def load_orders(
    connection: Connection,
    registry: Registry,
    firms: frozenset[str] | None,
    now: datetime,
) -> Orders:
    """Return the orders of some firms (None: all) that hold or are to come.

    Raises:
        StorageError: The database is away.
    """
    entered = await in_force(connection, Plan.kind_name, firms, ending_after=now)
    chosen = Chosen(enterprises=firms, rules=DISOBEYED, open=True, standing=True)
    cases = await load_cases(connection, chosen, now=now)
    makers = makers_of(registry)
    found = [
        order
        for plan, firm in newest_plans(entered)
        if (order := _order(plan, firm, registry, makers, cases, now)) is not None
    ]
    place = list(Phase)
    found.sort(
        key=lambda one: (one.alarm is None, place.index(one.phase), one.since, one.firm_name)
    )
    return Orders(tuple(found), tuple(cases))


def hours_at(plan: Plan, zone: ZoneInfo, now: datetime) -> tuple[Phase, datetime, datetime] | None:
    """Return where a plan is, and its present or next hours; None where it is over."""
    begun = plan.start <= now
    cut = plan
    if plan.cycle is Cycle.DAILY and plan.start < now - _BACK:
        cut = msgspec.structs.replace(plan, start=now - _BACK)
    for start, end in plan_hours(cut, zone):
        if end > now:
            if start <= now:
                return Phase.HOLDS, start, end
            return (Phase.PAUSES if begun else Phase.COMES), start, end
    return None


def subject_name(scope: Scope, subject: str, registry: Registry) -> Said:
    """Name what an order concerns: the whole firm, a line or a unit."""
    if scope is Scope.ENTERPRISE:
        return Said("全厂", "the whole firm")
    record = getattr(registry, scope.value).get(subject)
    name = subject if record is None else str(record.name)
    return Said(name, name)


def _order(
    plan: Plan,
    firm: str,
    registry: Registry,
    makers: Makers,
    cases: Iterable[Case],
    now: datetime,
) -> Order | None:
    record = registry.enterprise.get(firm)
    if record is None or not plan.enabled:
        return None
    at = hours_at(plan, ZoneInfo(record.zone), now)
    if at is None:
        return None
    units = tuple(makers.get((plan.scope, plan.subject), ()))
    return Order(
        plan=plan,
        firm=firm,
        firm_name=record.name,
        subject=subject_name(plan.scope, plan.subject, registry),
        what=order_of(plan),
        phase=at[0],
        since=at[1],
        until=at[2],
        alarm=None if plan.exempt else _alarm(plan, units, cases),
        units=units,
    )


def _alarm(plan: Plan, units: Sequence[str], cases: Iterable[Case]) -> Case | None:
    """Return the gravest alarm that says that a plan is not obeyed."""
    subjects = {f"{plan.scope}:{plan.subject}"} if plan.measure is Measure.LIMIT else set()
    subjects |= {f"unit:{unit}" for unit in units}
    own = [case for case in cases if case.subject in subjects]
    return max(own, key=lambda case: case.level, default=None)
