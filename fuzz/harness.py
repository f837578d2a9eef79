"""What all targets share: seeds out of the vectors, mutators, and the seeded run.

vectors → seeds → mutate → mend the checksums → Target.run → nothing, or a Finding
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from fuzz.contract import Wire

ROOT: Final = Path(__file__).resolve().parents[1]
VECTORS: Final = ROOT / "tests" / "vectors"
# Two of the longest frames there are and some more: beyond, inputs only get slower.
MAX_INPUT_BYTES: Final = 10_000
# Each attempt runs the target once; what is still long then is read by people as it is.
MAX_SHRINK_ATTEMPTS: Final = 400

Mend = Callable[[bytes, Random], bytes]
"""Makes checksums and lengths fit again, so that a mutation gets past them."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser under test.

    ``run`` takes any bytes and raises when the invariant is broken; it reads no clock and draws no
    lots but from its input, so that an input fails again when it is run again.  ``tokens`` are
    bytes that mean something to the parser; ``wire`` is the codec, where it is one.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mend: Mend
    tokens: tuple[bytes, ...] = ()
    wire: Wire | None = None


class Finding(Exception):  # noqa: N818  # what fuzzing is for, no error of the harness
    """An input for which a target's invariant does not hold."""

    def __init__(self, target: Target, data: bytes, seed: object) -> None:
        self.data = data
        super().__init__(
            f"{target.name}, seed {seed}, {len(data)} bytes: {data.hex()}\n"
            f"again: .venv/bin/python fuzz/run.py {target.name} --hex {data.hex()}"
        )


class NoSeedsError(Exception):
    """The vectors are not there, so that a run would prove nothing."""


def read_vectors(codec: str) -> list[dict[str, Any]]:
    """Return the vectors of a codec.

    Raises:
        NoSeedsError: there are none.
    """
    path = VECTORS / f"{codec}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    vectors = [json.loads(line) for line in lines if line.strip()]
    if not vectors:
        message = f"no seeds in {path.relative_to(ROOT)}"
        raise NoSeedsError(message)
    return vectors


def read_seeds(*codecs: str) -> list[bytes]:
    """Return the frames of the vectors of some codecs.  Raises NoSeedsError when one has none."""
    return [bytes.fromhex(vector["hex"]) for codec in codecs for vector in read_vectors(codec)]


def smoke(target: Target, executions: int, seed: object) -> None:
    """Run the seeds as they are, then ``executions`` mutations of them.

    Raises:
        Finding: the invariant does not hold; the input is made shorter where it still fails.
        NoSeedsError: there is nothing to begin with.
    """
    seeds = target.seeds()
    if not seeds:
        message = f"no seeds for {target.name}"
        raise NoSeedsError(message)
    rng = Random(f"{seed}/{target.name}")
    for data in seeds:
        attempt(target, data, seed)
    for _ in range(executions):
        attempt(target, mutate(rng.choice(seeds), seeds, target, rng), seed)


def attempt(target: Target, data: bytes, seed: object) -> None:
    """Run one input.  Raises Finding, from what the target raised."""
    error = failure(target, data)
    if error is not None:
        data, error = shrink(target, data, error)
        raise Finding(target, data, seed) from error


def failure(target: Target, data: bytes) -> Exception | None:
    """Return what a target raises on an input, None when its invariant holds."""
    try:
        target.run(data)
    except Exception as error:  # noqa: BLE001  # whatever it is, it breaks the invariant
        return error
    return None


def shrink(target: Target, data: bytes, error: Exception) -> tuple[bytes, Exception]:
    """Leave out stretches, long ones first, as long as the target fails by the same type."""
    attempts = 0
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data) and attempts < MAX_SHRINK_ATTEMPTS:
            shorter = data[:at] + data[at + size :]
            attempts += 1
            other = failure(target, shorter)
            if type(other) is type(error) and other is not None:
                data, error = shorter, other
            else:
                at += size
        size //= 2
    return data, error


# --- mutators -------------------------------------------------------------------------------------

Bytes = Sequence[bytes]


def mutate(data: bytes, seeds: Sequence[bytes], target: Target, rng: Random) -> bytes:
    """Change an input in one to four places; three times out of four, mend what proves it sound."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(_MUTATORS)(data, seeds, target.tokens, rng)
    data = data[:MAX_INPUT_BYTES]
    return target.mend(data, rng)[:MAX_INPUT_BYTES] if rng.random() < 0.75 else data


def _stretch(data: bytes, rng: Random) -> tuple[int, int]:
    """Choose a stretch, a short one more often than a long one."""
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.choice((1, 1, 2, 4, 8, 20, 64, 300)))


def _flip(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwrite(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    begin, end = _stretch(data, rng)
    fill = rng.choice((b"\0", b"\xff", b" ", b"9", b"#", b"{", b"}", rng.randbytes(1)))
    return data[:begin] + fill * (end - begin) + data[end:]


def _scramble(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    begin, end = _stretch(data, rng)
    return data[:begin] + rng.randbytes(end - begin) + data[end:]


def _delete(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    begin, end = _stretch(data, rng)
    return data[:begin] + data[end:]


def _duplicate(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    begin, end = _stretch(data, rng)
    return data[:end] + data[begin:end] * rng.choice((1, 1, 2, 5)) + data[end:]


def _truncate(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] if rng.random() < 0.7 else data[at:]


def _splice(data: bytes, seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _graft(data: bytes, seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    other = rng.choice(seeds)
    begin, end = _stretch(other, rng)
    at = rng.randrange(len(data) + 1)
    return data[:at] + other[begin:end] + data[at:]


def _join(data: bytes, seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    return rng.choice((data + rng.choice(seeds), rng.choice(seeds) + data, data + data))


def _token(data: bytes, _seeds: Bytes, tokens: Bytes, rng: Random) -> bytes:
    if not tokens:
        return data
    at = rng.randrange(len(data) + 1)
    token = rng.choice(tokens)
    return data[:at] + token + data[at + rng.choice((0, len(token))) :]


def _number(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    """Write another number where digits stand: lengths, months, part numbers."""
    places = [at for at, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    if not places:
        return data
    begin = end = rng.choice(places)
    while end < len(data) and 0x30 <= data[end] <= 0x39:
        end += 1
    width = end - begin
    number = rng.choice((0, 1, 2, 13, 60, 99, 9999, rng.randrange(10**width)))
    return data[:begin] + str(number).zfill(width).encode() + data[end:]


def _count(data: bytes, _seeds: Bytes, _tokens: Bytes, rng: Random) -> bytes:
    """Add a little to a byte: counts and lengths that are off by one."""
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([(data[at] + rng.choice((-2, -1, 1, 2))) & 0xFF]) + data[at + 1 :]


_MUTATORS: Final = (
    _flip, _overwrite, _scramble, _delete, _duplicate, _truncate,
    _splice, _graft, _join, _join, _token, _number, _count,
)  # fmt: skip
