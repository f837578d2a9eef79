"""``wattwarden declarations``: what firms declare, in advance and again, and what officers say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.declaring import ended
from wattwarden.alarms.decisions.bodies import Absence, Declaration, Repeat, Review
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.storage.books.sheets import LABELS
from wattwarden.storage.cases.declared import Standing, load_declarations
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    ActorForm,
    Desk,
    ReaderForm,
    at_desk,
    enter,
    entered_row,
    reading,
    show_entered,
)
from wattwarden.tools.cases.naming import Naming, load_naming
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local, parse_time, rfc3339

app = App(name="declarations", help="Declare stops and faults (申报), review and end them.")

DeclarationId = Annotated[str, Parameter(name="ID", help="The declaration's id.")]
HEADINGS: Final = (
    "id", "state", "enterprise", "subject", "what", "start", "end", "repeats", "until", "declared",
    "reason", "opinion",
)  # fmt: skip


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
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List declarations as they stand, the latest first; 补报 is what had begun before."""
    settings = settings_of(reader.system)

    async def work() -> tuple[list[Standing], Naming]:
        async with reading(settings, reader.person, "declarations list", Read.DECLARATIONS) as view:
            firms = view.reader.within(enterprise)
            known = await load_declarations(view.connection, firms)
            return known, await load_naming(view.connection)

    known, naming = run(work())
    found = [one for one in reversed(known) if state in (None, one.body.state)]
    if reader.json:
        for one in found:
            print(as_json(_row(one)))
        return
    show_table(HEADINGS, [_cells(one, naming) for one in found])


@app.command
def add(
    *,
    by: ActorForm,
    form: Declared,
) -> None:
    """Declare a stop, maintenance, a meter's fault, a trial or a power cut; also in advance."""

    async def work(desk: Desk) -> tuple[Entered, list[Standing]]:
        body = Declaration(
            id=NEW,
            scope=form.scope,
            subject=form.subject,
            kind=form.kind,
            start=desk.moment(form.start),
            end=desk.moment(form.end),
            repeats=form.repeats,
            until=desk.moment_or_none(form.until),
            reason=form.reason,
        )
        entered = await desk.act(body)
        named = str(getattr(entered.body, "id", ""))
        return entered, await load_declarations(desk.connection, declaration=named)

    entered, standing = at_desk(by, "declarations add", work)
    show_entered(entered, json=by.json)
    for one in () if by.json else standing:
        _tell(one)


@app.command
def review(
    declaration: DeclarationId,
    verdict: Annotated[Literal["approve", "reject"], Parameter(name="VERDICT")],
    /,
    *,
    by: ActorForm,
    opinion: Annotated[str, Parameter(help="What you say to it.")] = "",
) -> None:
    """Approve or reject a declaration; an alarm that it explains is exempt, or open again."""
    state = Review.APPROVED if verdict == "approve" else Review.REJECTED

    def reviewed(standing: Standing, _now: datetime) -> Declaration:
        if not by.json:
            _tell(standing)
        return msgspec.structs.replace(standing.body, state=state, opinion=opinion)

    _change(declaration, reviewed, by)


@app.command
def end(
    declaration: DeclarationId,
    /,
    *,
    by: ActorForm,
    reason: Annotated[str, Parameter(help="Why it ends sooner.")],
    at: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="When it ends; now when left out.")
    ] = "now",
) -> None:
    """End a declaration sooner (提前结束), or withdraw it (撤回) before it begins."""

    def over(standing: Standing, now: datetime) -> Declaration:
        return ended(standing.body, parse_time(at, now), reason)

    _change(declaration, over, by)


@app.command
def revoke(
    declaration: DeclarationId,
    /,
    *,
    by: ActorForm,
    reason: Annotated[str, Parameter(help="Why it should not have been approved.")],
) -> None:
    """Revoke an approval (撤销): it excuses nothing, from its start; its alarms are open again."""

    def revoked(standing: Standing, _now: datetime) -> Declaration:
        return msgspec.structs.replace(standing.body, state=Review.REVOKED, opinion=reason)

    _change(declaration, revoked, by)


def _change(
    declaration: str, changed: Callable[[Standing, datetime], Declaration], by: ActorForm
) -> None:
    """Enter what takes a declaration's place, and print it."""

    async def work(desk: Desk) -> Entered:
        found = await load_declarations(desk.connection, declaration=declaration)
        if not found:
            message = f"there is no declaration {declaration}"
            raise CommandError(message, "see wattwarden declarations list")
        return await desk.act(changed(found[0], desk.now))

    enter(by, "declarations", work)


def _tell(one: Standing) -> None:
    """Say what a reviewer should notice."""
    if one.late:
        print(f"补报:{local(one.body.start)}开始,{local(one.declared_at)}才申报")
    if one.long:
        print("时段过长,须由领导批准")


def _row(one: Standing) -> dict[str, Any]:
    body = one.body
    return {
        **entered_row(one.entered),
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
        "ended": body.ended,
        "declared_at": rfc3339(one.declared_at),
        "declared_late": one.late,
        "for_leader": one.long,
    }


def _cells(one: Standing, naming: Naming) -> tuple[object, ...]:
    """Return a declaration's cells under ``HEADINGS``."""
    body = one.body
    waits = body.state is Review.PENDING and one.long
    return (
        body.id,
        "待领导审核" if waits else LABELS[Review][body.state],
        naming.of("enterprise", one.entered.enterprise or ""),
        naming.of(body.scope, body.subject),
        LABELS[Absence][body.kind],
        local(body.start),
        local(body.end),
        "" if body.repeats is None else LABELS[Repeat][body.repeats],
        None if body.until is None else local(body.until),
        f"{local(one.declared_at)}{' 补报' if one.late else ''}",
        body.reason,
        body.ended or body.opinion,
    )
