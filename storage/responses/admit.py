"""What stands against presets, responses, their steps, calendars and plans."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.decisions.bodies import Plan
from wattwarden.alarms.decisions.body import Body, Reference
from wattwarden.alarms.decisions.kinds import dangling
from wattwarden.alarms.enforcement.life import local
from wattwarden.alarms.registry.nouns import KINDS, Enterprise
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.responses.bodies import Calendar, Preset, Response, ResponseStep
from wattwarden.alarms.responses.course import refused_step
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.responses.load import load_presets, load_responses, newest_plans


async def admit_preset(acting: Acting) -> Body:
    """Take a preset whose curbs are the firm's own, and the only one of its firm and level.

    Raises:
        RefusedError: They are not, or there is another.
    """
    body = acting.body
    assert isinstance(body, Preset)  # noqa: S101  registered for this kind alone
    for reference in body.references()[1:]:
        if await _owner(acting, reference) != body.enterprise:
            zh = f"{reference.id}不属于企业{body.enterprise}"
            en = f"{reference.kind} {reference.id} is not of enterprise {body.enterprise}"
            raise RefusedError([body.problem("curbs", zh, en)])
    for other in await load_presets(acting.connection, body.level, body.enterprise):
        if other.id != body.id and body.enabled:
            zh, en = f"该企业该等级已有预案{other.id}", f"there is {other.id} for it already"
            raise RefusedError([body.problem("level", zh, en)])
    return body


async def admit_response(acting: Acting) -> Body:
    """Take a response that is new and not over already.

    Raises:
        RefusedError: There is one of this id, or its end has passed.
    """
    body = acting.body
    assert isinstance(body, Response)  # noqa: S101  registered for this kind alone
    before = await load_responses(acting.connection, body.id)
    if before:
        zh = f"已由{before[0].issued_by}于{local(before[0].issued_at)}发布"
        en = f"{before[0].issued_by} issued it at {local(before[0].issued_at)}"
        raise RefusedError([body.problem("id", zh, en)])
    if body.end <= acting.now:
        raise RefusedError([body.problem("end", "结束时间已过", "its end has passed")])
    return body


async def admit_step(acting: Acting) -> Body:
    """Take a step of a response that can be taken now.

    Raises:
        RefusedError: It cannot; what stands, and who did it, is told.
    """
    body = acting.body
    assert isinstance(body, ResponseStep)  # noqa: S101  registered for this kind alone
    (course,) = await load_responses(acting.connection, body.response)
    problem = refused_step(course, body, acting.now)
    if problem is not None:
        raise RefusedError([problem])
    return body


async def admit_calendar(acting: Acting) -> Body:
    """Take a calendar; one that stands keeps its subject, and a new one is not withdrawn.

    Raises:
        RefusedError: It is of another subject than before, withdraws what is not there, or exempts
            a firm that is not.
    """
    body = acting.body
    assert isinstance(body, Calendar)  # noqa: S101  registered for this kind alone
    for firm in body.exempt:
        if await load_record(acting.connection, Enterprise, firm) is None:
            raise RefusedError([dangling(body, Reference("exempt", "enterprise", firm))])
    before = await told(acting.connection, [body.kind_name], where={"id": body.id})
    standing = before[-1].body if before else None
    if standing is None and not body.enabled:
        raise RefusedError([body.problem("id", "没有此日历", "there is no such calendar")])
    if isinstance(standing, Calendar) and _subject(standing) != _subject(body):
        zh, en = "不能改为其他行业或对象", "it stays with its industry or subject"
        raise RefusedError([body.problem("subject", zh, en)])
    return body


async def admit_plan(acting: Acting) -> Body:
    """Take a plan that somebody orders by itself.

    Raises:
        RefusedError: It takes the place of another subject's, or of one that follows from a
            response or a calendar, which are changed there.
    """
    body = acting.body
    assert isinstance(body, Plan)  # noqa: S101  registered for this kind alone
    entered = await told(acting.connection, [body.kind_name], where={"id": body.id})
    origins = {body.origin, *(plan.origin for plan, _ in newest_plans(entered))} - {""}
    if origins:
        origin = ", ".join(sorted(origins))
        zh, en = f"该计划由{origin}生成,请在该处调整", f"it follows from {origin}: change that"
        raise RefusedError([body.problem("origin", zh, en)])
    for plan, _ in newest_plans(entered):
        if (plan.scope, plan.subject) != (body.scope, body.subject):
            zh, en = "不能改为其他对象", f"it is of {plan.scope} {plan.subject}"
            raise RefusedError([body.problem("subject", zh, en)])
    return body


async def _owner(acting: Acting, reference: Reference) -> str | None:
    """Return the enterprise of a record."""
    if reference.kind == "enterprise":
        return reference.id
    record = await load_record(acting.connection, KINDS[reference.kind], reference.id)
    owner: str | None = getattr(record, "enterprise", None)
    return owner


def _subject(calendar: Calendar) -> tuple[str, str | None, str]:
    return calendar.industry, calendar.scope, calendar.subject


RESPONSE_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Preset.kind_name: admit_preset,
    Response.kind_name: admit_response,
    ResponseStep.kind_name: admit_step,
    Calendar.kind_name: admit_calendar,
    Plan.kind_name: admit_plan,
}
