"""``wattwarden stations``: supervisors who stay at a firm until it runs as it must."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Station, StationStep
from wattwarden.alarms.enforcement.lives import StationLife
from wattwarden.alarms.enforcement.words import StationVerb
from wattwarden.storage.enforcement.lives import STATION
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, keep
from wattwarden.tools.enforcement.forms import (
    NOW,
    At,
    Enterprise,
    Note,
    OfEnterprise,
    TaskId,
    Thing,
    life_row,
    listed,
    show,
)
from wattwarden.tools.times import local

app = App(name="stations", help="Station supervisors at firms, round the clock.")

Supervisor = Annotated[str, Parameter(help="The officer who stays there.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class StationForm:
    """A stay as it is given."""

    supervisor: Supervisor
    reason: Annotated[str, Parameter(help="Why somebody has to stay.")]
    start: At = NOW
    task: TaskId = ""


@app.command
def add(
    enterprise: Enterprise,
    /,
    *,
    form: StationForm,
    by: ActorForm,
) -> None:
    """Station a supervisor at a firm."""
    keep(
        by,
        "stations add",
        lambda desk: Station(
            id=NEW,
            enterprise=enterprise,
            person=form.supervisor,
            start=desk.moment(form.start),
            reason=form.reason,
            task=form.task,
        ),
    )


@app.command(name="list")
def list_stations(
    *,
    enterprise: OfEnterprise = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List stations, oldest first: who is there, since when and until when."""
    found, called = listed(reader, "stations list", STATION, enterprise)
    cells = [
        (
            one.id,
            one.told.body.enterprise,
            one.machine.states_zh[one.state],
            called.get(present(one), present(one)),
            local(one.told.body.start),
            _end(one),
            one.told.body.reason,
        )
        for one in found
    ]
    headings = ("驻点", "企业", "状态", "驻点人员", "开始", "结束", "原因")
    show([life_row(one) for one in found], headings, cells, json=reader.json)


@app.command
def relieve(
    identity: Thing,
    /,
    *,
    supervisor: Supervisor,
    at: At = NOW,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Let another officer take over."""
    _step(identity, StationVerb.RELIEVE, (at, supervisor, note), by)


@app.command
def end(
    identity: Thing,
    /,
    *,
    at: At = NOW,
    note: Note = "",
    by: ActorForm,
) -> None:
    """End a stay: treatment runs and discharge is as it must be."""
    _step(identity, StationVerb.END, (at, None, note), by)


def present(station: StationLife) -> str:
    """Return who is there, or was last."""
    relief = station.latest(StationVerb.RELIEVE)
    return station.told.body.person if relief is None else relief.body.person or ""


def _step(
    identity: str,
    verb: StationVerb,
    said: tuple[str, str | None, str],
    by: ActorForm,
) -> None:
    at, who, note = said
    keep(
        by,
        f"stations {verb}",
        lambda desk: StationStep(
            station=identity, verb=verb, at=desk.moment(at), person=who, note=note
        ),
    )


def _end(station: StationLife) -> str:
    ended = station.latest(StationVerb.END)
    return "" if ended is None else local(ended.body.at)
