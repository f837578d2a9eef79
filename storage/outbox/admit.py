"""What stands against decisions about notices."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.routing.bodies import Reach, Routing, Silence, SilenceEnd
from wattwarden.alarms.routing.table import RoutingError, load_table
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.outbox.load import load_silences
from wattwarden.storage.registry.records import load_record


async def admit_routing(acting: Acting) -> Body:
    """Take a table that can be used."""
    body = acting.body
    assert isinstance(body, Routing)  # noqa: S101  by its kind
    try:
        load_table(body.text)
    except RoutingError as error:
        zh = f"通知路由表不可用:{error}"
        raise RefusedError([body.problem("text", zh, str(error))]) from error
    return body


async def admit_reach(acting: Acting) -> Body:
    """Take what somebody says of themselves, the head of their people, or an administrator."""
    body = acting.body
    assert isinstance(body, Reach)  # noqa: S101  by its kind
    person = acting.person
    if person is None or person.id == body.id or person.role is Role.ADMINISTRATOR:
        return body
    other = await load_record(acting.connection, Person, body.id)
    firm = None if other is None else other.enterprise
    if person.role is Role.HEAD and firm is not None and firm == person.enterprise:
        return body
    zh, en = "只能修改本人或本企业人员的联系方式", "one's own, or one's people's ways alone"
    raise RefusedError([body.problem("id", zh, en)])


async def admit_silence(acting: Acting) -> Body:
    """Take a silence that is not over already."""
    body = acting.body
    assert isinstance(body, Silence)  # noqa: S101  by its kind
    if body.end <= acting.now:
        raise RefusedError([body.problem("end", "结束时间已过", "its end is past")])
    return body


async def admit_silence_end(acting: Acting) -> Body:
    """Take the end of a silence that is still on."""
    body = acting.body
    assert isinstance(body, SilenceEnd)  # noqa: S101  by its kind
    known = [one for _, one in await load_silences(acting.connection) if one.id == body.silence]
    if known and known[0].end <= acting.now:
        zh, en = f"静默{body.silence}已结束", f"silence {body.silence} is over"
        raise RefusedError([body.problem("silence", zh, en)])
    return body


OUTBOX_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Routing.kind_name: admit_routing,
    Reach.kind_name: admit_reach,
    Silence.kind_name: admit_silence,
    SilenceEnd.kind_name: admit_silence_end,
}
