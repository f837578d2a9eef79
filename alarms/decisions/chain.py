"""The chain of decisions: each one's digest seals it together with all before it.

    digest = SHA-256( predecessor's digest ‖ canonical JSON of the decision )

Canonical JSON has sorted keys and no spaces, and one way to write each number, so that a body gives
the same bytes after a database has kept it as ``jsonb``.
"""

import hashlib
import math
from typing import Any, Final

import msgspec

# What the first decision of a chain refers to.
FIRST_PREDECESSOR: Final = bytes(32)
# Up to here every integer has a float of its own.
_EXACT_INTEGERS: Final = 2**53


def canonical(value: Any) -> bytes:
    """Write a value as canonical JSON; structs as objects, moments in RFC 3339.

    Raises:
        ValueError: A number is not finite, or a text holds a NUL, which no database keeps.

    >>> canonical({"b": 1.0, "a": [0.5, None]})
    b'{"a":[0.5,null],"b":1}'
    """
    plain = msgspec.to_builtins(value, str_keys=True)
    return msgspec.json.encode(_normal(plain), order="sorted")


def sealed(predecessor: bytes, content: Any) -> bytes:
    """Return the digest of a decision's content, sealed together with its predecessor's digest."""
    return hashlib.sha256(predecessor + canonical(content)).digest()


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {_normal(key): _normal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    if isinstance(value, str) and "\0" in value:
        message = "a text holds a NUL"
        raise ValueError(message)
    return _number(value) if isinstance(value, float | int) else value


def _number(value: float) -> float:
    """Whole numbers as integers while every one has a float of its own, the rest as floats."""
    if isinstance(value, bool):
        return value
    if not math.isfinite(value):
        message = f"{value} is no number that can be kept"
        raise ValueError(message)
    if abs(value) <= _EXACT_INTEGERS and value == int(value):
        return int(value)
    return float(value)
