"""What is said to a meter of DL/T 645 that dials in by itself: nothing, it answers when asked."""

from typing import Final

from wattwarden.codecs.dlt645.frame import begin_of, meter_of, parts_of
from wattwarden.codecs.dlt645.functions import REPLY
from wattwarden.protocol.codec import NOTHING_ASKED, Batch, ProfileOf

# Polled every 1 to 15 minutes; two polls without an answer and some more.
DEFAULT_IDLE_S: Final = 1800.0


class Dlt645Dialogue:
    """Learns who answers; whoever polls brings the questions."""

    __slots__ = ("identity", "idle_limit_s")
    asked = NOTHING_ASKED

    def __init__(self, _profile_of: ProfileOf) -> None:
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def receive(self, frames: list[bytes], now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Take the address of the first meter that answers."""
        if self.identity is None:
            for frame in frames:
                parts = parts_of(frame, begin_of(frame))
                if parts.control & REPLY:
                    self.identity = meter_of(parts.address)
        return b""

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Nothing is asked here."""
        return b""

    def next_deadline(self) -> int | None:
        """Nothing is asked here."""
        return None


def acknowledge(batch: Batch) -> list[bytes]:
    """Nothing is acknowledged to these meters."""
    return [b""] * len(batch)
