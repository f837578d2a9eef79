"""Random values of A-XDR pieces, for whoever compares what is made of their bytes."""

from collections.abc import Mapping
from io import BytesIO
from random import Random
from typing import Any, Final

import construct as cs

from wattwarden.protocol.axdr import Choice, Leaf, Listed, Maybe, Nothing, Record, Tagged
from wattwarden.protocol.axdr_values import Bits, Boolean, Float, Hex, Number, Octets, Text

MOST_ITEMS: Final = 4
DEEPEST: Final = 3

Special = Mapping[int, Any]
"""How pieces are made that draw their values otherwise: a function of Random by ``id``."""


def draw(  # noqa: PLR0911  # a case for each kind of piece
    piece: Any, rng: Random, special: Special, depth: int = 0
) -> Any:
    """Return a random value that a piece can write."""
    while isinstance(piece, cs.Renamed):
        piece = piece.subcon
    made = special.get(id(piece))
    if made is not None:
        return made(rng)
    if isinstance(piece, Record):
        return {str(part.name): draw(part, rng, special, depth) for part in piece.subcons}
    if isinstance(piece, Listed):
        count = rng.randrange(1, MOST_ITEMS)
        return [draw(piece.piece, rng, special, depth + 1) for _ in range(count)]
    if isinstance(piece, Choice):
        name, inner = rng.choice(list(piece.choices.values()))
        return {name: draw(inner, rng, special, depth)}
    if isinstance(piece, Maybe):
        return draw(piece.piece, rng, special, depth) if rng.random() < 0.3 else None
    if isinstance(piece, Tagged):
        return _tagged(piece, rng, special, depth)
    return _leaf(piece, rng)


def _tagged(piece: Tagged, rng: Random, special: Special, depth: int) -> Any:
    types = [
        (name, inner)
        for name, inner in piece.types.values()
        if depth < DEEPEST or isinstance(inner, Leaf)
    ]
    name, inner = rng.choice(types)
    value = draw(inner, rng, special, depth + 1)
    return None if isinstance(inner, Nothing) else {name: value}


def _leaf(piece: Any, rng: Random) -> Any:  # noqa: PLR0911  # a case for each kind of piece
    """Draw a value of a simple piece: what its own reader makes of random bytes."""
    match piece:
        case Nothing():
            return None
        case Boolean():
            return rng.random() < 0.5
        case Number():
            size = piece.format.size
            return piece.format.unpack(rng.choice((rng.randbytes(size), b"\xff" * size)))[0]
        case Float():
            return rng.choice((0.0, 1.5, -2.25, 220.1, 1e-3))
        case Octets():
            return rng.randbytes(rng.choice((0, 1, 4, 6, 130))).hex()
        case Hex():
            return rng.randbytes(piece.size).hex().upper()
        case Text():
            return "".join(rng.choice("abcXYZ 019-_") for _ in range(rng.randrange(12)))
        case Bits():
            size = rng.randrange(1, 40) if piece.size is None else piece.size
            return "".join(rng.choice("01") for _ in range(size))
        case Leaf():
            # A length, or the first byte of a time.
            return piece.get(BytesIO(bytes([rng.randrange(1, 8)]) + rng.randbytes(40)))
    message = f"nobody says how to draw a value of {piece!r}"
    raise TypeError(message)
