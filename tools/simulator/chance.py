"""Randomness that is looked up, not consumed: the same words always give the same numbers.

(seed, words…) ─ BLAKE2 ─► key of Philox;  the counter is the place in time
"""

import hashlib
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# One Philox counter gives 256 bits: a word of 64 for each of four slots.
SLOTS_A_COUNTER: Final = 4
_BUFFER_EMPTY: Final = 4


@lru_cache(maxsize=65_536)
def key_of(seed: int, *words: str | int) -> int:
    """Return 64 bits that stand for these words."""
    text = "\0".join(map(str, (seed, *words)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def stream(seed: int, *words: str | int) -> np.random.Generator:
    """Return the generator of these words, at its beginning."""
    text = "\0".join(map(str, (seed, *words)))
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, np.uint64)))


def share(seed: int, *words: str | int) -> float:
    """Return one number in [0, 1) for these words."""
    return key_of(seed, *words) / 2.0**64


class Numbers:
    """Looks numbers up by key and slot; one generator is moved about, as making one costs 20 µs."""

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._state: Any = self._bits.state

    def at(self, key: int, first: int, slots: int) -> NDArray[np.uint64]:
        """Return 64 random bits for each slot from ``first`` on.

        A slot has the same bits in whatever stretch it is asked for.
        """
        counter, skipped = divmod(first, SLOTS_A_COUNTER)
        inner = self._state["state"]
        inner["key"][0] = key
        inner["counter"][:] = (counter, 0, 0, 0)
        self._state["buffer_pos"] = _BUFFER_EMPTY
        self._bits.state = self._state
        bits: NDArray[np.uint64] = self._bits.random_raw(slots + skipped)
        return bits[skipped:]
