"""Inputs whose first byte says by whom the rest is read, and trees of values that nearly fit."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, Final

# What stands in the place of another value: of every type, at every end of what is read.
STRANGE: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.1, -0.0, 1e308, "", " ",
    "x" * 300, "../x", "/etc/passwd", "a\x00b", "\u202ex", "\ud800", "一二三", "1e999", "NaN",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", [], {}, [[]], {"x": {}}, [1, "2", None],
)  # fmt: skip
DEEP: Final = 3_000


def own_folder() -> Path:
    """Return a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def check_said(error: Exception, most_letters: int) -> None:
    """Hold that a refusal says something, and not without end."""
    assert 0 < len(str(error)) <= most_letters, "a refusal without words, or without end"


def taken_apart(data: bytes, names: Sequence[str]) -> tuple[str, bytes]:
    """Return by whom an input is read, and what."""
    return names[data[0] % len(names)] if data else names[0], data[1:]


def put_together(names: Sequence[str], name: str, body: bytes) -> bytes:
    """Return the input of a name and what is read."""
    return bytes([names.index(name)]) + body


def changed(tree: Any, names: Sequence[str], rng: Random) -> Any:
    """Return a tree in which a value is another, or stands under another name."""
    whole = deepcopy(tree)
    at, key = whole, None
    while isinstance(at, dict | list) and at:
        outer, key = at, rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
        at = outer[key]
        if not isinstance(at, dict | list) or not at or rng.random() < 0.2:
            break
    if key is None:
        return deepcopy(rng.choice(STRANGE))
    if isinstance(outer, dict) and rng.random() < 0.2:
        outer[rng.choice(names)] = outer.pop(key)
    elif isinstance(at, str) and rng.random() < 0.3:
        outer[key] = at[: rng.randrange(len(at) + 1)] + rng.choice(("", "=", ";", "\n", at))
    else:
        outer[key] = deepcopy(rng.choice(STRANGE))
    return whole


def names_in(tree: Any) -> set[str]:
    """Return the names that stand anywhere in a tree."""
    if isinstance(tree, Mapping):
        return set(tree).union(*map(names_in, tree.values()))
    return set().union(*map(names_in, tree)) if isinstance(tree, list | tuple) else set()
