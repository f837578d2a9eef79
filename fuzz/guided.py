"""One target under atheris: ``python fuzz/guided.py TARGET [libFuzzer's arguments]``.

``fuzz/long.py`` starts it, for one target after the other, and tells what came of it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import atheris
from fuzz.harness import Target, mutate
from fuzz.run import load_targets


def make_mutator(target: Target) -> Callable[[bytes, int, int], bytes]:
    """Return what changes an input: half of the time by our own mutators, else by libFuzzer's."""
    seeds = target.seeds()

    def change(data: bytes, most_bytes: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.5:
            return mutate(data, seeds, target, rng)[:most_bytes]
        changed = bytes(atheris.Mutate(data, most_bytes))
        return target.mend(changed, rng)[:most_bytes] if rng.random() < 0.5 else changed

    return change


def main() -> None:
    """Fuzz until libFuzzer's arguments say to stop, or something breaks the invariant."""
    with atheris.instrument_imports(include=["wattwarden"]):
        target = load_targets()[sys.argv[1]]
    arguments = [sys.argv[0], *sys.argv[2:]]
    atheris.Setup(arguments, target.run, custom_mutator=make_mutator(target))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
