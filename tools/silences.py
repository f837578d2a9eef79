"""``wattwarden silences``: notices of some alarms go to nobody until a moment; level 4 always."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.routing.bodies import MOST_SILENCED, Silence, SilenceEnd
from wattwarden.storage.outbox.load import load_silences
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import ActorForm, AsReader, keep, perform, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import rfc3339

app = App(name="silences", help="Keep notices of some alarms back until a moment (静默).")


@app.command(name="list")
def list_silences(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    past: Annotated[bool, Parameter(help="Those that are over as well.")] = False,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List silences, the latest first."""
    settings = settings_of(system)

    async def work() -> list[dict[str, Any]]:
        async with reading(settings, person, "silences list", Read.SILENCES) as view:
            found = await load_silences(view.connection, view.reader.within(enterprise))
            standing = [one for one in reversed(found) if past or one[1].end > view.now]
        return [_row(entered, one) for entered, one in standing]

    rows = run(work())
    if json:
        for row in rows:
            print(as_json(row))
        return
    shown = ("id", "enterprise", "rules", "unit", "level", "start", "end", "by", "reason")
    show_table(shown, [[row[name] for name in shown] for row in rows])


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Which alarms are silenced, for how long and why."""

    until: Annotated[str, Parameter(allow_leading_hyphen=True, help="Until when.")]
    reason: Annotated[str, Parameter(help="Why nobody needs to hear of them.")]
    since: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Since when; now if left out.")
    ] = None
    rule: Annotated[tuple[str, ...], Parameter(help="Only of this rule; repeatable.")] = ()
    unit: Annotated[str | None, Parameter(help="Only about this unit, by its id.")] = None
    level: Annotated[int, Parameter(help="Up to this level, 3 at most.")] = MOST_SILENCED


@app.command
def add(
    enterprise: Annotated[str, Parameter(name="ENTERPRISE", help="Whose alarms, by its id.")],
    /,
    *,
    by: ActorForm,
    form: Quiet,
) -> None:
    """Silence a firm's alarms until a moment; whoever heard of a raise hears of its end."""
    keep(
        by,
        "silences add",
        lambda desk: Silence(
            id=NEW,
            enterprise=enterprise,
            start=desk.moment_or_none(form.since) or desk.now,
            end=desk.moment(form.until),
            reason=form.reason,
            rules=form.rule,
            unit=form.unit,
            level=form.level,
        ),
    )


@app.command
def end(
    silence: Annotated[str, Parameter(name="ID", help="The silence's id.")],
    /,
    *,
    by: ActorForm,
    reason: Annotated[str, Parameter(help="Why.")] = "",
) -> None:
    """End a silence now."""
    perform(by, "silences end", SilenceEnd(silence=silence, reason=reason))


def _row(entered: Entered, one: Silence) -> dict[str, Any]:
    return {
        "id": one.id,
        "enterprise": one.enterprise,
        "rules": ", ".join(one.rules),
        "unit": one.unit,
        "level": one.level,
        "start": rfc3339(one.start),
        "end": rfc3339(one.end),
        "by": entered.actor,
        "reason": one.reason,
    }
