"""What comparisons with other people's decoders share: the command line, and what is looked for."""

import argparse
import secrets
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TypeAlias, TypeVar

Oracle = TypeVar("Oracle")
Counts: TypeAlias = Counter[str]


class Difference(Exception):  # noqa: N818  # what is looked for, no error of the script
    """What the two say differs, and no reason is known."""


def run(
    title: str,
    package: str,
    make: Callable[[], Oracle],
    compare: Callable[[Oracle, Random, Counts], None],
) -> int:
    """Compare as many frames as are asked for; return the exit status.

    Args:
        title: What is compared, for ``--help``.
        package: What to install when ``make`` does not find it.
        make: Gives the other one.
        compare: Compares a frame or several, and counts them as ``frames``.  Raises Difference.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    given = parser.parse_args()
    try:
        oracle = make()
    except ImportError:
        print(f"the package to compare with is missing: pip install {package}")
        return 2
    rng = Random(given.seed)
    counts: Counts = Counter()
    try:
        while counts["frames"] < given.frames:
            compare(oracle, rng, counts)
    except Difference as difference:
        print(f"seed {given.seed}, after {counts['frames']} frames: {difference}")
        return 1
    print(f"seed {given.seed}: no difference; {dict(counts)}")
    return 0
