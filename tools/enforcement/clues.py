"""``wattwarden clues``: selected alarms that somebody is to look into."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Clue, ClueStep
from wattwarden.alarms.enforcement.lives import ClueLife
from wattwarden.alarms.enforcement.words import ClueVerb
from wattwarden.storage.enforcement.lives import CLUE
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, perform
from wattwarden.tools.enforcement.forms import (
    AlarmNumbers,
    Enterprise,
    Note,
    OfEnterprise,
    TaskId,
    Thing,
    life_row,
    listed,
    show,
    texts,
)
from wattwarden.tools.times import local

app = App(name="clues", help="Make clues of alarms, give them to officers, tell what they were.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClueForm:
    """A clue as it is given."""

    text: Annotated[str, Parameter(help="What is to be looked into.")]
    alarm: AlarmNumbers = ()
    finding: Annotated[tuple[str, ...], Parameter(help="A finding's id; repeatable.")] = ()
    to: Annotated[str | None, Parameter(help="Issue it to this officer at once.")] = None


@app.command
def add(
    enterprise: Enterprise,
    /,
    *,
    form: ClueForm,
    by: ActorForm,
) -> None:
    """Make a clue of alarms and findings of one enterprise."""
    body = Clue(
        id=NEW,
        enterprise=enterprise,
        text=form.text,
        alarms=texts(form.alarm),
        findings=form.finding,
        person=form.to,
    )
    perform(by, "clues add", body)


@app.command(name="list")
def list_clues(
    *,
    enterprise: OfEnterprise = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List clues, oldest first: with whom they are, what they were."""
    found, called = listed(reader, "clues list", CLUE, enterprise)
    cells = [
        (
            one.id,
            one.told.body.enterprise,
            one.machine.states_zh[one.state],
            called.get(holder(one), holder(one)),
            "、".join(one.told.body.alarms),
            local(one.told.at),
            one.told.body.text,
        )
        for one in found
    ]
    headings = ("线索", "企业", "状态", "核查人", "报警", "时间", "内容")
    show([life_row(one) for one in found], headings, cells, json=reader.json)


@app.command
def assign(
    identity: Thing,
    /,
    *,
    to: Annotated[str, Parameter(help="The officer who is to look.")],
    by: ActorForm,
) -> None:
    """Give a clue to an officer."""
    body = ClueStep(clue=identity, verb=ClueVerb.ASSIGN, person=to)
    perform(by, "clues assign", body)


@app.command
def confirm(
    identity: Thing,
    /,
    *,
    note: Note,
    task: TaskId = "",
    by: ActorForm,
) -> None:
    """Tell that a clue was borne out, and which task it led to."""
    body = ClueStep(clue=identity, verb=ClueVerb.CONFIRM, note=note, task=task)
    perform(by, "clues confirm", body)


@app.command
def dismiss(
    identity: Thing,
    /,
    *,
    note: Note,
    by: ActorForm,
) -> None:
    """Tell that there was nothing in a clue."""
    body = ClueStep(clue=identity, verb=ClueVerb.DISMISS, note=note)
    perform(by, "clues dismiss", body)


def holder(clue: ClueLife) -> str:
    """Return who is to look into a clue, "" for nobody yet."""
    step = clue.latest(ClueVerb.ASSIGN)
    return (clue.told.body.person if step is None else step.body.person) or ""
