"""``wattwarden thresholds``: numbers of single units and outlets, changed by two people."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.norms import Norm, NormDraft, ThresholdSet
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.registry.thresholds import Thresholds, load_thresholds
from wattwarden.alarms.rulebook import RuleError
from wattwarden.storage.registry.registry import load_registry
from wattwarden.tools.acting import ActorForm, show_entered
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.norms import DraftId, Reason, draft, drafts_of, put_in_force, refusing
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of

ThresholdFile = Annotated[
    Path, Parameter(name="FILE", help="Numbers by [unit.ID] and [outlet.ID] (TOML).")
]

app = App(name="thresholds", help="See and change the numbers that single units and outlets have.")


@app.command
def show(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Show which units have numbers of their own, and the limits of outlets."""
    settings = settings_of(system)

    async def work() -> Registry:
        async with database(settings, "thresholds show") as connection:
            return await load_registry(connection)

    rows = list(_rows(run(work())))
    if json:
        for kind, identity, name, number in rows:
            print(as_json({"kind": kind, "id": identity, "name": name, "number": number}))
    elif rows:
        show_table(("kind", "id", "name", "number"), [(*row[:3], f"{row[3]:g}") for row in rows])
    else:
        print("nothing has numbers of its own")


@app.command
def propose(file: ThresholdFile, /, *, actor: ActorForm, reason: Reason) -> None:
    """Propose numbers; an officer of the city or a leader, but nobody alone, activates them.

    Each unit and outlet that the file names has its numbers and no others from then on; without any
    those of the rules.
    """
    text = _text(file)
    draft(Norm.THRESHOLDS, (_read(text).version, text), reason, actor)


@app.command
def activate(identity: DraftId, /, *, actor: ActorForm) -> None:
    """Put numbers in force that somebody else proposed, for what is judged from now on."""

    def made(drafted: NormDraft, _now: datetime) -> Body:
        return ThresholdSet(version=drafted.version, text=drafted.text, draft=drafted.id)

    entered = put_in_force(Norm.THRESHOLDS, identity, made, actor, lambda _now: None)
    show_entered(entered, json=actor.json)


app.command(refusing(Norm.THRESHOLDS), name="refuse")
app.command(drafts_of(Norm.THRESHOLDS), name="drafts")


def _rows(registry: Registry) -> Iterator[tuple[str, str, str, float]]:
    for unit in registry.unit.values():
        yield from (("unit", unit.id, name, one) for name, one in unit.thresholds.items())
    for outlet in registry.outlet.values():
        yield from (("outlet", outlet.id, name, one) for name, one in outlet.limits.items())


def _read(text: str) -> Thresholds:
    try:
        return load_thresholds(text)
    except RuleError as error:
        raise CommandError(str(error), "see wattwarden thresholds propose --help") from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"thresholds {file}: {error}"
        raise UsageError(message, "name a TOML file") from error
