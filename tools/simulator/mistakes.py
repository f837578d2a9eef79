"""What a scenario's mistakes are called: where, what, and what to do about it."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.scenario import Scenario

# As many as fit into a line or two; a city has thousands.
NAMES_SHOWN: Final = 8


def mistake(scenario: Scenario, key: str, what: str, cure: str) -> UsageError:
    """Return the error of a scenario's key, such as ``offence[2].onset``."""
    return UsageError(f"scenario {scenario.name}: {key}: {what}", cure)


def unknown(scenario: Scenario, key: str, noun: str, name: str, there: Iterable[str]) -> UsageError:
    """Return the error of an id that names nothing; the cure has those that look like it."""
    return mistake(scenario, key, f"there is no {noun} {name!r}", suggestion(noun, name, there))


def suggestion(noun: str, name: str, there: Iterable[str]) -> str:
    """Say what could have been meant by a name, and what there is."""
    names = list(there)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    more = " …" if len(names) > NAMES_SHOWN else ""
    known = f"{noun}s are {', '.join(names[:NAMES_SHOWN])}{more}" if names else f"it has no {noun}"
    return f"did you mean {' or '.join(near)}? {known}" if near else known
