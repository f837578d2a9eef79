"""Whether what a process has imported is still what is installed."""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import wattwarden

Stamp = tuple[int, int, int] | None
"""When a file was written, its size and its place on the disk; None where there is none."""

# Written by whoever imports first.
_LEFT_OUT: Final = "__pycache__"


class Installed:
    """What was installed when this was made, before anything was imported.

    An upgrade in the midst of the imports is seen afterwards, too.
    """

    def __init__(self, roots: Iterable[str] = wattwarden.__path__) -> None:
        self._roots = list(roots)
        self._program = _stamps(_files(self._roots))
        # Libraries leave and enter it with the name of their version.
        self._libraries = _stamps(_packages())
        self._loaded: dict[str, Stamp] = {}

    def take_in(self) -> None:
        """Take note of all that was loaded meanwhile."""
        loaded = {*_modules(), *_mapped()}
        self._loaded = _stamps(path for path in loaded if path not in self._program)

    def change(self) -> str:
        """Name a file that a process that starts now would find otherwise; "" for none."""
        now = _stamps(_files(self._roots))
        if now != self._program:
            return min(path for path, _ in now.items() ^ self._program.items())
        kept = self._libraries | self._loaded
        return next((path for path, stamp in kept.items() if _stamp(path) != stamp), "")


def _stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116  thousands at each start: Paths would double the time
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _files(roots: Iterable[str]) -> Iterator[str]:
    """Yield all of the program's own files: what is read later counts as what was imported."""
    for root in roots:
        # The rooms of a checkout are links.
        for folder, inner, names in os.walk(root, followlinks=True):
            if _LEFT_OUT in inner:
                inner.remove(_LEFT_OUT)
            yield from (f"{folder}/{name}" for name in names)


def _packages() -> set[str]:
    return {sysconfig.get_path(name) for name in ("purelib", "platlib")}


def _modules() -> Iterator[str]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            yield file


def _mapped() -> Iterator[str]:
    """Yield the files that are executed: interpreter and libraries."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        rights, path = line.split(maxsplit=2)[1], line.partition("/")[2]
        if "x" in rights and path:
            yield f"/{path.removesuffix(' (deleted)')}"
