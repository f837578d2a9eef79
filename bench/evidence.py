"""How long a package of evidence takes to verify, and whether every change of a byte is found.

    .venv/bin/python bench/evidence.py --days 30 --units 4 --keep month.zip
    .venv/bin/python bench/evidence.py --package month.zip --changes 1000

A line's meters report once a minute; its treatment is off for all but the first and last hours.
Frames are made one by one by the codec's encoder, which takes minutes; --keep spares them later.
"""

import argparse
import gc
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from tests.storage.proof.scene import DAY_MIN, Plot, Scene

from wattwarden.storage.proof.verify import verify

ROUNDS: Final = 3


def made(days: int, units: int) -> bytes:
    """Make the package about an alarm of so many days."""
    half = max(1, units // 2)
    names = tuple(f"p{number}" for number in range(half)) + tuple(
        f"t{number}" for number in range(max(1, units - half))
    )
    plot = Plot(names, 60, days + 1, (600, days * DAY_MIN + 300), 0)
    with tempfile.TemporaryDirectory() as folder:
        return Scene(Path(folder), plot).package()


def timed(data: bytes) -> None:
    """Verify the package some times, and print how long each took."""
    for _ in range(ROUNDS):
        gc.disable()
        began, spent = time.monotonic(), time.process_time()
        report = verify(data)
        wall, cpu = time.monotonic() - began, time.process_time() - spent
        gc.enable()
        said = "verified" if report.is_whole else "NOT verified"
        print(
            f"{said} in {wall:.1f} s, {cpu:.1f} s of CPU: {len(data) / 2**20:.0f} MiB", flush=True
        )


def changed(data: bytes, count: int, seed: str) -> int:
    """Change a byte so many times; return how often nobody found it."""
    chance = random.Random(seed)
    unseen = 0
    for _ in range(count):
        place, other = chance.randrange(len(data)), chance.randrange(1, 256)
        other_data = data[:place] + bytes([data[place] ^ other]) + data[place + 1 :]
        if verify(other_data).is_whole:
            unseen += 1
            print(f"byte {place} ^ {other} was not found", flush=True)
    print(f"{count} changes of a byte, seed {seed}: {count - unseen} found")
    return unseen


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description="Packages of evidence: time, changes.")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--units", type=int, default=4)
    parser.add_argument("--package", type=Path, help="this one instead of a new one")
    parser.add_argument("--keep", type=Path, help="write the package here")
    parser.add_argument("--changes", type=int, default=0)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    given = parser.parse_args()
    data = given.package.read_bytes() if given.package else made(given.days, given.units)
    if given.keep is not None:
        given.keep.write_bytes(data)
    timed(data)
    return 1 if given.changes and changed(data, given.changes, given.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
