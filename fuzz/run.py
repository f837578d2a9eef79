"""Seeded runs without coverage: ``python fuzz/run.py [TARGET …] [--executions N] [--seed S]``.

One storm of a long run again: ``python fuzz/run.py TARGET --seed S --storm N``.
One input again: ``python fuzz/run.py TARGET --hex 7B7B…`` or ``--file fuzz/corpus/…``; with
``--vector`` the line that makes a vector of it.
"""

import argparse
import hashlib
import json
import secrets
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.harness import Finding, Target, attempt, smoke
from fuzz.storm import storms

SCRIPTS: Final = frozenset({"run", "long", "guided"})
COMPARISON: Final = "against_"  # scripts that need a package which is no dependency


def load_targets() -> dict[str, Target]:
    """Return every target by name: each module beside this one that defines ``TARGET``."""
    targets = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in SCRIPTS and not path.stem.startswith(COMPARISON):
            target = getattr(import_module(f"fuzz.{path.stem}"), "TARGET", None)
            if isinstance(target, Target):
                targets[target.name] = target
    return targets


def vector_line(codec: str, data: bytes) -> str:
    """Return the beginning of a vector; what is expected of it, the source has to say."""
    name = hashlib.sha256(data).hexdigest()[:8]
    vector = {
        "id": f"{codec}-fuzz-{name}", "kind": "?", "source": "found by fuzzing", "hex": data.hex(),
        "accept": False, "error": "?", "meter": None, "at": None, "fields": {}, "readings": [],
        "reply": None, "unprotected": [],
    }  # fmt: skip
    return json.dumps(vector)


def run_seeded(targets: list[Target], executions: int, seed: str) -> int:
    """Run each target and print what came of it; return how many failed."""
    failed = 0
    for target in targets:
        began = time.monotonic()
        try:
            smoke(target, executions, seed)
        except Finding as finding:
            failed += 1
            cause = finding.__cause__
            print(f"{target.name}: {type(cause).__name__}: {cause}\n{finding}", flush=True)
            continue
        spent_s = time.monotonic() - began
        print(
            f"{target.name}: {executions} executions, seed {seed}, {spent_s:.1f} s,"
            f" {executions / spent_s:.0f} a second",
            flush=True,
        )
    return failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Seeded runs of the fuzz targets.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all when none is named")
    parser.add_argument("--executions", type=int, default=20_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--hex", type=bytes.fromhex, help="run this input alone")
    parser.add_argument("--file", type=Path, help="run the bytes of this file alone")
    parser.add_argument("--storm", type=int, help="run this storm of the seed alone")
    parser.add_argument("--vector", action="store_true", help="print it as a vector instead")
    return parser.parse_args()


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    given = _arguments()
    known = load_targets()
    names = given.targets or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such target: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    if given.storm is not None:
        for name in names:
            inputs = next(storms(known[name], given.seed, given.storm))
            print(f"{name}: storm {given.storm} of seed {given.seed}, {inputs} inputs: holds")
        return 0
    data = given.file.read_bytes() if given.file is not None else given.hex
    if data is None:
        return 1 if run_seeded([known[name] for name in names], given.executions, given.seed) else 0
    if given.vector:
        print(vector_line(names[0], data))
        return 0
    for name in names:
        attempt(known[name], data, "none")
        print(f"{name}: holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
