"""The pieces of an APDU that comes in fragments, kept until the last one is there.

first ─► middle … ─► last ─► all before it
"""

from typing import Final

from wattwarden.codecs.dlt698.frame import CONFIRMATION, FIRST, LAST, Link

# The longest APDU that meters announce is 16 KiB, and it is kept until its last piece came.
MOST_JOINED_BYTES: Final = 16_384


class Pieces:
    """The fragments that one peer sends, one APDU after another."""

    __slots__ = ("_pieces", "_whole")

    def __init__(self) -> None:
        self._pieces: dict[int, bytes] | None = None
        self._whole: tuple[int, bytes] | None = None

    def join(self, link: Link) -> bytes:
        """Keep a piece; return all pieces before the last one when it came, b"" otherwise.

        One that comes again, as its confirmation was lost, changes nothing.
        """
        number, place = link.number, link.place
        if place == FIRST:
            self._pieces, self._whole = {number: link.apdu}, None
        if place == LAST and self._whole is not None and self._whole[0] == number:
            return self._whole[1]
        pieces = self._pieces
        if pieces is None or place in (FIRST, CONFIRMATION):
            return b""
        before = b"".join(pieces.values())
        if place == LAST:
            self._pieces, self._whole = None, (number, before)
            return before
        pieces.setdefault(number, link.apdu)
        if len(before) + len(link.apdu) > MOST_JOINED_BYTES:
            self._pieces = None
        return b""
