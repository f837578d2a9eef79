"""All mutants of a file, each a program that differs in one place; and a seeded sample of them.

Left as they are: annotations, decorators, bases and what stands under ``TYPE_CHECKING``, which the
type checker reads; what an error says and ``__repr__``, for people; ``strict`` of ``zip``, which
guards against ourselves; tables of words.
"""

import ast
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Final

import msgspec
from bench.mutation.changes import name_of, replacements

_FOR_THE_TYPE_CHECKER: Final = frozenset(("cast", "TypeVar", "NewType", "assert_never"))
_UNCHANGED_FIELDS: Final = frozenset(
    ("annotation", "returns", "decorator_list", "bases", "keywords", "ctx")
)
_AROUND: Final = 44
_NOTHING: Final = -1


class Mutant(msgspec.Struct, frozen=True):
    """The n-th change of a file, and in words what it does.

    ``function`` is where it stands, as ``Class.method``; ``inside`` says that it takes effect when
    that runs, and not already when the module is read.  Lines are those of the changed
    expression; ``statement`` those of the statement, of a longer one its head.
    """

    file: str
    number: int
    function: str
    inside: bool
    lines: tuple[int, int]
    statement: tuple[int, int]
    was: str
    becomes: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when lines are added above."""
        return (self.file, self.function, self.was, self.becomes)


@dataclass(slots=True)
class _Place:
    """A node, and where it hangs."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    statement: ast.stmt
    scope: tuple[str, ...]
    inside: bool

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def sample(root: Path, room: str, seed: str, size: int) -> list[Mutant]:
    """Draw mutants of a room: the same as long as their statements stay what they are."""
    ranked = []
    for path in sorted((root / room).rglob("*.py")):
        file = str(path.relative_to(root))
        seen = Counter[str]()
        for number, place, new in _changes(ast.parse(path.read_bytes())):
            text = f"{seed} {file} {place.scope} {ast.unparse(place.node)} {ast.unparse(new)}"
            seen[text] += 1
            rank = hashlib.sha256(f"{text} {seen[text]}".encode()).digest()
            ranked.append((rank, file, number))
    wanted: dict[str, set[int]] = defaultdict(set)
    # Some are the same program after all.
    chosen = sorted(ranked)[: size + size // 8 + 8]
    for _, file, number in chosen:
        wanted[file].add(number)
    described = {
        (file, one.number): one
        for file, numbers in wanted.items()
        for one in _described(root, file, numbers)
    }
    found = (described.get((file, number)) for _, file, number in chosen)
    return [one for one in found if one is not None][:size]


def count(root: Path, room: str) -> int:
    """Return how many mutants a room has."""
    files = (root / room).rglob("*.py")
    return sum(1 for path in files for _ in _changes(ast.parse(path.read_bytes())))


def unchanged(mutant: Mutant) -> Mutant:
    """Return a mutant of the same place in which nothing is changed."""
    return msgspec.structs.replace(mutant, number=_NOTHING)


def mutated(root: Path, file: str, number: int, filename: str) -> CodeType:
    """Compile a file with its n-th change."""
    tree = ast.parse((root / file).read_bytes())
    if number == _NOTHING:
        return compile(tree, filename, "exec")
    for each, _, _ in _changes(tree):
        if each == number:
            return compile(tree, filename, "exec")
    raise LookupError(file, number)


def _described(root: Path, file: str, numbers: Set[int]) -> Iterator[Mutant]:
    """Mutants of a file by their numbers, but for those that are the same program."""
    tree = ast.parse((root / file).read_bytes())
    original = compile(tree, file, "exec")
    before = {id(one): ast.unparse(one) for one in ast.walk(tree) if isinstance(one, ast.stmt)}
    for number, place, new in _changes(tree):
        if number not in numbers or compile(tree, file, "exec") == original:
            continue
        after = new if place.node is place.statement else place.statement
        was, becomes = _apart(before[id(place.statement)], ast.unparse(after))
        lines, statement = _lines(place.node), _head(place.statement)
        scope = ".".join(place.scope)
        yield Mutant(file, number, scope, place.inside, lines or statement, statement, was, becomes)


def _changes(tree: ast.Module) -> Iterator[tuple[int, _Place, ast.AST]]:
    """Yield number, place and new node of each change while the tree has it."""
    number = 0
    for place in _places(tree, None, (), inside=False):
        for new in replacements(place.node):
            place.put(new)
            yield number, place, new
            place.put(place.node)
            number += 1


def _places(
    node: ast.AST, statement: ast.stmt | None, scope: tuple[str, ...], *, inside: bool
) -> Iterator[_Place]:
    """All that may be changed below a node, in the order of the text."""
    function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    kept = _UNCHANGED_FIELDS if isinstance(node, _SCOPES + _ANNOTATED) else frozenset[str]()
    for field, value in () if isinstance(node, ast.Raise) else ast.iter_fields(node):
        if field in kept:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or _stays(child):
                continue
            mine = child if isinstance(child, ast.stmt) else statement
            within = inside or (function and field == "body") or isinstance(child, ast.Lambda)
            named = (*scope, child.name) if isinstance(child, _SCOPES) else scope
            if mine is not None:
                yield _Place(node, field, index, child, mine, scope, within)
            yield from _places(child, mine, named, inside=within)


_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ANNOTATED: Final = (ast.AnnAssign, ast.arg)


def _stays(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.FunctionDef(name="__repr__"):
            return True
        case ast.Call():
            return name_of(node) in _FOR_THE_TYPE_CHECKER
        case ast.keyword(arg="strict"):
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=value) if value is not None:
            return _is_type(value) or _is_words(value)
        case _:
            return False


def _is_type(value: ast.expr) -> bool:
    """Whether it is a type under a name: ``A | B``, ``tuple[int, str]``."""
    match value:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_type(left) and _is_type(right)
        case ast.Name(id=name):
            return name[:1].isupper() and not name.isupper()
        case ast.Subscript(value=ast.Name(id=name)):
            return name == "Literal" or name in {"tuple", "list", "dict", "set", "frozenset"}
        case ast.Constant(value=None):
            return True
        case _:
            return False


def _is_words(value: ast.expr) -> bool:
    """Whether it is a table of words: what they are is held by the pages that show them."""
    if not isinstance(value, ast.Dict):
        return False
    return all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in value.values)


def _lines(node: ast.AST) -> tuple[int, int] | None:
    if not hasattr(node, "lineno"):
        return None
    return (node.lineno, node.end_lineno or node.lineno)  # type: ignore[attr-defined]  # asked for above


def _head(statement: ast.stmt) -> tuple[int, int]:
    """First and last line of a statement without the statements in it."""
    last = statement.end_lineno or statement.lineno
    inner: Sequence[ast.AST] = getattr(statement, "body", ()) or getattr(statement, "cases", ())
    if inner:
        first = inner[0].pattern if isinstance(inner[0], ast.match_case) else inner[0]
        last = max(statement.lineno, first.lineno - 1)  # type: ignore[attr-defined]  # all of them have
    return (statement.lineno, last)


def _apart(was: str, becomes: str) -> tuple[str, str]:
    """The parts of two texts that differ, with something around them."""
    start = next(
        (place for place, (a, b) in enumerate(zip(was, becomes, strict=False)) if a != b),
        min(len(was), len(becomes)),
    )
    end = 0
    while end < min(len(was), len(becomes)) - start and was[-1 - end] == becomes[-1 - end]:
        end += 1
    return _around(was, start, len(was) - end), _around(becomes, start, len(becomes) - end)


def _around(text: str, start: int, end: int) -> str:
    """A part of a text, with what is beside it on its line."""
    low = max(text.rfind("\n", 0, start) + 1, start - _AROUND)
    line_end = text.find("\n", end)
    high = min(len(text) if line_end < 0 else line_end, end + _AROUND)
    part = " ".join(text[low:high].split())
    return f"{'…' if low > 0 else ''}{part[: 4 * _AROUND]}{'…' if high < len(text) else ''}"
