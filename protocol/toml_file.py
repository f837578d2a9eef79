"""The text of a TOML file that a person wrote, as tables: what no file of ours is, is refused.

The library's reader ends by its own recursion at lists within lists, by a number of thousands of
digits, and gives tables within tables as deep as names have points.
"""

import tomllib
from typing import Any, Final

# The deepest file of ours has five: industry, its name, kind, number.
MAX_DEPTH: Final = 32


def read_toml(text: str) -> dict[str, Any]:
    """Return the tables of a file.

    Raises:
        ValueError: It is no TOML, is nested more than ``MAX_DEPTH`` deep, or has a number that
            nobody can count to.
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise _too_deep() from error
    level: list[Any] = [tables]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return tables
    raise _too_deep()


def _within(outer: Any) -> list[Any]:
    values = outer.values() if isinstance(outer, dict) else outer
    return [one for one in values if isinstance(one, dict | list)]


def _too_deep() -> ValueError:
    message = f"it is nested more than {MAX_DEPTH} deep"
    return ValueError(message)
