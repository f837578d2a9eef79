"""How long a filling of activated carbon lasts, and what reviewers object to in the answer.

    T = m·s / (c·10⁻⁶·Q·t)     days; in run hours T·t = m·s / (c·10⁻⁶·Q)

m kg of carbon, s kg/kg of dynamic adsorption, c mg/m³ of reduction, Q m³/h, t h a day: as reviews
of such designs in Guangdong and Jiangsu calculate it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattwarden.alarms.consumables.bodies import Carbon
from wattwarden.alarms.consumables.numbers import Carbon as Accepted
from wattwarden.alarms.decisions.bodies import Consumable

_MG_PER_KG: Final = 1e6
CARBON: Final = "carbon"


class Objection(StrEnum):
    """What a reviewer says."""

    SHARE_ABOVE_USUAL = "share_above_usual"
    SHARE_OBJECTED = "share_objected"
    LONG_PERIOD = "long_period"
    ABOVE_CAP = "above_cap"
    NOT_CALCULATED = "not_calculated"


@dataclass(frozen=True, slots=True)
class Remark:
    """An objection in both languages."""

    objection: Objection
    zh: str
    en: str


def run_hours(design: Carbon) -> float:
    """Return how many run hours a filling lasts."""
    adsorbed_mg = design.mass_kg * design.share * _MG_PER_KG
    return adsorbed_mg / (design.reduction_mg_m3 * design.flow_m3_h)


def run_days(design: Carbon) -> float:
    """Return how many days it lasts at its hours a day."""
    return run_hours(design) / design.hours_per_day


def objections(design: Carbon, accepted: Accepted) -> Iterator[Remark]:
    """Yield what reviewers object to in a calculation."""
    share, days, hours = design.share, run_days(design), run_hours(design)
    if share >= accepted.objected_share:
        yield Remark(
            Objection.SHARE_OBJECTED,
            f"动态吸附量{share:.0%},评审一般不认可{accepted.objected_share:.0%}以上的取值",
            f"dynamic adsorption of {share:.0%}: reviewers object from"
            f" {accepted.objected_share:.0%} on",
        )
    elif share > accepted.usual_share:
        yield Remark(
            Objection.SHARE_ABOVE_USUAL,
            f"动态吸附量{share:.0%},高于常用的{accepted.usual_share:.0%},须附依据",
            f"dynamic adsorption of {share:.0%} is above the usual {accepted.usual_share:.0%}",
        )
    if days > accepted.objected_days:
        yield Remark(
            Objection.LONG_PERIOD,
            f"更换周期{days:.0f}天,超过{accepted.objected_days:.0f}天须附计算书",
            f"{days:.0f} days are above {accepted.objected_days:.0f}: keep the calculation at hand",
        )
    if hours > accepted.capped_hours:
        yield Remark(
            Objection.ABOVE_CAP,
            f"累计运行{hours:.0f}小时,部分省份上限为{accepted.capped_hours:.0f}小时",
            f"{hours:.0f} run hours: some provinces cap them at {accepted.capped_hours:.0f}",
        )


def uncalculated(part: Consumable, design: Carbon | None, accepted: Accepted) -> Iterator[Remark]:
    """Yield what reviewers object to in the limits of a part of carbon."""
    if part.kind != CARBON or design is not None:
        return
    if part.limit_days is None or part.limit_days > accepted.objected_days:
        yield Remark(
            Objection.NOT_CALCULATED,
            f"活性炭更换周期未经计算且超过{accepted.objected_days:.0f}天或未设天数上限",
            f"carbon for more than {accepted.objected_days:.0f} days that nobody calculated",
        )
