"""What commands about the registry share: who gives the order, faults told, refusals."""

from collections.abc import Iterable

from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.books.parse import Fault
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.running import operator_name

# On a terminal the first ones say what to mend; --json has all.
SHOWN_FAULTS = 50


def actor(named: str | None = None) -> str:
    """Name who gives the order: as told, or whoever runs the command."""
    return named or operator_name()


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
