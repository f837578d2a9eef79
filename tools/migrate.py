"""``wattwarden migrate``: the schema of a database brought up to date, and nothing started."""

from wattwarden.storage.migrate import load_migrations
from wattwarden.storage.migrate import migrate as bring_up
from wattwarden.tools.decode import as_json
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console
from wattwarden.tools.running import database, run, settings_of


def migrate(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Bring the database's schema to this version's, and start nothing.

    `wattwarden up` does it by itself; a cluster's roles do not.  Each step is done once, in a
    transaction; there is no way back but a restore.
    """
    settings = settings_of(system)

    async def work() -> list[str]:
        async with database(settings, "migrate") as connection:
            return await bring_up(connection, load_migrations())

    applied = run(work())
    if json:
        print(as_json({"applied": applied}))
    else:
        said = ", ".join(applied) if applied else "the schema is this version's already"
        console().print(said, highlight=False)
