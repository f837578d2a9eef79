"""``wattwarden patrol``: a named person's daily look at a firm's machines (巡检)."""

from datetime import datetime
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.bodies import Patrol
from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.tools.ledgers.writing import NOTHING, About, Moment, Who, write_down
from wattwarden.tools.options import THE_USUAL_SYSTEM, System
from wattwarden.tools.times import parse_time

app = App(name="patrol", help="Enter patrols (巡检) of a firm's machines.")


@app.command
def add(
    *,
    who: Who,
    about: About = NOTHING,
    by: Annotated[
        str | None, Parameter(help="Who of the firm looked, if not who enters it; an id.")
    ] = None,
    at: Moment = "now",
    findings: Annotated[str, Parameter(help="What was found; nothing when left out.")] = "",
    why: Annotated[
        str, Parameter(help="Why it is entered so late; needed a day after the patrol.")
    ] = "",
    system: System = THE_USUAL_SYSTEM,
) -> None:
    """Enter a patrol of an enterprise or a line. It is entered now, whenever it was."""
    scope, subject = about.subject()

    def body(now: datetime) -> Body:
        return Patrol(
            id=NEW,
            scope=scope,
            subject=subject,
            person=by or who.person,
            at=parse_time(at, now),
            findings=findings,
            why=why,
        )

    write_down(system, who, "patrol add", body)
