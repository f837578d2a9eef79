"""``wattwarden assist request, accept, schedule, solve…``: requests for help and their steps."""

from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.service.bodies import Assistance, AssistanceStep, Deed, Topic
from wattwarden.storage.database import Connection
from wattwarden.tools.service.entering import Deciding, enter, own_firm
from wattwarden.tools.times import parse_time

RequestId = Annotated[str, Parameter(name="ID", help="A request's id, as list shows it.")]
Words = Annotated[str, Parameter(name="--text", help="In words.")]
Visitor = Annotated[str | None, Parameter(name="--visitor", help="Who comes: a person's id.")]


def request(
    text: Annotated[str, Parameter(name="PROBLEM", help="What help is needed with.")],
    /,
    *,
    deciding: Deciding,
    topic: Annotated[Topic, Parameter(help="What it is about.")] = Topic.OTHER,
    enterprise: Annotated[
        str | None, Parameter(help="The firm; the person's own when left out.")
    ] = None,
    wanted: Annotated[
        str | None, Parameter(help="When a visit would suit: a time as --since takes it.")
    ] = None,
    contact: Annotated[str, Parameter(help="Whom to call.")] = "",
) -> None:
    """Ask for help, as a firm; each request is one problem."""

    async def body(connection: Connection, now: datetime) -> Body:
        return Assistance(
            id=NEW,
            enterprise=await own_firm(connection, deciding.person, enterprise),
            topic=topic,
            problem_text=text,
            wanted_at=None if wanted is None else parse_time(wanted, now),
            contact=contact,
        )

    enter(deciding, body)


def accept(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    text: Words = "",
) -> None:
    """Accept a request, as an officer."""
    _step(deciding, identity, Deed.ACCEPT, text)


def decline(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    text: Words,
) -> None:
    """Decline a request, with the reason."""
    _step(deciding, identity, Deed.DECLINE, text)


def schedule(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    at: Annotated[str, Parameter(help="When the visit is: a time as --since takes it.")],
    visitor: Visitor = None,
    text: Words = "",
) -> None:
    """Agree on a visit; another time takes the place of the one before."""

    async def body(_connection: Connection, now: datetime) -> Body:
        return AssistanceStep(
            assistance=identity,
            deed=Deed.SCHEDULE,
            at=parse_time(at, now),
            person=visitor,
            text=text,
        )

    enter(deciding, body)


def solve(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    text: Words,
) -> None:
    """Give the solution of a request; the firm may say that it is none."""
    _step(deciding, identity, Deed.SOLVE, text)


def confirm(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    text: Words = "",
) -> None:
    """Confirm that the problem is solved, as the firm."""
    _step(deciding, identity, Deed.CONFIRM, text)


def reopen(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    text: Words,
) -> None:
    """Say that the problem is not solved, as the firm."""
    _step(deciding, identity, Deed.REOPEN, text)


def withdraw(
    identity: RequestId,
    /,
    *,
    deciding: Deciding,
    text: Words = "",
) -> None:
    """Take a request back, as the firm."""
    _step(deciding, identity, Deed.WITHDRAW, text)


def _step(deciding: Deciding, identity: str, deed: Deed, text: str) -> None:
    async def body(_connection: Connection, _now: datetime) -> Body:
        return AssistanceStep(assistance=identity, deed=deed, text=text)

    enter(deciding, body)
