"""In which order several workers take the tests, so that all of them come to their end together.

xdist gives each worker an equal stretch of the list, and whoever is through takes from the ends of
others.  What takes long therefore stands at the beginnings, each module whole: what it started
serves all of its tests.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

# Seconds that modules take with two workers beside them, of those that take long or have a test
# that does.  A wrong number costs time, nothing else.
LONG_S: Final = {
    "integration/test_chaos.py": 70,
    "integration/test_up.py": 80,
    "integration/test_side.py": 55,
    "integration/test_hostile.py": 40,
    "integration/test_main_job.py": 35,
    "integration/test_operator.py": 35,
    "integration/test_asking.py": 30,
    "integration/test_latency.py": 30,
    "integration/test_warden.py": 30,
    "integration/test_archivist.py": 25,
    "integration/test_forward.py": 25,
    "integration/test_stories.py": 25,
    "integration/test_backup.py": 20,
    "integration/test_mixed.py": 20,
    "integration/test_doors.py": 15,
    "integration/test_courier.py": 10,
    "integration/test_ladder.py": 5,
    "console/pages/test_browser.py": 35,
    "console/api/test_described.py": 35,
    "server/test_backing.py": 15,
    "house/test_house.py": 25,
    "house/test_fuzz.py": 25,
    "alarms/channels/test_channels.py": 20,
}

T = TypeVar("T")


def spread(items: Sequence[T], modules: Sequence[str], workers: int) -> list[T]:
    """Return the items in another order: long modules first, shared out evenly.

    Args:
        items: Tests.
        modules: Of each item the path of its module beneath this folder.
        workers: How many share the list, each beginning with its own part of it.
    """
    long: dict[str, list[T]] = {}
    rest: list[T] = []
    for item, module in zip(items, modules, strict=True):
        (long.setdefault(module, []) if module in LONG_S else rest).append(item)
    ordered: list[T] = []
    for number, part in enumerate(_shared_out(long, workers)):
        # As xdist cuts: what does not divide evenly goes to the last.
        size = (len(items) - len(ordered)) // (workers - number)
        filling = max(size - len(part), 0)
        ordered += part + rest[:filling]
        del rest[:filling]
    return ordered + rest


def _shared_out(long: Mapping[str, list[T]], workers: int) -> list[list[T]]:
    """The longest first, each to whoever has least to do yet."""
    parts: list[list[T]] = [[] for _ in range(workers)]
    taken = [0] * workers
    for module in sorted(long, key=lambda name: (-LONG_S[name], name)):
        least = taken.index(min(taken))
        parts[least] += long[module]
        taken[least] += LONG_S[module]
    return parts
