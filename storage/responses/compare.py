"""The energy of plans' units beside that of the same hours in normal weeks."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from wattwarden.alarms.decisions.bodies import Plan
from wattwarden.alarms.plant.orders import plan_hours
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.assessment import Energy, Window, base_windows
from wattwarden.alarms.responses.makers import Makers
from wattwarden.alarms.responses.numbers import Numbers, default_numbers
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import in_force
from wattwarden.storage.responses.energy import Asked, Used, energy_of
from wattwarden.storage.responses.load import newest_plans

_DAY_S: Final = 86_400.0

PlanHours: TypeAlias = tuple[Plan, Sequence[str], Sequence[Window]]
"""A plan, its production units, and its hours so far."""


async def energies_of(
    connection: Connection, registry: Registry, makers: Makers, plans: Sequence[PlanHours]
) -> dict[str, Energy]:
    """Return the energy of each plan's units in its hours, and of normal ones, by the plan's id.

    Raises:
        StorageError: The database is away.
    """
    numbers = default_numbers()
    firms = {registry.unit[unit].enterprise for _, units, _ in plans for unit in units}
    stretches = await _stretches(connection, registry, makers, firms)
    asked: list[Asked] = []
    weeks: dict[str, list[list[Window]]] = {}
    for plan, units, hours in plans:
        ordered = [window for unit in units for window in stretches[unit]]
        weeks[plan.id] = [] if plan.base_energy else base_windows(hours, ordered, numbers)
        for windows in (hours, *weeks[plan.id]):
            asked += [Asked(unit, windows) for unit in units]
    answers = iter(await energy_of(connection, list(registry.point.values()), asked))
    found: dict[str, Energy] = {}
    for plan, units, hours in plans:
        used, *earlier = (
            _sum([next(answers) for _ in units], numbers) for _ in range(1 + len(weeks[plan.id]))
        )
        normal = [energy for energy in earlier if energy is not None]
        base = sum(normal) / len(normal) if normal else None
        if plan.base_energy:
            base = plan.base_energy * sum(window.seconds for window in hours) / _DAY_S
        found[plan.id] = Energy(used, base)
    return found


async def _stretches(
    connection: Connection, registry: Registry, makers: Makers, firms: Collection[str]
) -> dict[str, list[Window]]:
    """When anything was ordered of each unit of some firms, by plans of any origin."""
    found: dict[str, list[Window]] = defaultdict(list)
    for plan, firm in newest_plans(await in_force(connection, Plan.kind_name)):
        if firm in firms and plan.enabled and not plan.exempt:
            hours = plan_hours(plan, ZoneInfo(registry.enterprise[firm].zone))
            windows = [Window(*window) for window in hours]
            for unit in makers[plan.scope, plan.subject]:
                found[unit] += windows
    return found


def _sum(used: Sequence[Used], numbers: Numbers) -> float | None:
    """Add up units; None where too little is known of one."""
    if not used or any(one.known < numbers.known_energy_share for one in used):
        return None
    return sum(one.energy for one in used)
