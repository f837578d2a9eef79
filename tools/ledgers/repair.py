"""``wattwarden repair``: what was repaired or serviced, by whom (检修)."""

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.ledgers.bodies import Repair
from wattwarden.tools.acting import ActorForm, keep
from wattwarden.tools.ledgers.writing import MaybeMoment, Moment

app = App(name="repair", help="Enter repairs (检修) of units.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Details:
    """What else is known of a repair."""

    by: Annotated[
        str | None, Parameter(help="Who repaired it, if not who enters it; a person's id.")
    ] = None
    cause: Annotated[str, Parameter(help="Why it was needed.")] = ""
    parts: Annotated[str, Parameter(help="Which parts were replaced.")] = ""


NO_DETAILS: Final = Details()


@app.command
def add(
    unit: Annotated[str, Parameter(name="UNIT", help="What was repaired, by its id.")],
    work: Annotated[str, Parameter(name="WORK", help="What was done.")],
    /,
    *,
    by: ActorForm,
    began: Moment,
    ended: MaybeMoment = None,
    details: Details = NO_DETAILS,
) -> None:
    """Enter a repair of a unit. It is entered now, whenever it was."""
    keep(
        by,
        "repair add",
        lambda desk: Repair(
            id=NEW,
            unit=unit,
            person=details.by or by.person,
            began=desk.moment(began),
            ended=desk.moment_or_none(ended),
            work=work,
            cause=details.cause,
            parts=details.parts,
        ),
    )
