"""Pushes want no answer; what is kept is who the meter is, and segments until the last came.

segment │ segment │ last ─► asked: the segments before it, so that it can be read alone
"""

from typing import Final

from wattwarden.codecs.dlms.apdu import body_of, read_or_none
from wattwarden.codecs.dlms.frame import apdu_begin, take_apart
from wattwarden.codecs.dlms.lists import address_of, entries
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Batch, ProfileOf
from wattwarden.protocol.errors import ProtocolError

# Lists are pushed each few seconds to each hour; three hours are a loss.
IDLE_LIMIT_S: Final = 10_800.0
# The longest APDU that is accepted in the wrapper, likewise in segments.
MOST_JOINED_BYTES: Final = 8192


class DlmsDialogue:
    """Learns who pushes, and joins segments."""

    __slots__ = ("_pieces", "asked", "identity", "idle_limit_s")

    def __init__(self, _profile_of: ProfileOf) -> None:
        self._pieces = b""
        self.identity: str | None = None
        self.idle_limit_s = IDLE_LIMIT_S
        self.asked: Asked = NOTHING_ASKED

    def receive(self, frames: list[bytes], now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Take frames in order; nothing is answered."""
        if self.asked is not NOTHING_ASKED:
            self.asked = NOTHING_ASKED
        asked: dict[int, bytes] = {}
        for index, frame in enumerate(frames):
            try:
                link = take_apart(frame)
            except ProtocolError:
                continue
            if link.segmented:
                joined = self._pieces + link.information
                self._pieces = joined if len(joined) <= MOST_JOINED_BYTES else b""
                continue
            before, self._pieces = (self._pieces, b"") if link.information else (b"", self._pieces)
            if before and not apdu_begin(link.information):
                asked[index] = before
            else:
                before = b""
            if self.identity is None:
                self._identify(before + link.information)
        if asked:
            self.asked = asked
        return b""

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's; nothing is polled
        """Return nothing."""
        return b""

    def next_deadline(self) -> int | None:
        """Return None."""
        return None

    def _identify(self, information: bytes) -> None:
        apdu = read_or_none(information[apdu_begin(information) :])
        if apdu is not None:
            self.identity = address_of(entries(body_of(apdu)))


def acknowledge(batch: Batch) -> list[bytes]:
    """Answer nothing: a push is not confirmed."""
    return [b""] * len(batch)
