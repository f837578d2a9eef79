"""``wattwarden focus``: the weak points of a firm, put right with an officer's help."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.enforcement.bodies import Focus, FocusStep
from wattwarden.alarms.enforcement.words import FocusVerb
from wattwarden.storage.enforcement.lives import FOCUS
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, keep, perform
from wattwarden.tools.enforcement.forms import (
    AlarmNumbers,
    At,
    FileDigests,
    Note,
    OfEnterprise,
    Thing,
    life_row,
    listed,
    show,
    texts,
)
from wattwarden.tools.times import local

app = App(name="focus", help="Keep the list of a firm's weak points until each is put right.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class FocusForm:
    """A weak point as it is given."""

    weakness: Annotated[str, Parameter(help="What is weak.")]
    scope: Annotated[Scope, Parameter(help="What SUBJECT is.")] = Scope.ENTERPRISE
    measure: Annotated[str, Parameter(help="What is to be done.")] = ""
    alarm: AlarmNumbers = ()
    officer: Annotated[str | None, Parameter(help="The officer who helps.")] = None
    due: At | None = None


@app.command
def add(
    subject: Annotated[
        str, Parameter(name="SUBJECT", help="The id of the enterprise, line or unit.")
    ],
    /,
    *,
    form: FocusForm,
    by: ActorForm,
) -> None:
    """Put a weak point on a firm's list."""
    keep(
        by,
        "focus add",
        lambda desk: Focus(
            id=NEW,
            scope=form.scope,
            subject=subject,
            weakness=form.weakness,
            measure=form.measure,
            alarms=texts(form.alarm),
            officer=form.officer,
            due=desk.moment_or_none(form.due),
        ),
    )


@app.command(name="list")
def list_focus(
    *,
    enterprise: OfEnterprise = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List weak points, oldest first."""
    found, called = listed(reader, "focus list", FOCUS, enterprise)
    cells = [
        (
            one.id,
            f"{one.told.body.scope} {one.told.body.subject}",
            one.machine.states_zh[one.state],
            called.get(one.told.body.officer or "", ""),
            "" if one.told.body.due is None else local(one.told.body.due),
            one.told.body.weakness,
            one.told.body.measure,
        )
        for one in found
    ]
    headings = ("编号", "对象", "状态", "帮扶人员", "期限", "薄弱环节", "措施")
    show([life_row(one) for one in found], headings, cells, json=reader.json)


@app.command
def rectify(
    identity: Thing,
    /,
    *,
    note: Note,
    file: FileDigests = (),
    by: ActorForm,
) -> None:
    """Tell, as the firm, that a weak point was put right, and how."""
    body = FocusStep(focus=identity, verb=FocusVerb.RECTIFY, note=note, files=file)
    perform(by, "focus rectify", body)


@app.command
def confirm(
    identity: Thing,
    /,
    *,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Confirm, as an officer, that it is."""
    body = FocusStep(focus=identity, verb=FocusVerb.CONFIRM, note=note)
    perform(by, "focus confirm", body)


@app.command(name="return")
def give_back(
    identity: Thing,
    /,
    *,
    note: Note,
    by: ActorForm,
) -> None:
    """Return it to the firm, saying what is still missing."""
    body = FocusStep(focus=identity, verb=FocusVerb.RETURN, note=note)
    perform(by, "focus return", body)
