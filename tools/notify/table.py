"""``wattwarden notify routing``: the routing table in force, or another in its place."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import RoutingError, default_text, load_table
from wattwarden.storage.registry.decisions import in_force
from wattwarden.tools.acting import ActorForm, perform
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, run, settings_of


def routing(
    file: Annotated[Path | None, Parameter(name="FILE", help="A table to put in force.")] = None,
    /,
    *,
    person: Annotated[
        str | None, Parameter(name="--as", help="Who acts: an administrator's id.")
    ] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Print the routing table in force, or put another in force with FILE and --as."""
    settings = settings_of(system)
    if file is None:

        async def work() -> str:
            async with database(settings, "notify routing") as connection:
                found = await in_force(connection, Routing.kind_name)
            texts = [one.body.text for one in found if isinstance(one.body, Routing)]
            return texts[-1] if texts else default_text()

        print(run(work()), end="")
        return
    if person is None:
        raise UsageError("who acts?", "--as and an administrator's id")
    text = file.read_text(encoding="utf-8")
    try:
        table = load_table(text)
    except RoutingError as error:
        raise CommandError(str(error), "nothing was changed") from error
    body = Routing(version=table.version, text=text)
    perform(ActorForm(person=person, system=system, json=json), "notify routing", body)
