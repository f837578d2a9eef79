"""``wattwarden doctor``: is this machine fit, and what to do where it is not."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from rich.text import Text

from wattwarden.server.journal import fullest_shard
from wattwarden.server.settings import Settings
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.survey import StreamFacts
from wattwarden.tools.checks import Check, State, look
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.notify.faulty import load_faults
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, plain_table
from wattwarden.tools.running import database, run, settings_of

VERDICT_COLOURS: Final = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def doctor(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> int:
    """Check this machine and name the cure for what is wrong.

    Looks at Python, the limit of open files, checksums, engines and their versions, the meter port,
    the clock, the disk, the data folder, the journal's settings and how full it is, and addresses
    that gateways refuse; changes nothing.

    The exit status is 1 when something would keep the system from working.
    """
    settings = settings_of(system)
    fill, faulty = run(_asked(settings))
    checks = list(look(settings, datetime.now(UTC), fill, faulty))
    fit = all(check.state is not State.FAIL for check in checks)
    if json:
        rows = [
            {
                "name": check.name,
                "state": str(check.state),
                "found": check.found,
                "cure": check.cure or None,
            }
            for check in checks
        ]
        print(as_json({"fit": fit, "checks": rows}))
    else:
        _show(checks)
    return 0 if fit else 1


async def _asked(settings: Settings) -> tuple[StreamFacts | None, int | None]:
    return await journal_fill(settings), await faulty_addresses(settings)


async def faulty_addresses(settings: Settings) -> int | None:
    """Return how many addresses are refused; None where no database can be asked."""
    with suppress(StorageError, CommandError):
        async with database(settings, "doctor") as connection:
            return len(await load_faults(connection))
    return None


async def journal_fill(settings: Settings) -> StreamFacts | None:
    """Return how full the journal is; None when none answers, as before the first start."""
    with suppress(StorageError):
        return await fullest_shard(settings)
    return None


def _show(checks: Sequence[Check]) -> None:
    """Print each check with its verdict, and the cure below it."""
    table = plain_table("", "", "")
    for check in checks:
        found = Text(check.found)
        if check.cure:
            found.append(f"\n→ {check.cure}", "bold")
        table.add_row(Text(check.state, VERDICT_COLOURS[check.state]), Text(check.name), found)
    console().print(table)
