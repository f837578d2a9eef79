"""The little of DER that time-stamps need: elements read with their bounds, and written.

tag ‖ length ‖ content          lengths are definite and the shortest, tags have one byte
"""

from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
OID: Final = 0x06
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0: Final = 0xA0

_LONG: Final = 0x80
# Four bytes of length are more than any token has.
_MAX_LENGTH_BYTES: Final = 4


class DerError(ValueError):
    """Bytes are no DER of the kind that is looked for."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element: its tag, what it holds, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes

    def of(self, tag: int) -> "Element":
        """Return it; DerError where its tag is another."""
        if self.tag != tag:
            message = f"tag {tag:#x} is due, got {self.tag:#x}"
            raise DerError(message)
        return self

    def members(self) -> list["Element"]:
        """Return what a constructed element holds, in order; DerError where it holds none."""
        found: list[Element] = []
        rest = self.content
        while rest:
            found.append(first(rest))
            rest = rest[len(found[-1].whole) :]
        return found


def first(data: bytes) -> Element:
    """Return the element at the beginning of some bytes; DerError where there is none."""
    if len(data) < 2:
        raise DerError("an element ends before its length")
    size, at = data[1], 2
    if size >= _LONG:
        count = size - _LONG
        at += count
        if not 0 < count <= _MAX_LENGTH_BYTES or len(data) < at:
            raise DerError("a length of a kind that DER does not have")
        size = int.from_bytes(data[2:at], "big")
    if at + size > len(data):
        raise DerError("an element is longer than what holds it")
    return Element(data[0], data[at : at + size], data[: at + size])


def written(tag: int, content: bytes) -> bytes:
    """Return an element's bytes."""
    size = len(content)
    if size < _LONG:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG + len(length)]) + length + content


def integer(value: int) -> bytes:
    """Return a number that is not negative as an INTEGER."""
    return written(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
