"""What stands against service deeds: the state of a request, and firms that are not one's own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.acting.rights import refusal
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Agency, Enterprise
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.service.bodies import (
    Assistance,
    AssistanceStep,
    Deed,
    Reminder,
    ReminderRead,
    RoundTable,
    Solution,
    Training,
)
from wattwarden.alarms.service.requests import refused
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.registry.records import load_kind, load_record
from wattwarden.storage.service.load import is_for, load_requests

# People's clocks and ours differ by minutes at most.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


async def admit_new(acting: Acting) -> Body:
    """Take a thing whose id is its own; what was entered once is never entered over.

    Raises:
        RefusedError: There is one of this id.
    """
    identity = getattr(acting.body, "id", "")
    before = await told(acting.connection, [acting.body.kind_name], where={"id": identity})
    if before:
        first = before[0]
        when = first.entered_at.isoformat(timespec="seconds")
        zh = f"{identity}已由{first.actor}于{when}录入"
        en = f"{first.actor} entered it at {when}"
        raise RefusedError([acting.body.problem("id", zh, en)])
    return acting.body


async def admit_request(acting: Acting) -> Body:
    """Take a request for a visit that can still be made.

    Raises:
        RefusedError: The time that is wished has passed, or there is a request of this id.
    """
    body = await admit_new(acting)
    assert isinstance(body, Assistance)  # noqa: S101  registered for this kind alone
    if body.wanted_at is not None:
        _to_come(acting, "wanted_at", body.wanted_at)
    return body


def _to_come(acting: Acting, field: str, visit: datetime) -> None:
    """Refuse a visit in the past."""
    if visit < acting.now - _CLOCKS_DIFFER:
        zh, en = "到访时间已过", "the time of the visit has passed"
        raise RefusedError([acting.body.problem(field, zh, en)])


async def admit_step(acting: Acting) -> Body:
    """Take a step of a request that can follow on those before it.

    Raises:
        RefusedError: It cannot; who did what before it is told.
    """
    body = acting.body
    assert isinstance(body, AssistanceStep)  # noqa: S101  registered for this kind alone
    (request,) = await load_requests(acting.connection, identity=body.assistance)
    problem = refused(request, body)
    if problem is not None:
        raise RefusedError([problem])
    if body.deed is Deed.SCHEDULE and body.at is not None:
        _to_come(acting, "at", body.at)
    return body


async def admit_meeting(acting: Acting) -> Body:
    """Take training and round tables whose firms are all the officer's.

    Raises:
        RefusedError: Some are not, or there is one of this id.
    """
    body = await admit_new(acting)
    assert isinstance(body, Training | RoundTable)  # noqa: S101  registered for these alone
    if acting.person is None:
        return body
    agencies = {one.id: one for one in await load_kind(acting.connection, Agency)}
    problems = []
    for identity in body.enterprises:
        firm = await load_record(acting.connection, Enterprise, identity)
        against = refusal(acting.person, body.right(), firm, agencies)
        if against is not None:
            problems.append(body.problem("enterprises", against.zh, against.en))
    if problems:
        raise RefusedError(problems)
    return body


async def admit_read(acting: Acting) -> Body:
    """Take a firm's word that it read what it was reminded of.

    Raises:
        RefusedError: The reminder was for others.
    """
    body = acting.body
    assert isinstance(body, ReminderRead)  # noqa: S101  registered for this kind alone
    firm = await load_record(acting.connection, Enterprise, body.enterprise)
    found = await told(acting.connection, [Reminder.kind_name], where={"id": body.reminder})
    meant = [one.body for one in found if isinstance(one.body, Reminder)]
    if firm is None or not any(is_for(one, firm) for one in meant):
        zh, en = "该提醒不是发给本企业的", "this reminder was for others"
        raise RefusedError([body.problem("reminder", zh, en)])
    return body


SERVICE_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Assistance.kind_name: admit_request,
    AssistanceStep.kind_name: admit_step,
    Solution.kind_name: admit_new,
    Training.kind_name: admit_meeting,
    RoundTable.kind_name: admit_meeting,
    Reminder.kind_name: admit_new,
    ReminderRead.kind_name: admit_read,
}
