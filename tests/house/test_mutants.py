"""Mutants: what is changed, that the sample stays, and what becomes of a trial."""

import ast
import gc
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bench.mutation import page
from bench.mutation.changes import replacements
from bench.mutation.mutants import Mutant, mutated, sample, unchanged
from bench.mutation.page import Known, Result, Tried, render
from bench.mutation.swap import Loaded
from bench.mutation.trial import ENDED, KILLED, SURVIVED, Verdict, limit_cpu, try_alone

from wattwarden.protocol.spread import Spread

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = '''
"""Words."""
LIMIT: int = 3
WORDS = {1: "一"}

def cut(data: bytes, most: int = 8) -> bytes:
    """Cut."""
    if len(data) > most:
        raise ValueError(f"{most + 1} at most")
    return data[1:most]
'''


def stead(text: str) -> set[str]:
    tree = ast.parse(text)
    nodes = (node for node in ast.walk(tree))
    return {ast.unparse(new) for node in nodes for new in replacements(node)}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a is None", {"a is not None"}),
        ("a + b", {"a - b"}),
        ("a and b", {"a or b"}),
        ("not a", {"a"}),
        ("7", {"8", "6"}),
        ("True", {"False"}),
        ("a[b:c]", {":c", "b:"}),
        ("x = f(a, b)", {"f(b, a)"}),
        ("x = min(a, b)", {"max(a, b)"}),
        ("f(a)", {"pass"}),
        ("a.b = c", {"pass"}),
        ("a = b", set()),
        ("a if b else c", {"a if not b else c"}),
        ("[a for a in b if a]", {" for a in b if not a"}),
        ("return a", {"return None"}),
        ("a += b", {"a -= b", "pass"}),
    ],
)
def test_every_kind_of_place_is_changed(text: str, changed: set[str]) -> None:
    assert stead(text) == changed


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "cutting.py").write_text(PROGRAM)
    return tmp_path


def test_a_sample_leaves_alone_what_people_and_the_type_checker_read(tree: Path) -> None:
    drawn = sample(tree, "room", "s", 100)
    assert {(one.function, one.inside, one.becomes) for one in drawn} == {
        ("", False, "LIMIT: int = 4"),
        ("", False, "LIMIT: int = 2"),
        ("cut", False, "def cut(data: bytes, most: int=9) -> bytes:…"),
        ("cut", False, "def cut(data: bytes, most: int=7) -> bytes:…"),
        ("cut", True, "if len(data) >= most:…"),
        ("cut", True, "if len(data) <= most:…"),
        ("cut", True, "pass"),
        ("cut", True, "return None"),
        ("cut", True, "return data[2:most]"),
        ("cut", True, "return data[0:most]"),
        ("cut", True, "return data[:most]"),
        ("cut", True, "return data[1:]"),
    }


def test_a_sample_stays_the_same_when_lines_are_added(tree: Path) -> None:
    before = [one.key for one in sample(tree, "room", "s", 5)]
    file = tree / "room" / "cutting.py"
    file.write_text(
        PROGRAM.replace("LIMIT", "NEW = 1\n\n\nLIMIT", 1).replace("NEW = 1", "NEW = ''")
    )
    assert [one.key for one in sample(tree, "room", "s", 5)] == before
    assert [one.key for one in sample(tree, "room", "t", 5)] != before


def test_a_mutant_is_another_program_and_none_is_written(tree: Path) -> None:
    (mutant,) = (one for one in sample(tree, "room", "s", 100) if "[2:" in one.becomes)
    for chosen, cut in ((mutant, b"cd"), (unchanged(mutant), b"bcd")):
        namespace: dict[str, object] = {}
        exec(mutated(tree, chosen.file, chosen.number, "x"), namespace)  # noqa: S102  # our own
        assert namespace["cut"](b"abcd") == cut  # type: ignore[operator]  # a function
    assert (tree / "room" / "cutting.py").read_text() == PROGRAM


def test_a_running_program_becomes_a_mutant_in_a_trial_alone(tmp_path: Path) -> None:
    (tmp_path / "protocol").mkdir()
    shutil.copy(ROOT / "protocol/spread.py", tmp_path / "protocol")
    drawn = sample(tmp_path, "protocol", "s", 100)
    (mutant,) = (one for one in drawn if one.becomes.endswith("(self.bounds, value)] -= times"))

    def counted() -> list[int]:
        spread = Spread((1, 2))
        spread.note(2)
        return spread.counts

    def trial() -> tuple[str, str]:
        gc.freeze()
        Loaded(ROOT).put(mutant)
        return (KILLED, str(counted()))

    assert try_alone(7, trial) == Verdict(7, KILLED, "[0, -1, 0]")
    assert counted() == [0, 1, 0]


def test_what_a_trial_comes_to_is_told() -> None:
    def hangs() -> tuple[str, str]:
        limit_cpu(0.05)
        while True:
            pass

    def breaks() -> tuple[str, str]:
        raise KeyboardInterrupt

    assert try_alone(1, lambda: (SURVIVED, "")) == Verdict(1, SURVIVED)
    assert try_alone(2, lambda: (KILLED, "tests/x.py::y")) == Verdict(2, KILLED, "tests/x.py::y")
    assert try_alone(3, hangs) == Verdict(3, ENDED)
    assert try_alone(4, breaks) == Verdict(4, KILLED)


def test_the_page_tells_of_each_that_is_alive_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def mutant(number: int) -> Mutant:
        lines = (number, number)
        return Mutant("room/a.py", number, "f", True, lines, lines, f"x | {number}", "x")  # noqa: FBT003  its fields, in order

    monkeypatch.setattr(page, "read_alive", lambda: [Known(*mutant(1).key, why="it is the same")])
    tried = [Tried(mutant(n), outcome, "", 3) for n, outcome in enumerate((KILLED, SURVIVED))]
    result = Result("s", datetime(2026, 11, 23, tzinfo=UTC), {"room": 9}, tried, {}, [])
    text = render(result)
    assert "| room/a.py:1 f | `x \\| 1` | `x` | it is the same |" in text
    assert "| room | 9 | 2 | 1 | 0 | 1 | 50.0% |" in text
    assert result.score("room") == 0.5
