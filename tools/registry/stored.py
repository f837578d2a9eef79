"""What the store has of the registry and of decisions about it, for commands."""

import getpass
import os
from collections.abc import Iterable

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import in_force
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.registry.importing import DECIDED_KINDS
from wattwarden.tools.registry.parse import Fault

# On a terminal the first ones say what to mend; --json has all.
SHOWN_FAULTS = 50


async def load_bodies(connection: Connection) -> dict[str, dict[str, AnyBody]]:
    """Return the bodies in force by kind and id."""
    found: dict[str, dict[str, AnyBody]] = {}
    for kind in DECIDED_KINDS:
        entered = await in_force(connection, kind)
        found[kind] = {str(getattr(one.body, "id", "")): one.body for one in entered}
    return found


def actor(named: str | None = None) -> str:
    """Name who gives the order: as told, or the person behind sudo, where there is one."""
    return named or os.environ.get("SUDO_USER") or getpass.getuser()


def show_faults(faults: Iterable[Fault], *, json: bool) -> None:
    """Print faults, a line each."""
    listed = list(faults)
    if json:
        for fault in listed:
            row = {"sheet": fault.sheet, "row": fault.row, "column": fault.column}
            print(as_json(row | {"zh": fault.zh, "en": fault.en}))
        return
    for fault in listed[:SHOWN_FAULTS]:
        print(fault)
    if len(listed) > SHOWN_FAULTS:
        print(f"… and {len(listed) - SHOWN_FAULTS} more: see all with --json")


def refusal(error: RefusedError) -> CommandError:
    """Return a refusal by the store as the command's own error."""
    return CommandError(str(error), "nothing was changed")
