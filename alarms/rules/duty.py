"""Duties: R18 parts that are used up, R19 patrols that nobody made."""

from collections.abc import Sequence

from wattwarden.alarms.plant.orders import Wear
from wattwarden.alarms.plant.plant import Plant

# The levels of R18 and the numbers at which they begin.
WEAR_LEVELS = (("remind", "R18.remind"), ("due", "R18.due"), ("overdue", "R18.overdue"))


def share_used(wear: Wear, hours: float, days: float) -> float:
    """R18: which share of its hours or days a part has been used, the greater one."""
    return max(
        hours / wear.limit_hours if wear.limit_hours else 0.0,
        days / wear.limit_days if wear.limit_days else 0.0,
    )


def wear_level(plant: Plant, unit: int, share: float) -> int:
    """R18: how many levels a part has reached."""
    return sum(share >= float(plant.limit[name][unit]) for _, name in WEAR_LEVELS)


def patrol_missed(
    plant: Plant, firm: int, worked_ms: int, patrols: Sequence[int], began: int
) -> bool:
    """R19: a day of production, from ``began`` (ms) on, without anybody having looked.

    ``patrols`` are those until the day's end.  It is a duty of firms that have ever recorded one,
    and of those whose rules require it.
    """
    required = bool(patrols) or plant.firm_limit["R19.required"][firm] > 0
    produced = worked_ms >= 1000 * float(plant.firm_limit["R19.least_run_s"][firm])
    return bool(required and produced and not any(when >= began for when in patrols))
