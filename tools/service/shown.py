"""``wattwarden assist list, show, documents, reminders, weak-points``: what is shown to whom."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.service.bodies import TOPICS_ZH, Document
from wattwarden.alarms.service.matters import OVERDUE_ZH, Matter
from wattwarden.alarms.service.requests import DEEDS_ZH, STATES_ZH, Request, State
from wattwarden.alarms.service.weak_points import WeakPoint
from wattwarden.storage.service.firm import load_matters, load_weak_points
from wattwarden.storage.service.load import Reminded, load_documents, load_reminders, load_requests
from wattwarden.tools.acting import TO_THE_OPERATOR, ReaderForm, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import ALL_TIMES, Span
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.statistics.commands import bounds
from wattwarden.tools.statistics.lines import minutes
from wattwarden.tools.times import rfc3339

FirmId = Annotated[str, Parameter(name="ENTERPRISE", help="A firm's id.")]


def list_requests(
    *,
    state: Annotated[State | None, Parameter(help="Only in this state.")] = None,
    enterprise: Annotated[str | None, Parameter(help="Only this firm's.")] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List requests for help, oldest first."""
    settings = settings_of(reader.system)

    async def work() -> list[Request]:
        async with reading(settings, reader.person, "assist list", Read.REQUESTS) as view:
            firms = view.reader.within(enterprise)
            return await load_requests(view.connection, enterprises=firms)

    chosen = [one for one in run(work()) if state in (None, one.state)]
    if reader.json:
        for one in chosen:
            print(as_json(_plain(one)))
        return
    headings = ("编号", "企业", "类别", "诉求", "提出时间", "状态", "预约", "方案")
    show_table(headings, [_cells(one) for one in chosen])


def show(
    identity: Annotated[str, Parameter(name="ID", help="A request's id, as list shows it.")],
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show one request with all that was done about it."""
    settings = settings_of(reader.system)

    async def work() -> list[Request]:
        async with reading(settings, reader.person, "assist show", Read.REQUESTS) as view:
            firms = view.reader.enterprises
            return await load_requests(view.connection, enterprises=firms, identity=identity)

    found = run(work())
    if not found:
        message = f"没有帮扶诉求{identity} / there is no request {identity}"
        raise CommandError(message, "see wattwarden assist list")
    (one,) = found
    if reader.json:
        print(as_json(_plain(one)))
        return
    print(f"{one.body.id} {one.body.enterprise} {TOPICS_ZH[one.body.topic]} {STATES_ZH[one.state]}")
    print(f"  {one.body.problem_text}")
    steps = [("", "提出", one.asked_by, rfc3339(one.asked_at), one.body.contact)]
    steps += [
        ("", DEEDS_ZH[step.body.deed], step.actor, rfc3339(step.at), step.body.text)
        for step in one.steps
    ]
    show_table(("", "办理", "人员", "时间", "说明"), steps)


def documents(
    identity: Annotated[str | None, Parameter(name="ID", help="Print this manual.")] = None,
    /,
    *,
    industry: Annotated[str | None, Parameter(help="Only this industry's.")] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List compliance manuals, or print one; a firm sees those of its industry."""
    settings = settings_of(reader.system)

    async def work() -> list[Document]:
        async with reading(settings, reader.person, "assist documents", Read.DOCUMENTS) as view:
            found = await load_documents(view.connection, industry)
            return [one for one in found if view.reader.concerns(one.industry)]

    found = [one for one in run(work()) if identity in (None, one.id)]
    if identity is not None and not found:
        message = f"没有手册{identity} / there is no manual {identity}"
        raise CommandError(message, "see wattwarden assist documents")
    if reader.json:
        for one in found:
            print(as_json(asdict_of(one)))
    elif identity is None:
        rows = [(one.id, one.industry, one.title, len(one.text)) for one in found]
        show_table(("编号", "行业", "名称", "字数"), rows)
    else:
        print(found[0].text)


def reminders(
    firm: FirmId,
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show what a firm should see to now, and what officers reminded it of."""
    settings = settings_of(reader.system)

    async def work() -> tuple[list[Matter], list[Reminded], datetime]:
        async with reading(settings, reader.person, "assist reminders", Read.REMINDERS) as view:
            found = await view.enterprise(firm)
            due = await load_matters(view.connection, found, view.now)
            return due, await load_reminders(view.connection, found), view.now

    due, told, now = run(work())
    if reader.json:
        for matter in due:
            print(as_json(asdict(matter) | {"due": _when(matter.due)}))
        for one in told:
            print(as_json(_reminded(one, now)))
        return
    rows: list[tuple[str | None, ...]]
    rows = [(one.kind, one.zh, _when(one.due), None) for one in due]
    rows += [
        (one.body.id, _marked(one, now), _when(one.body.due), _when(one.read_at)) for one in told
    ]
    show_table(("来源", "提醒", "期限", "已读"), rows)


def weak_points(
    firm: FirmId,
    /,
    *,
    span: Span = ALL_TIMES,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show where a firm's weak points are: its machines by time with an open alarm, with causes."""
    settings = settings_of(reader.system)

    async def work() -> list[WeakPoint]:
        async with reading(settings, reader.person, "assist weak-points", Read.WEAK_POINTS) as view:
            period = bounds(span, view.now)
            found = await view.enterprise(firm)
            return await load_weak_points(view.connection, found.id, period)

    points = run(work())
    if reader.json:
        for one in points:
            print(as_json(asdict(one)))
        return
    headings = ("对象", "报警", "持续min", "规则", "原因", "更换部件")
    show_table(
        headings,
        [
            (
                one.subject,
                one.alarms,
                minutes(one.open_ms),
                _counted(one.rules),
                _counted(one.causes),
                "、".join(one.parts),
            )
            for one in points
        ],
    )


def asdict_of(document: Document) -> dict[str, Any]:
    """Return a manual as JSON holds it."""
    return {name: getattr(document, name) for name in document.__struct_fields__}


def _plain(one: Request) -> dict[str, Any]:
    """A request as JSON holds it."""
    return {
        "id": one.body.id,
        "enterprise": one.body.enterprise,
        "topic": one.body.topic,
        "problem": one.body.problem_text,
        "wanted_at": _when(one.body.wanted_at),
        "asked_by": one.asked_by,
        "asked_at": rfc3339(one.asked_at),
        "state": one.state,
        "appointment": _when(one.appointment),
        "visitor": one.visitor,
        "solution": one.solution,
        "solved_at": _when(one.solved_at),
        "steps": [
            {
                "deed": step.body.deed,
                "actor": step.actor,
                "at": rfc3339(step.at),
                "text": step.body.text,
            }
            for step in one.steps
        ],
    }


def _cells(one: Request) -> tuple[object, ...]:
    body = one.body
    return (
        body.id,
        body.enterprise,
        TOPICS_ZH[body.topic],
        body.problem_text,
        rfc3339(one.asked_at),
        STATES_ZH[one.state],
        _when(one.appointment),
        one.solution,
    )


def _marked(one: Reminded, now: datetime) -> str:
    """A reminder's text, which says whether its date is past."""
    past = one.body.due is not None and one.body.due < now
    return f"{OVERDUE_ZH}:{one.body.text}" if past else one.body.text


def _reminded(one: Reminded, now: datetime) -> dict[str, Any]:
    return {
        "kind": "reminder",
        "subject": one.body.id,
        "zh": _marked(one, now),
        "by": one.by,
        "at": rfc3339(one.at),
        "due": _when(one.body.due),
        "read_at": _when(one.read_at),
    }


def _when(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _counted(counts: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
