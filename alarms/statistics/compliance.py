"""What firms do at a moment: 合规生产, 停工, 未响应停产, 未开启治污, 未响应减产.

A firm is counted once, under the gravest that is the case.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Final

from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import ToldAlarm
from wattwarden.alarms.statistics.running import MAKING, PRODUCES, SILENT


class Standing(StrEnum):
    """What a firm does."""

    STOP_IGNORED = "stop_ignored"
    TREATMENT_OFF = "treatment_off"
    LIMIT_IGNORED = "limit_ignored"
    UNHEARD = "unheard"
    IDLE = "idle"
    COMPLIANT = "compliant"


STANDINGS_ZH: Final[Mapping[Standing, str]] = {
    Standing.STOP_IGNORED: "未响应停产",
    Standing.TREATMENT_OFF: "未开启治污设备",
    Standing.LIMIT_IGNORED: "未响应减产",
    Standing.UNHEARD: "失联",
    Standing.IDLE: "停工",
    Standing.COMPLIANT: "合规生产",
}
# Rules whose open alarms say so, the gravest first.
SAID_BY: Final = (
    (Standing.STOP_IGNORED, frozenset({"R11"})),
    (Standing.TREATMENT_OFF, frozenset({"R1", "R2"})),
    (Standing.LIMIT_IGNORED, frozenset({"R12"})),
)


def standings(
    registry: Registry,
    firms: Collection[str],
    states: Mapping[str, UnitState],
    open_alarms: Iterable[ToldAlarm],
) -> dict[str, Standing]:
    """Return what each firm does, by its open alarms and the present states of its units."""
    rules: dict[str, set[str]] = {}
    for alarm in open_alarms:
        rules.setdefault(alarm.enterprise, set()).add(alarm.rule)
    production: dict[str, list[UnitState]] = {}
    heard: set[str] = set()
    for unit in registry.unit.values():
        state = states.get(unit.id, UnitState.NEVER)
        if state not in SILENT:
            heard.add(unit.enterprise)
        if unit.kind in PRODUCES:
            production.setdefault(unit.enterprise, []).append(state)
    return {
        firm: _standing(rules.get(firm, set()), production.get(firm, []), heard=firm in heard)
        for firm in sorted(firms)
    }


def _standing(rules: set[str], production: Iterable[UnitState], *, heard: bool) -> Standing:
    for standing, said_by in SAID_BY:
        if rules & said_by:
            return standing
    if not heard:
        return Standing.UNHEARD
    works = any(state in MAKING for state in production)
    return Standing.COMPLIANT if works else Standing.IDLE
