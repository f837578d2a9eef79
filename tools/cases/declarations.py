"""``wattwarden declarations``: what firms declare, in advance and again, and what officers say."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.decisions.bodies import Absence, Declaration, Repeat, Review
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.storage.registry.decisions import Entered, in_force
from wattwarden.tools.acting import AsPerson, acting_as, entered_row, show_entered
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import parse_time, rfc3339

app = App(name="declarations", help="Declare stops and faults (申报), and review them.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What is declared of whom, and for which time."""

    scope: Annotated[Scope, Parameter(help="What the subject is.")]
    subject: Annotated[str, Parameter(help="The enterprise, line or unit, by its id.")]
    kind: Annotated[Absence, Parameter(help="What is declared.")]
    start: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="Since when; it may be to come.")
    ]
    end: Annotated[str, Parameter(allow_leading_hyphen=True, help="Until when.")]
    repeats: Annotated[Repeat | None, Parameter(help="How it comes again.")] = None
    until: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Until when it comes again.")
    ] = None
    reason: Annotated[str, Parameter(help="Why.")] = ""


@app.command(name="list")
def list_declared(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    state: Annotated[Review | None, Parameter(help="Only those in this state.")] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List declarations as they stand, the latest first."""
    settings = settings_of(system)

    async def work() -> list[Entered]:
        async with database(settings, "declarations list") as connection:
            return await in_force(connection, Declaration.kind_name)

    rows = [
        _row(one, one.body)
        for one in reversed(run(work()))
        if isinstance(one.body, Declaration)
        and enterprise in (None, one.enterprise)
        and state in (None, one.body.state)
    ]
    if json:
        for row in rows:
            print(as_json(row))
        return
    names = ("id", "state", "enterprise", "scope", "subject", "what", "start", "end", "repeats")
    shown = (*names, "until", "reason", "opinion")
    show_table(shown, [[row[name] for name in shown] for row in rows])


@app.command
def add(
    *,
    person: AsPerson,
    form: Declared,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Declare a stop, maintenance, a meter's fault, a trial or a power cut; also in advance."""
    settings = settings_of(system)

    async def work() -> Entered:
        async with acting_as(settings, person, "declarations add") as desk:
            body = Declaration(
                id=NEW,
                scope=form.scope,
                subject=form.subject,
                kind=form.kind,
                start=parse_time(form.start, desk.now),
                end=parse_time(form.end, desk.now),
                repeats=form.repeats,
                until=None if form.until is None else parse_time(form.until, desk.now),
                reason=form.reason,
            )
            return await desk.act(body)

    show_entered(run(work()), json=json)


@app.command
def review(
    declaration: Annotated[str, Parameter(name="ID", help="The declaration's id.")],
    verdict: Annotated[Literal["approve", "reject"], Parameter(name="VERDICT")],
    /,
    *,
    person: AsPerson,
    opinion: Annotated[str, Parameter(help="What you say to it.")] = "",
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Approve or reject a declaration; an alarm that it explains is exempt, or open again."""
    settings = settings_of(system)
    state = Review.APPROVED if verdict == "approve" else Review.REJECTED

    async def work() -> Entered:
        async with acting_as(settings, person, "declarations review") as desk:
            known = await in_force(desk.connection, Declaration.kind_name)
            bodies = [one.body for one in known if isinstance(one.body, Declaration)]
            found = next((one for one in bodies if one.id == declaration), None)
            if found is None:
                message = f"there is no declaration {declaration}"
                raise CommandError(message, "see wattwarden declarations list")
            body = msgspec.structs.replace(found, state=state, opinion=opinion)
            return await desk.act(body)

    show_entered(run(work()), json=json)


def _row(entered: Entered, body: Declaration) -> dict[str, Any]:
    return {
        **entered_row(entered),
        "state": body.state.value,
        "scope": body.scope.value,
        "subject": body.subject,
        "what": body.kind.value,
        "start": rfc3339(body.start),
        "end": rfc3339(body.end),
        "repeats": body.repeats,
        "until": None if body.until is None else rfc3339(body.until),
        "reason": body.reason,
        "opinion": body.opinion,
    }
