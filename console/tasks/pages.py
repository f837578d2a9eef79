"""Pages of tasks (visits) and of declarations: lists, one of each, and what is done with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS, reaches
from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.decisions.bodies import Review
from wattwarden.alarms.enforcement.bodies import TaskStep
from wattwarden.alarms.enforcement.lives import TASK_OVER, TASK_TABLE, TaskLife, TaskState
from wattwarden.alarms.enforcement.tasks import alarms_of, assignee, led_by_leader
from wattwarden.alarms.enforcement.words import FLAGS_ZH, Outcome, TaskVerb
from wattwarden.alarms.registry.nouns import Person, Supervision
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.plans.seen import subject_name
from wattwarden.console.routes import Right, Route
from wattwarden.console.tasks.words import OUTCOMES, STATES, STATES_OF_DECLARED, VERBS
from wattwarden.console.visit import Visit
from wattwarden.console.words import ABSENCES
from wattwarden.console.written import answer, place_in
from wattwarden.storage.cases.declared import (
    Standing,
    count_declarations,
    list_declarations,
    load_declarations,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.listing import count_open_tasks, list_tasks
from wattwarden.storage.enforcement.lives import TASK
from wattwarden.storage.enforcement.seen import find_seen
from wattwarden.storage.text import is_number

# A page that one reads to its end.
PAGE_ROWS: Final = 50
# Of the few firms whose tasks wait for a leader.
MOST_WAITING: Final = 200
# Quiet days after a visit, unless somebody says otherwise.
OBSERVED_DAYS: Final = 14
_BEFORE_VISIT: Final = frozenset(
    {TaskState.PROPOSED, TaskState.APPROVED, TaskState.ASSIGNED, TaskState.ACCEPTED}
)
_STEPS: Final = (
    TaskVerb.APPROVE,
    TaskVerb.ENDORSE,
    TaskVerb.ASSIGN,
    TaskVerb.ACCEPT,
    TaskVerb.ARRIVE,
    TaskVerb.RESULT,
    TaskVerb.FOLLOW_UP,
    TaskVerb.CLOSE,
    TaskVerb.REJECT,
)


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as the list shows it; ``for_leader``: no visit goes on without a leader's word."""

    life: TaskLife
    firm: str
    who: str
    state: Said
    over: bool
    for_leader: bool


@dataclass(frozen=True, slots=True)
class DeclaredRow:
    """A declaration as the list shows it."""

    standing: Standing
    firm: str
    subject: Said
    what: Said
    state: Said
    who: str
    reviews: bool


async def show_tasks(visit: Visit) -> web.Response:
    """List the tasks in hand, or with ``?view=over`` those that are over, a page at a time."""
    over, asked = visit.asked("view") == "over", visit.asked("before")
    before = int(asked) if is_number(asked) else None
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        lives = await list_tasks(connection, reader, over=over, limit=PAGE_ROWS + 1, before=before)
        count = await count_open_tasks(connection, reader)
        waiting = await _waiting(connection, reader, registry)
    # Whoever leads begins with what waits for them, and finds it nowhere else.
    first = [] if over or before else waiting
    known = {row.life.id for row in waiting}
    rows = [_task_row(one, registry) for one in lives[:PAGE_ROWS] if one.id not in known]
    return visit.page(
        "tasks/tasks.html",
        {
            "rows": [*first, *rows],
            "older": lives[PAGE_ROWS - 1].told.number if len(lives) > PAGE_ROWS else None,
            "over": over,
            "count": count,
            "for_leader": len(waiting),
        },
    )


async def _waiting(connection: Connection, reader: Reader, registry: Registry) -> list[TaskRow]:
    """Return to a leader the tasks that wait for their word: of firms of the positive list."""
    if reader.person is None or reader.person.role not in RIGHTS["task.endorse"]:
        return []
    firms = [
        one.id for one in registry.enterprise.values() if one.supervision is Supervision.POSITIVE
    ]
    found = await list_tasks(connection, reader, over=False, limit=MOST_WAITING, enterprises=firms)
    return [row for one in found if (row := _task_row(one, registry)).for_leader]


async def show_task(visit: Visit) -> web.Response:
    """Show one task."""
    return await _task_page(visit, None)


async def step_task(visit: Visit) -> web.Response:
    """Take a task a step further."""
    verb = _verb_of(visit)
    person, outcome = visit.field("person"), visit.field("outcome")
    body = TaskStep(
        task=visit.parameter("task"),
        verb=verb,
        note=visit.field("note"),
        person=person or None,
        instead_of=visit.field("instead_of") or None,
        outcome=Outcome(outcome) if outcome in tuple(Outcome) else None,
        days=OBSERVED_DAYS if verb is TaskVerb.FOLLOW_UP else None,
    )
    try:
        await visit.act(body)
    except RefusedError as error:
        return await _task_page(visit, error)
    return visit.go(visit.url("task", task=body.task))


def _verb_of(visit: Visit) -> TaskVerb:
    """Return the step that a form was sent for: the end of its route."""
    return TaskVerb(visit.route.path.rpartition("/")[2])


async def show_declarations(visit: Visit) -> web.Response:
    """List declarations, those to review first."""
    return await _declared_page(visit, None)


async def review_declaration(visit: Visit) -> web.Response:
    """Approve or refuse a declaration."""
    verdict = visit.field("verdict")
    try:
        async with visit.reading() as (connection, reader):
            found = await load_declarations(
                connection, reader.enterprises, declaration=visit.parameter("declaration")
            )
        if not found or verdict not in ("approve", "reject"):
            raise NOT_FOUND
        state = Review.APPROVED if verdict == "approve" else Review.REJECTED
        opinion = visit.field("opinion")
        await visit.act(msgspec.structs.replace(found[-1].body, state=state, opinion=opinion))
    except RefusedError as error:
        return await _declared_page(visit, error)
    return visit.go(visit.url("declarations"))


async def _task_page(visit: Visit, refused: RefusedError | None) -> web.Response:
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        life = await find_seen(connection, TASK, reader, visit.parameter("task"))
    if life is None:
        raise NOT_FOUND
    role = visit.person.role
    able = [
        verb
        for verb in _STEPS
        if (life.state, verb) in TASK_TABLE
        and role in RIGHTS[f"task.{verb}"]
        and not (verb is TaskVerb.ENDORSE and led_by_leader(life))
    ]
    return answer(
        visit,
        "tasks/task.html",
        {
            "row": _task_row(life, registry),
            "alarms": sorted(alarms_of(life)),
            "flags": "、".join(FLAGS_ZH[one] for one in life.told.body.flags),
            "able": able,
            "verbs": VERBS,
            "outcomes": OUTCOMES,
            "officers": _officers(registry, life.told.body.enterprise),
            "holder": assignee(life) or "",
            "name_of": lambda who: person_of(who, registry) or who,
            "days": OBSERVED_DAYS,
            "typed": {} if refused is None else {_verb_of(visit): visit.field("note")},
        },
        refused,
    )


async def _declared_page(visit: Visit, refused: RefusedError | None) -> web.Response:
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        count, waiting = await count_declarations(connection, reader.enterprises)
        first = place_in(visit, count, PAGE_ROWS)
        shown = await list_declarations(connection, reader.enterprises, first, PAGE_ROWS)
    parts = {
        "rows": [_declared_row(one, registry, visit.person) for one in shown],
        "next": first + PAGE_ROWS if first + PAGE_ROWS < count else None,
        "count": waiting,
        "typed": {}
        if refused is None
        else {visit.parameter("declaration"): visit.field("opinion")},
    }
    return answer(visit, "tasks/declarations.html", parts, refused)


def _task_row(life: TaskLife, registry: Registry) -> TaskRow:
    firm = registry.enterprise.get(life.told.body.enterprise)
    takes_leader = firm is not None and firm.supervision is Supervision.POSITIVE
    return TaskRow(
        life=life,
        firm=life.told.body.enterprise if firm is None else firm.name,
        who=person_of(assignee(life), registry),
        state=STATES[life.state],
        over=life.state in TASK_OVER,
        for_leader=takes_leader and life.state in _BEFORE_VISIT and not led_by_leader(life),
    )


def _declared_row(one: Standing, registry: Registry, person: Person) -> DeclaredRow:
    firm = registry.enterprise.get(one.entered.enterprise or "")
    pending = one.body.state is Review.PENDING
    return DeclaredRow(
        standing=one,
        firm="" if firm is None else firm.name,
        subject=subject_name(one.body.scope, one.body.subject, registry),
        what=Said(*ABSENCES[one.body.kind]),
        state=STATES_OF_DECLARED[one.body.state],
        who=person_of(one.entered.actor, registry),
        reviews=pending and person.role in RIGHTS["declaration.review"],
    )


def _officers(registry: Registry, enterprise: str) -> Sequence[Person]:
    """Return whom a visit to a firm may be given to."""
    firm = registry.enterprise.get(enterprise)
    return sorted(
        (
            one
            for one in registry.person.values()
            if one.role in OFFICERS and firm is not None and reaches(one, firm, registry.agency)
        ),
        key=lambda one: one.name,
    )


ROUTES: Final = (
    Route("GET", "/tasks", show_tasks, Read.TASKS, "tasks"),
    Route("GET", "/tasks/{task}", show_task, Read.TASKS, "task"),
    *(
        Route("POST", f"/tasks/{{task}}/{verb}", step_task, Right(f"task.{verb}"), f"task_{verb}")
        for verb in _STEPS
    ),
    Route("GET", "/declarations", show_declarations, Read.DECLARATIONS, "declarations"),
    Route(
        "POST",
        "/declarations/{declaration}/review",
        review_declaration,
        Right("declaration.review"),
        "declaration_review",
    ),
)
