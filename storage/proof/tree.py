"""Merkle trees as RFC 6962 defines them: one hash for a list, and short proofs of its members.

    leaf = SHA-256( 00 ‖ data )        node = SHA-256( 01 ‖ left ‖ right )

A node without a neighbour goes up as it is, so that the left part of a tree is always full.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

# Two to the 40 leaves; no honest tree is deeper, and no proof longer.
MAX_DEPTH: Final = 40

_LEAF: Final = b"\0"
_NODE: Final = b"\1"


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the leaves' data, in this order; SHA-256 of nothing for none."""
    level = [_leaf(data) for data in leaves]
    if not level:
        return hashlib.sha256().digest()
    while len(level) > 1:
        level = _above(level)
    return level[0]


def paths_of(leaves: Sequence[bytes], wanted: Sequence[int]) -> list[list[bytes]]:
    """Return the proof of each leaf whose place is wanted: its neighbours on the way up."""
    paths: list[list[bytes]] = [[] for _ in wanted]
    level, places = [_leaf(data) for data in leaves], list(wanted)
    while len(level) > 1:
        for path, place in zip(paths, places, strict=True):
            if place ^ 1 < len(level):
                path.append(level[place ^ 1])
        level, places = _above(level), [place // 2 for place in places]
    return paths


def climbed(data: bytes, place: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a proof leads to; None where it fits no tree of ``count`` leaves."""
    if not 0 <= place < count or len(path) > MAX_DEPTH:
        return None
    last, above = count - 1, _leaf(data)
    for neighbour in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            above = _node(neighbour, above)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            above = _node(above, neighbour)
        place, last = place >> 1, last >> 1
    return above if last == 0 else None


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node(left, right) for left, right in pairs]
    return [*above, level[-1]] if len(level) % 2 else above


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(_LEAF + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
