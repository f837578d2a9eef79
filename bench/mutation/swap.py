"""A mutant put into a running program, which its files never hold.

What takes effect when a function runs is put into that function, wherever it is already held;
what takes effect when a module is read, into whatever reads it from then on.
"""

import functools
import gc
import importlib.util
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

from bench.mutation.mutants import Mutant, mutated

_OURS: Final = "wattwarden."
_TESTS: Final = "tests."
Key = tuple[str, str, int]


class CannotSwapError(Exception):
    """Functions on one line of one name are told apart by nothing."""


class Loaded:
    """The functions and caches of all modules that are loaded: to be made once they all are."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._functions: Mapping[Key, list[FunctionType]] = defaultdict(list)
        self._caches: list[Any] = []
        # A gateway that ran in this process has frozen what there was, which is not listed then.
        gc.unfreeze()
        for one in gc.get_objects():
            if isinstance(one, FunctionType):
                code = one.__code__
                key = (code.co_filename, code.co_qualname, code.co_firstlineno)
                self._functions[key].append(one)
            elif isinstance(one, functools._lru_cache_wrapper):  # noqa: SLF001  # it has no other name
                self._caches.append(one)

    def forget(self) -> None:
        """Empty all of the program's caches."""
        for one in self._caches:
            if (getattr(one, "__module__", None) or "").startswith(_OURS):
                one.cache_clear()

    def sharing(self) -> list[str]:
        """Return the modules of tests that work something out once for several of them."""
        modules = {getattr(one, "__module__", None) or "" for one in self._caches}
        return [f"{one.replace('.', '/')}.py" for one in modules if one.startswith(_TESTS)]

    def put(self, mutant: Mutant) -> None:
        """Make the program the mutant.

        Raises:
            CannotSwapError: It has to be read anew for that.
        """
        filename = sys.modules[module_of(mutant.file)].__file__ or ""
        code = mutated(self._root, mutant.file, mutant.number, filename)
        found = list(_codes(code))
        keys = Counter((one.co_qualname, one.co_firstlineno) for one in found)
        for one in found:
            key = (filename, one.co_qualname, one.co_firstlineno)
            for function in self._functions.get(key, ()):
                if function.__code__ == one:
                    continue
                if keys[key[1:]] > 1 or function.__code__.co_freevars != one.co_freevars:
                    raise CannotSwapError(mutant.file)
                function.__code__ = one
        self.forget()


def read_as(root: Path, mutant: Mutant) -> None:
    """Let the mutant be read where its module would be."""
    name = module_of(mutant.file)
    unchanged = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        if fullname != name:
            return unchanged(self, fullname)
        return mutated(root, mutant.file, mutant.number, self.get_filename(fullname))

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]  # of this loader


def module_of(file: str) -> str:
    """Return the name of a module.

    >>> module_of("codecs/hj212/__init__.py")
    'wattwarden.codecs.hj212'
    """
    parts = Path(file).with_suffix("").parts
    return ".".join(("wattwarden", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def import_libraries(names: Sequence[str]) -> None:
    """Read what tests need of others, so that no mutant has to wait for it."""
    for name in names:
        if _can_be_found(name.partition(".")[0]):
            importlib.import_module(name)


def _can_be_found(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:
        return False  # made while another was read, out of no file


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)
