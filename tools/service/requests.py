"""``wattwarden assist request, accept, schedule, solve…``: requests for help and their steps."""

from typing import Annotated

from cyclopts import Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.service.bodies import Assistance, AssistanceStep, Deed, Topic
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import ActorForm, Desk, enter, keep, perform
from wattwarden.tools.service.entering import COMMAND, own_firm

RequestId = Annotated[str, Parameter(name="ID", help="A request's id, as list shows it.")]
Words = Annotated[str, Parameter(name="--text", help="In words.")]
Visitor = Annotated[str | None, Parameter(name="--visitor", help="Who comes: a person's id.")]


def request(
    text: Annotated[str, Parameter(name="PROBLEM", help="What help is needed with.")],
    /,
    *,
    by: ActorForm,
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

    async def work(desk: Desk) -> Entered:
        body = Assistance(
            id=NEW,
            enterprise=await own_firm(desk, enterprise),
            topic=topic,
            problem_text=text,
            wanted_at=desk.moment_or_none(wanted),
            contact=contact,
        )
        return await desk.act(body)

    enter(by, COMMAND, work)


def accept(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    text: Words = "",
) -> None:
    """Accept a request, as an officer."""
    _step(by, identity, Deed.ACCEPT, text)


def decline(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    text: Words,
) -> None:
    """Decline a request, with the reason."""
    _step(by, identity, Deed.DECLINE, text)


def schedule(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    at: Annotated[str, Parameter(help="When the visit is: a time as --since takes it.")],
    visitor: Visitor = None,
    text: Words = "",
) -> None:
    """Agree on a visit; another time takes the place of the one before."""
    keep(
        by,
        COMMAND,
        lambda desk: AssistanceStep(
            assistance=identity,
            deed=Deed.SCHEDULE,
            at=desk.moment(at),
            person=visitor,
            text=text,
        ),
    )


def solve(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    text: Words,
) -> None:
    """Give the solution of a request; the firm may say that it is none."""
    _step(by, identity, Deed.SOLVE, text)


def confirm(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    text: Words = "",
) -> None:
    """Confirm that the problem is solved, as the firm."""
    _step(by, identity, Deed.CONFIRM, text)


def reopen(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    text: Words,
) -> None:
    """Say that the problem is not solved, as the firm."""
    _step(by, identity, Deed.REOPEN, text)


def withdraw(
    identity: RequestId,
    /,
    *,
    by: ActorForm,
    text: Words = "",
) -> None:
    """Take a request back, as the firm."""
    _step(by, identity, Deed.WITHDRAW, text)


def _step(by: ActorForm, identity: str, deed: Deed, text: str) -> None:
    perform(by, COMMAND, AssistanceStep(assistance=identity, deed=deed, text=text))
