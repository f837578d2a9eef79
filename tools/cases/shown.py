"""How cases are printed."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from wattwarden.alarms.cases.bodies import CAUSES_ZH, FAULTS_ZH, Verb
from wattwarden.alarms.cases.case import LEVELS_ZH, STATES_ZH, Case, Done
from wattwarden.alarms.cases.lifecycle import DEEDS_ZH, VERBS_ZH, Deed
from wattwarden.storage.cases.listing import Tally
from wattwarden.tools.cases.naming import Naming
from wattwarden.tools.render import show_table
from wattwarden.tools.times import local, rfc3339

_MOMENTS: Final = ("raised", "cleared", "acked", "handled", "declared", "rectified", "verified")
HEADINGS: Final = (
    "id", "state", "level", "rule", "subject", "enterprise", "raised", "ended", "deadline", "what",
)  # fmt: skip


def case_row(case: Case) -> dict[str, Any]:
    """Return a case as JSON holds it."""
    moments = {name: _time(getattr(case, name)) for name in (*_MOMENTS, "closed", "deadline")}
    return {
        "id": case.id,
        "rule": case.rule,
        "class": case.grade,
        "subject": case.subject,
        "enterprise": case.enterprise,
        "line": case.line,
        "state": case.state.value,
        "level": int(case.level),
        "exported_level": case.level.exported,
        "overdue": case.overdue,
        "parent": case.parent,
        **moments,
        "acked_by": case.acked_by,
        "ending": case.ending,
        "cause": case.cause,
        "part": case.part,
        "fault": case.fault,
        "declaration": case.declaration,
        "planned_by": case.planned_by,
        "plan": [{"what": one.what, "by": _time(one.by), "who": one.who} for one in case.plan],
        "evidence": list(case.evidence),
    }


def table_row(case: Case, naming: Naming) -> tuple[object, ...]:
    """Return a case's cells under ``HEADINGS``."""
    return (
        case.id,
        STATES_ZH[case.state] + (" 超期" if case.overdue and case.open else ""),
        f"L{int(case.level)} {LEVELS_ZH[case.level]}",
        f"{case.rule} {case.grade}",
        naming.subject(case.subject),
        naming.of("enterprise", case.enterprise),
        local(case.raised),
        None if case.cleared is None else local(case.cleared),
        local(case.deadline),
        case.episode.zh,
    )


def totals(tallies: Mapping[Tally, int]) -> dict[str, Any]:
    """Count cases by state, level, class and rule."""
    return {
        "cases": sum(tallies.values()),
        "open": sum(many for one, many in tallies.items() if one.open),
        "standing": sum(many for one, many in tallies.items() if one.standing),
        "overdue": sum(many for one, many in tallies.items() if one.overdue and one.open),
        "by_state": _counted(tallies, lambda one: one.state.value),
        "by_level": _counted(tallies, lambda one: str(int(one.level))),
        "by_class": _counted(tallies, lambda one: one.grade),
        "by_rule": _counted(tallies, lambda one: one.rule),
    }


def show_totals(counted: dict[str, Any]) -> None:
    """Print how many cases there are of which kind."""
    numbers = ", ".join(f"{counted[name]} {name}" for name in ("open", "standing", "overdue"))
    print(f"{counted['cases']} cases: {numbers}")
    for name in ("by_state", "by_level", "by_class"):
        listed = ", ".join(f"{key} {count}" for key, count in counted[name].items())
        print(f"  {name.replace('_', ' ')}: {listed}")


def tell_case(case: Case) -> None:
    """Print where a case stands, and all that was done about it."""
    level, overdue = f"L{int(case.level)} {LEVELS_ZH[case.level]}", " 超期" if case.overdue else ""
    print(
        f"  {STATES_ZH[case.state]} ({case.state})  {level}  限期 {local(case.deadline)}{overdue}"
    )
    if case.parent is not None:
        print(f"  repeats alarm {case.parent}")
    cause = "" if case.cause is None else CAUSES_ZH[case.cause]
    fault = "" if case.fault is None else FAULTS_ZH[case.fault]
    for title, value in (("原因", cause), ("部件", case.part), ("判定", fault)):
        if value:
            print(f"  {title} {value}")
    if case.plan:
        print(f"  整改方案 by {case.planned_by}")
        rows = [(step.what, local(step.by), step.who) for step in case.plan]
        show_table(("step", "by", "who"), rows)
    done = [(local(one.at), *done_row(one)[1:]) for one in case.history]
    show_table(("at", "who", "deed", "state", "reason"), done)
    for digest in case.evidence:
        print(f"  附件 {digest}")


def done_row(done: Done) -> tuple[str, ...]:
    """Return what was done as JSON holds it: at, actor, deed, state, reason."""
    deed = VERBS_ZH[Verb(done.deed)] if done.deed in tuple(Verb) else DEEDS_ZH[Deed(done.deed)]
    reason = done.reason or (done.action.reason if done.action is not None else "")
    told = reason if done.counts else f"(未生效) {reason}"
    return rfc3339(done.at), done.actor, deed, STATES_ZH[done.state], told


def _counted(tallies: Mapping[Tally, int], key: Callable[[Tally], str]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for one, many in tallies.items():
        counted[key(one)] += many
    return dict(sorted(counted.items()))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
