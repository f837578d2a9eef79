"""``wattwarden stations``: supervisors who stay at a firm until it runs as it must."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Station, StationStep
from wattwarden.alarms.enforcement.lives import StationLife
from wattwarden.alarms.enforcement.words import StationVerb
from wattwarden.storage.enforcement.lives import STATION
from wattwarden.tools.acting import AsPerson, AsReader, show_entered
from wattwarden.tools.enforcement.forms import (
    NOW,
    At,
    Enterprise,
    Note,
    OfEnterprise,
    TaskId,
    Thing,
    act,
    life_row,
    listed,
    show,
)
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import settings_of
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
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Station a supervisor at a firm."""
    entered = act(
        settings_of(system),
        person,
        "stations add",
        lambda moment: Station(
            id=NEW,
            enterprise=enterprise,
            person=form.supervisor,
            start=moment(form.start),
            reason=form.reason,
            task=form.task,
        ),
    )
    show_entered(entered, json=json)


@app.command(name="list")
def list_stations(
    *,
    enterprise: OfEnterprise = None,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List stations, oldest first: who is there, since when and until when."""
    found, called = listed(settings_of(system), "stations list", STATION, enterprise, person)
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
    show([life_row(one) for one in found], headings, cells, json=json)


@app.command
def relieve(
    identity: Thing,
    /,
    *,
    supervisor: Supervisor,
    at: At = NOW,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Let another officer take over."""
    _step(identity, StationVerb.RELIEVE, (at, supervisor, note), person, system, json=json)


@app.command
def end(
    identity: Thing,
    /,
    *,
    at: At = NOW,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """End a stay: treatment runs and discharge is as it must be."""
    _step(identity, StationVerb.END, (at, None, note), person, system, json=json)


def present(station: StationLife) -> str:
    """Return who is there, or was last."""
    relief = station.latest(StationVerb.RELIEVE)
    return station.told.body.person if relief is None else relief.body.person or ""


def _step(
    identity: str,
    verb: StationVerb,
    said: tuple[str, str | None, str],
    person: str,
    system: System,
    *,
    json: bool,
) -> None:
    at, who, note = said
    entered = act(
        settings_of(system),
        person,
        f"stations {verb}",
        lambda moment: StationStep(
            station=identity, verb=verb, at=moment(at), person=who, note=note
        ),
    )
    show_entered(entered, json=json)


def _end(station: StationLife) -> str:
    ended = station.latest(StationVerb.END)
    return "" if ended is None else local(ended.body.at)
