"""Which tests touch which line, and which lines and branches no test of the pure rooms touches."""

import ast
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.mutation.mutants import Mutant
from bench.mutation.tests_of import ROOMS
from coverage import Coverage


@dataclass(frozen=True, slots=True)
class Uncovered:
    """What no test touches in a file: lines, and branches from line to line."""

    file: str
    lines: Sequence[int]
    branches: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Covered:
    """Of a room: statements and branches, and how many of them tests touch."""

    statements: int
    statements_touched: int
    branches: int
    branches_touched: int


class Touched:
    """What watching the tests came to."""

    def __init__(self, root: Path, folder: Path, most_s: float) -> None:
        """Gather what the workers noted in a folder; a mutant gets tests of ``most_s`` at most."""
        self._root = root
        self._most_s = most_s
        self.usual_s: dict[str, float] = {}
        self.libraries: list[str] = []
        self._sharing: set[str] = set()
        for path in sorted(folder.glob("noted.*.json")):
            noted = json.loads(path.read_bytes())
            self.usual_s |= noted["tests"]
            self.libraries = noted["modules"]
            self._sharing |= set(noted["sharing"])
        self._modules: dict[str, set[str]] = defaultdict(set)
        for test in self.usual_s:
            self._modules[_module(test)].add(test)
        for module in self._sharing & self._modules.keys():
            # Whichever comes first has to work it out.
            tests = self._modules[module]
            self.usual_s |= dict.fromkeys(tests, max(self.usual_s[test] for test in tests))
        self._coverage = Coverage(
            data_file=folder / "coverage", config_file=str(root / "pyproject.toml")
        )
        parts = sorted(folder.glob("coverage.[0-9]*"))
        self._coverage.combine([str(path) for path in parts], keep=True)
        self._report = folder / "coverage.json"
        self._coverage.json_report(outfile=str(self._report))
        self._lines: dict[str, Mapping[int, frozenset[str]]] = {}
        self._named = _Names(root)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that may notice a mutant, the fastest first."""
        if mutant.inside:
            near = self._on(mutant.file, mutant.lines) or self._on(mutant.file, mutant.statement)
            return self._afforded(near)
        near = self._where_named(mutant)
        everywhere = set().union(*self._of(mutant.file).values()) - near
        return self._afforded(near, everywhere)

    def runs_when_read(self, mutant: Mutant) -> bool:
        """Return whether it runs already while modules are read."""
        lines = self._of(mutant.file)
        low, high = mutant.lines
        return any("" in lines.get(line, ()) for line in range(low, high + 1))

    def rooms(self) -> dict[str, Covered]:
        """Return how much of each room the tests touch."""
        found = json.loads(self._report.read_bytes())["files"]
        return {
            room: Covered(
                *(
                    sum(each["summary"][key] for each in _files_of(found, self._root, room))
                    for key in (
                        "num_statements", "covered_lines", "num_branches", "covered_branches"
                    )
                )
            )
            for room in ROOMS
        }  # fmt: skip

    def uncovered(self) -> Iterator[Uncovered]:
        """Yield what no test touches."""
        found = json.loads(self._report.read_bytes())["files"]
        for name, each in sorted(found.items()):
            branches = [(int(a), int(b)) for a, b in each["missing_branches"]]
            if each["missing_lines"] or branches:
                file = str((self._root / name).resolve().relative_to(self._root))
                yield Uncovered(file, each["missing_lines"], branches)

    def _on(self, file: str, lines: tuple[int, int]) -> set[str]:
        touched = self._of(file)
        return set().union(*(touched.get(one, ()) for one in range(lines[0], lines[1] + 1))) - {""}

    def _where_named(self, mutant: Mutant) -> set[str]:
        """Tests of lines that name what the statement of a mutant makes."""
        names = {*mutant.function.split("."), *self._named.made(mutant.file, mutant.statement[0])}
        places = (place for name in names - {""} for place in self._named.used(name))
        return set().union(*(self._of(file).get(line, ()) for file, line in places)) - {""}

    def _afforded(self, *sets: set[str]) -> list[str]:
        """Tests of sets, those of the first before those of the next, while there is time."""
        ordered = [
            test
            for tests in map(self._shared, sets)
            for _, test in sorted((self.usual_s[one], one) for one in tests & self.usual_s.keys())
        ]
        taken: list[str] = []
        spent_s = 0.0
        for test in dict.fromkeys(ordered):
            spent_s += self.usual_s[test]
            if taken and spent_s > self._most_s:
                break
            taken.append(test)
        return taken

    def _shared(self, tests: set[str]) -> set[str]:
        """Tests, and those for which they have worked something out."""
        modules = {_module(test) for test in tests} & self._sharing
        return tests.union(*(self._modules[module] for module in modules))

    def _of(self, file: str) -> Mapping[int, frozenset[str]]:
        if file not in self._lines:
            found = self._coverage.get_data().contexts_by_lineno(str(self._root / file))
            self._lines[file] = {line: frozenset(tests) for line, tests in found.items()}
        return self._lines[file]


# As coverage reports a file.
_Report = Mapping[str, Mapping[str, int]]


class _Names:
    """Which names lines of the pure rooms make, and which they use."""

    def __init__(self, root: Path) -> None:
        self._made: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._used: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for path in (path for room in ROOMS for path in (root / room).rglob("*.py")):
            file = str(path.relative_to(root))
            for node in ast.walk(ast.parse(path.read_bytes())):
                self._take(file, node)

    def made(self, file: str, line: int) -> set[str]:
        return self._made[file, line]

    def used(self, name: str) -> set[tuple[str, int]]:
        return self._used[name]

    def _take(self, file: str, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets):
                self._made[file, node.lineno] |= _names(targets)
            case ast.AnnAssign(target=target):
                self._made[file, node.lineno] |= _names([target])
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                self._used[name].add((file, node.lineno))
            case ast.keyword(arg=str(name)):
                self._used[name].add((file, node.lineno))
            case _:
                pass


def _module(test: str) -> str:
    return test.partition("::")[0]


def _names(targets: Iterable[ast.expr]) -> set[str]:
    return {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}


def _files_of(found: Mapping[str, _Report], root: Path, room: str) -> list[_Report]:
    inside = root / room
    return [each for name, each in found.items() if (root / name).resolve().is_relative_to(inside)]
