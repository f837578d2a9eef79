"""What commands about plans, responses and calendars share: subjects, hours, what was activated."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

from cyclopts import Parameter

from wattwarden.alarms.decisions.bodies import Cycle, Measure, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.storage.books.sheets import LABELS
from wattwarden.storage.responses.activate import Activated
from wattwarden.tools.acting import ActorForm, Desk, at_desk, entered_row, show_entered
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.times import rfc3339

Daily = Annotated[str | None, Parameter(help="Only these hours of each day: 22:00-06:00.")]
_HOURS: Final = re.compile(r"([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_LIMIT: Final = re.compile(rf"([a-z]+:[^=]+)=({_NUMBER})(?:@({_NUMBER})kWh)?")


class Hours(NamedTuple):
    """When, between its start and its end, an order holds; fields as a plan's."""

    cycle: Cycle
    from_hour: str | None
    to_hour: str | None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Ordered:
    """What is ordered of a subject."""

    limit: Annotated[
        float | None, Parameter(help="Limit to so many percent less; without it, a stop.")
    ] = None
    daily: Daily = None

    def fields(self) -> dict[str, Any]:
        """Return the measure, the reduction and the hours, as a plan has them.

        Raises:
            UsageError: The limit or the hours are none.
        """
        reduction = None if self.limit is None else share_of(self.limit)
        measure = Measure.STOP if reduction is None else Measure.LIMIT
        hours = hours_of(self.daily)._asdict()
        return {"measure": measure, "reduction": reduction} | hours


# What is ordered when none of these options is given.
A_STOP: Final = Ordered()


class Subject(NamedTuple):
    """Whom an order concerns."""

    scope: Scope
    id: str


def subject_of(text: str) -> Subject:
    """Read ``enterprise:E1``, ``line:L1`` or ``unit:U1``.

    Raises:
        UsageError: It is none of these.
    """
    scope, _, identity = text.partition(":")
    if scope not in tuple(Scope) or not identity:
        message = f"{text!r} is no subject"
        raise UsageError(message, "write enterprise:ID, line:ID or unit:ID")
    return Subject(Scope(scope), identity)


class Limited(NamedTuple):
    """Whom a limit concerns, by which share, and a normal day's energy in Wh where agreed."""

    subject: Subject
    reduction: float
    base_energy: float | None


def limited_of(text: str) -> Limited:
    """Read ``line:L1=30``, or ``line:L1=30@1200kWh`` where a normal day's energy was agreed.

    Raises:
        UsageError: It is not written so.
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        message = f"{text!r} is no limit"
        raise UsageError(
            message, "write line:ID=30 for 30 percent less, line:ID=30@1200kWh of a normal day's"
        )
    energy = None if found[3] is None else 1000 * float(found[3])
    if energy == 0:
        message = f"{text!r}: a normal day without energy"
        raise UsageError(message, "leave it out, and it is learned")
    return Limited(subject_of(found[1]), share_of(float(found[2])), energy)


def share_of(percent: float) -> float:
    """Return percent as a share.

    Raises:
        UsageError: Nothing or more than everything would be left out.
    """
    if not 0 < percent <= 100:
        message = f"a limit of {percent:g} percent less"
        raise UsageError(message, "it is above 0 and at most 100")
    return percent / 100


def hours_of(daily: str | None) -> Hours:
    """Read the hours of each day, None for all the time.

    Raises:
        UsageError: They are written otherwise.
    """
    if daily is None:
        return Hours(Cycle.CONTINUOUS, None, None)
    found = _HOURS.fullmatch(daily)
    if found is None:
        message = f"{daily!r} are no hours"
        raise UsageError(message, "write 22:00-06:00")
    return Hours(Cycle.DAILY, found[1], found[2])


def activate(by: ActorForm, command: str, work: Callable[[Desk], Awaitable[Activated]]) -> None:
    """Do as a person what activates plans, and print what came of it; raises as ``at_desk``."""
    _show(at_desk(by, command, work), json=by.json)


def _show(activated: Activated, *, json: bool) -> None:
    """Print what was decided, and how many plans came of it."""
    plans = [one.body for one in activated.plans if isinstance(one.body, Plan)]
    if json:
        row = entered_row(activated.entered)
        rest = {"plans": len(plans), "without_preset": list(activated.without_preset)}
        print(as_json(row | rest))
        return
    show_entered(activated.entered, json=False)
    exempt = sum(plan.exempt for plan in plans)
    print(
        f"计划 {len(plans)} 条(其中豁免 {exempt} 条) / {len(plans)} plans, {exempt} of them exempt"
    )
    if activated.without_preset:
        names = ", ".join(activated.without_preset)
        print(f"无该等级预案的企业 / firms without a preset of this level: {names}")


def plan_row(plan: Plan, enterprise: str) -> dict[str, Any]:
    """Return a plan as JSON holds it."""
    return {
        "id": plan.id,
        "enterprise": enterprise,
        "scope": plan.scope,
        "subject": plan.subject,
        "measure": plan.measure,
        "reduction": plan.reduction,
        "base_energy_wh": plan.base_energy,
        "start": rfc3339(plan.start),
        "end": rfc3339(plan.end),
        "daily": f"{plan.from_hour}-{plan.to_hour}" if plan.from_hour else None,
        "level": plan.level,
        "exempt": plan.exempt,
        "enabled": plan.enabled,
        "origin": plan.origin,
        "reason": plan.reason,
    }


def measure_text(
    measure: Measure, reduction: float | None, base_energy: float | None = None
) -> str:
    """Say what is ordered, with a normal day's energy (Wh) where it was agreed."""
    share = f" {reduction:.0%}" if reduction is not None else ""
    base = f"(正常日{base_energy / 1000:g} kWh)" if base_energy is not None else ""
    return f"{LABELS[Measure][measure]}{share}{base}"
