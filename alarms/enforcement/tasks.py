"""What a task takes beyond its table: approval, who goes, quiet days, exemption."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.enforcement.bodies import TaskStep
from wattwarden.alarms.enforcement.incidents import History, Incident
from wattwarden.alarms.enforcement.life import local
from wattwarden.alarms.enforcement.limits import Limits
from wattwarden.alarms.enforcement.lives import TASK_HELD, TASK_OVER, InspectionLife, TaskLife
from wattwarden.alarms.enforcement.words import OUTCOMES_ZH, InspectionVerb, Outcome, TaskVerb
from wattwarden.alarms.registry.nouns import Enterprise, Role, Supervision
from wattwarden.alarms.registry.problems import Problem

# The classes that say that a firm does something wrong: its treatment, or an order not followed.
# The others are about meters, statistics and duties, and send nobody on the road.
TASK_GRADES: Final = "ABC"
# What the system may do with a task by itself; all else is a person's.
SYSTEM_VERBS: Final = frozenset({TaskVerb.ATTACH, TaskVerb.FOLLOW_UP, TaskVerb.CLOSE})
# What is done by whoever has the task, and nobody else.
HOLDERS_VERBS: Final = frozenset({TaskVerb.ACCEPT, TaskVerb.ARRIVE, TaskVerb.RESULT})
# An earlier visit that ended so means that the violation is not the first.
_VIOLATIONS: Final = frozenset({Outcome.ORDERED, Outcome.FILED, Outcome.EXEMPTED})


def open_task(tasks: Iterable[TaskLife]) -> TaskLife | None:
    """Return an enterprise's open task; there is at most one."""
    return next((task for task in tasks if task.state not in TASK_OVER), None)


def alarms_of(task: TaskLife) -> frozenset[int]:
    """Return the alarms that a task is about, those attached later with them."""
    attached = (number for step in task.steps for number in step.body.alarms)
    return frozenset(map(int, (*task.told.body.alarms, *attached)))


def assignee(task: TaskLife) -> str | None:
    """Return who has the task now."""
    step = task.latest(TaskVerb.ASSIGN)
    return None if step is None else step.body.person


def outcome(task: TaskLife) -> Outcome | None:
    """Return what the last visit came to."""
    step = task.latest(TaskVerb.RESULT)
    return None if step is None else step.body.outcome


def led_by_leader(task: TaskLife, at: datetime | None = None) -> bool:
    """Tell whether a leader has approved the visit that goes on, at a moment (None: now).

    One word is for one visit: with its result the leader's word is used up.
    """
    led = False
    for step in task.steps:
        verb = step.body.verb
        if verb is TaskVerb.RESULT and (at is None or step.at < at):
            led = False
        elif verb in (TaskVerb.APPROVE, TaskVerb.ENDORSE) and step.body.role is Role.LEADER:
            led = True
    return led


def visit_problem(
    body: TaskStep, task: TaskLife, enterprise: Enterprise, role: Role | None
) -> Problem | None:
    """Return why a visit may not go on to a firm of the positive list; None where it may.

    Args:
        body: An approval, an endorsement, or the arrival at the firm.
        task: As it stands.
        enterprise: Whom the visit is to.
        role: The actor's.
    """
    if enterprise.supervision is not Supervision.POSITIVE or role is Role.LEADER:
        return None
    if body.verb is TaskVerb.APPROVE:
        return body.problem(
            "verb",
            f"{enterprise.name}列入正面清单，现场检查须由领导批准",
            f"enterprise {enterprise.id} is on the positive list; a leader approves visits to it",
        )
    if body.verb is TaskVerb.ARRIVE and not led_by_leader(task):
        return body.problem(
            "verb",
            f"{enterprise.name}已列入正面清单，到场前须经领导批准(endorse)",
            f"enterprise {enterprise.id} came onto the positive list; a leader endorses the visit",
        )
    return None


def holder_problem(body: TaskStep, task: TaskLife, actor: str, name: str) -> Problem | None:
    """Return why this actor may not move the task; None where they may.

    Who has the task accepts, arrives and tells the result; it is taken from them by naming them.

    Args:
        body: The step.
        task: As it stands, where the table has the step.
        actor: Who acts.
        name: What the person is called who has the task.
    """
    holder = assignee(task)
    if body.verb in HOLDERS_VERBS and actor != holder:
        zh = f"任务{task.id}已指派给{name}，须由其本人办理"
        en = f"task {task.id} is assigned to {name}; {body.verb} is theirs"
        return body.problem("verb", zh, en)
    held = task.state in TASK_HELD
    expected = holder if held else None
    if body.verb is TaskVerb.ASSIGN and body.instead_of != expected:
        if held:
            zh = f"任务{task.id}已指派给{name}，改派须注明原承办人"
            en = f"task {task.id} is assigned to {name}; say instead of whom"
        else:
            zh, en = f"任务{task.id}目前无承办人", f"task {task.id} is nobody's to take over"
        return body.problem("instead_of", zh, en)
    return None


def quiet_from(task: TaskLife, incidents: Iterable[Incident], at: datetime) -> datetime | None:
    """Return since when a firm under observation is quiet; None while an alarm goes on.

    Counted from the beginning of the observation, the last raise or the last end in it.
    """
    begun = task.latest(TaskVerb.FOLLOW_UP)
    if begun is None:
        return None
    quiet = begun.at
    for one in incidents:
        if one.grade not in TASK_GRADES or not one.counts(at):
            continue
        if one.is_open(at):
            return None
        if one.ended is not None:
            quiet = max(quiet, one.ended)
    return quiet


def observed_days(task: TaskLife) -> int:
    """Return for how many quiet days a firm is observed; 0 where nobody began to."""
    begun = task.latest(TaskVerb.FOLLOW_UP)
    return 0 if begun is None else begun.body.days or 0


def close_problem(
    body: TaskStep, task: TaskLife, incidents: Iterable[Incident], at: datetime
) -> Problem | None:
    """Return why a task cannot be closed yet; None where enough days were quiet."""
    days = observed_days(task)
    quiet = quiet_from(task, incidents, at)
    if quiet is None:
        zh, en = "回访期内仍有报警未消除", "an alarm goes on"
        return body.problem("verb", f"任务{task.id}{zh}", f"task {task.id}: {en}")
    until = quiet + timedelta(days=days)
    if at >= until:
        return None
    zh = f"任务{task.id}须连续{days}天无新报警，最早于{local(until)}办结"
    en = f"task {task.id} needs {days} days without a new alarm: not before {local(until)}"
    return body.problem("verb", zh, en)


@dataclass(frozen=True, slots=True)
class Considered:
    """What an exemption is judged by: the task, all of the enterprise's, its history.

    ``files`` are when those that the result names were received, and ``inspection`` is the one that
    it names.
    """

    task: TaskLife
    tasks: Sequence[TaskLife]
    history: History
    files: Sequence[datetime] = ()
    inspection: InspectionLife | None = None


def exemption_problems(
    body: TaskStep, considered: Considered, limits: Limits, at: datetime
) -> list[Problem]:
    """Return the conditions of leaving a violation unpunished (免罚) that are not met.

    Minor and harmless as the officer judges, no alarm at the gravest level, the first of its firm
    within a year, and corrected by the firm itself in time: every alarm of the task, and every one
    about its treatment or an order in the last weeks.  Where there is none that could tell, a file
    or an inspection shows that it was corrected.
    """
    task = considered.task
    within = limits.exemption.first_within_d
    own = _judged(considered, limits, at)
    grave = [one.alarm for one in own if one.reached(4, at)]
    late = [one.alarm for one in own if not _in_time(one, at)]
    earlier = _violations(considered.tasks, task, at - timedelta(days=within))
    found: list[tuple[str, str, str]] = []
    if not (body.minor and body.harmless):
        en = "an exemption takes a minor violation without harm"
        found.append(("minor", "免罚须违法行为轻微且未造成危害后果", en))
    if grave:
        en = f"alarms {_listed(grave)} were severe, which is not minor"
        found.append(("outcome", f"报警{_listed(grave)}达到严重等级，不属轻微", en))
    if earlier:
        en = f"tasks {_listed(earlier)} ended with a violation within {within:g} days: no first one"
        found.append(("outcome", f"{within:g}天内任务{_listed(earlier)}已认定违法，非初次", en))
    if late:
        en = f"alarms {_listed(late)} were not corrected in time"
        found.append(("outcome", f"报警{_listed(late)}未在期限内自行改正", en))
    if not own and not _shown(considered, at):
        zh = "无报警可证明已自行改正,须附本任务提出后上传的证据,或改正后未发现问题的检查"
        en = "no alarm tells that it was corrected: name a file kept since the task was proposed,"
        found.append(("files", zh, f"{en} or an inspection since that found no problem"))
    return [body.problem(*one) for one in found]


def _judged(considered: Considered, limits: Limits, at: datetime) -> list[Incident]:
    """The alarms that tell whether the firm corrected itself: the task's, and the recent ones."""
    since = at - timedelta(days=limits.exemption.judged_within_d)
    named = alarms_of(considered.task)
    return [
        one
        for one in considered.history.incidents
        if one.counts(at)
        and (
            one.alarm in named
            or (one.grade in TASK_GRADES and (one.raised >= since or one.is_open(at)))
        )
    ]


def _shown(considered: Considered, at: datetime) -> bool:
    """Whether a file or an inspection since the task was proposed shows that it was corrected."""
    since, inspection = considered.task.told.at, considered.inspection
    if any(since <= received <= at for received in considered.files):
        return True
    if inspection is None:
        return False
    end = inspection.latest(InspectionVerb.CONCLUDE)
    return end is not None and end.body.problems == 0 and since <= end.body.at <= at


def _in_time(incident: Incident, at: datetime) -> bool:
    gone = incident.corrected(at)
    if gone is None and incident.closed is not None and incident.closed <= at:
        # Brief enough to be settled by itself, or closed by an officer without a claim.
        gone = incident.ended
    return gone is not None and (incident.due is None or gone <= incident.due)


def _violations(tasks: Sequence[TaskLife], but: TaskLife, since: datetime) -> list[str]:
    """The other tasks whose visit found a violation since then."""
    found = []
    for task in tasks:
        step = task.latest(TaskVerb.RESULT)
        violated = step is not None and step.body.outcome in _VIOLATIONS and step.at >= since
        if violated and task.id != but.id:
            found.append(task.id)
    return found


def _listed(things: Collection[object]) -> str:
    return "、".join(map(str, things))


def describe(task: TaskLife) -> str:
    """Say in Chinese where a task stands, with its outcome where there is one."""
    state = task.machine.states_zh[task.state]
    came_to = outcome(task)
    return state if came_to is None else f"{state}({OUTCOMES_ZH[came_to]})"
