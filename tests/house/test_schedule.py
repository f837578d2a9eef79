"""The order in which several workers take the tests."""

from pathlib import Path

import pytest
from tests.schedule import LONG_S, spread

TESTS = Path(__file__).resolve().parents[1]
LONG = sorted(LONG_S, key=lambda name: -LONG_S[name])


def test_every_module_that_is_said_to_take_long_is_there() -> None:
    assert [name for name in LONG_S if not (TESTS / name).is_file()] == []


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_each_worker_begins_with_long_modules_and_none_is_lost(workers: int) -> None:
    modules = [*(f"short/{number}.py" for number in range(200)), *(LONG * 2)]
    items = [(number, module) for number, module in enumerate(modules)]
    ordered = spread(items, modules, workers)
    assert sorted(ordered) == sorted(items)
    starts, rest = [], ordered
    for left in range(workers, 0, -1):
        starts.append(rest[: len(rest) // left])
        rest = rest[len(rest) // left :]
    kinds = ["".join("L" if module in LONG_S else "s" for _, module in part) for part in starts]
    assert all("sL" not in kind for kind in kinds)
    loads = [sum(LONG_S.get(module, 0) for _, module in part) for part in starts]
    assert max(loads) - min(loads) <= 2 * LONG_S[LONG[0]]
    for part in starts:
        long = [module for _, module in part if module in LONG_S]
        assert all(long[at] == long[at + 1] for at in range(0, len(long) - 1, 2))


def test_what_is_short_keeps_its_order() -> None:
    modules = ["a/b.py", LONG[0], "a/c.py", "d/e.py", LONG[1]]
    ordered = spread(modules, modules, 2)
    assert [name for name in ordered if name not in LONG_S] == ["a/b.py", "a/c.py", "d/e.py"]
    assert ordered[0] == LONG[0]
    assert ordered[2] == LONG[1]
