"""What a firm should see to now (合规提醒), from what is known of it already.

    open cases          until their deadline; what the firm has done waits for an officer alone
    orders to come      plans that begin soon: what must stop or be limited
    declarations        approved ones that end soon: from then on the machine is judged again
    equipment           what it must have and has not, or has not connected

What officers write themselves comes beside it, as reminders.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.cases.case import LEVELS_ZH, Case, State
from wattwarden.alarms.decisions.bodies import Declaration, Measure, Plan, Review
from wattwarden.alarms.registry.nouns import EquipmentKind
from wattwarden.alarms.statistics.coverage import Lack, Lacking

# An order is published a day ahead at least; a firm that looks in once a day reads it in time.
SOON: Final = timedelta(days=3)
OVERDUE_ZH: Final = "已超期"
# The firm has done its part: rectified, or declared why.
_DONE: Final = (State.RECTIFIED, State.DECLARED)

EQUIPMENT_ZH: Final = {
    EquipmentKind.TERMINAL: "智能终端",
    EquipmentKind.VIDEO: "视频监控",
    EquipmentKind.MONITORING: "自动监测设备",
}
LACKS_ZH: Final = {
    Lack.MISSING: "应装未装",
    Lack.NOT_INSTALLED: "已登记未安装",
    Lack.NOT_NETWORKED: "已安装未联网",
}


@dataclass(frozen=True, slots=True)
class Matter:
    """Something to see to, until ``due`` where there is such a moment."""

    kind: str
    subject: str
    zh: str
    en: str
    due: datetime | None = None
    overdue: bool = False


def matters(
    cases: Iterable[Case],
    plans: Iterable[Plan],
    declarations: Iterable[Declaration],
    equipment: Iterable[Lacking],
    now: datetime,
) -> list[Matter]:
    """Return what one firm should see to, the soonest due first."""
    found = [
        *_of_cases(cases),
        *_of_plans(plans, now),
        *_of_declarations(declarations, now),
        *(_of_equipment(one) for one in equipment),
    ]
    marked = (_overdue(one) if one.due is not None and one.due < now else one for one in found)
    return sorted(marked, key=lambda one: (one.due is None, one.due or now, one.kind, one.subject))


def _overdue(one: Matter) -> Matter:
    return replace(one, zh=f"{OVERDUE_ZH}:{one.zh}", en=f"overdue: {one.en}", overdue=True)


def _of_cases(cases: Iterable[Case]) -> Iterator[Matter]:
    for case in cases:
        if case.open and case.state not in _DONE:
            zh = f"{LEVELS_ZH[case.level]}{case.id}须按期处置:{case.episode.zh}"
            en = f"alarm {case.id} is to be dealt with: {case.episode.en}"
            yield Matter("case", case.subject, zh, en, case.deadline)


def _of_plans(plans: Iterable[Plan], now: datetime) -> Iterator[Matter]:
    for plan in plans:
        if plan.enabled and not plan.exempt and now < plan.start <= now + SOON:
            share = "" if plan.reduction is None else f"{100 * plan.reduction:g}%"
            stops = plan.measure is Measure.STOP
            zh = f"{plan.subject}即将{'停产' if stops else f'限产{share}'}"
            en = f"{plan.subject} is to {'stop' if stops else f'produce {share} less'} soon"
            yield Matter("plan", f"{plan.scope}:{plan.subject}", zh, en, plan.start)


def _of_declarations(declarations: Iterable[Declaration], now: datetime) -> Iterator[Matter]:
    for one in declarations:
        end = one.until or one.end
        if one.state is Review.APPROVED and now < end <= now + SOON:
            zh = f"申报{one.id}即将到期,之后恢复判定"
            en = f"declaration {one.id} ends soon; from then on {one.subject} is judged again"
            yield Matter("declaration", f"{one.scope}:{one.subject}", zh, en, end)


def _of_equipment(one: Lacking) -> Matter:
    zh = f"{EQUIPMENT_ZH[one.equipment]}{LACKS_ZH[one.lack]}"
    return Matter("equipment", one.equipment, zh, f"{one.equipment} is {one.lack}")
