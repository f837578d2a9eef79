"""``wattwarden patrol``: a named person's daily look at a firm's machines (巡检)."""

from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.bodies import Patrol
from wattwarden.alarms.decisions.body import NEW
from wattwarden.tools.acting import ActorForm, keep
from wattwarden.tools.ledgers.writing import NOTHING, About, Moment

app = App(name="patrol", help="Enter patrols (巡检) of a firm's machines.")


@app.command
def add(
    *,
    actor: ActorForm,
    about: About = NOTHING,
    by: Annotated[
        str | None, Parameter(help="Who of the firm looked, if not who enters it; an id.")
    ] = None,
    at: Moment = "now",
    findings: Annotated[str, Parameter(help="What was found; nothing when left out.")] = "",
    why: Annotated[
        str, Parameter(help="Why it is entered so late; needed a day after the patrol.")
    ] = "",
) -> None:
    """Enter a patrol of an enterprise or a line. It is entered now, whenever it was."""
    scope, subject = about.subject()

    keep(
        actor,
        "patrol add",
        lambda desk: Patrol(
            id=NEW,
            scope=scope,
            subject=subject,
            person=by or actor.person,
            at=desk.moment(at),
            findings=findings,
            why=why,
        ),
    )
