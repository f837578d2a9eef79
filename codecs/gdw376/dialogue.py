"""What is said to terminals of Q/GDW 376.1 at once: login, heartbeat and logout are confirmed."""

from typing import Final

from wattwarden.codecs.gdw376.answers import confirmation, wants_confirmation
from wattwarden.codecs.gdw376.frame import meter_of, parts_of
from wattwarden.codecs.gdw376.kinds import LINK
from wattwarden.protocol.codec import NOTHING_ASKED, ProfileOf

# Heartbeats come every 1 to 15 minutes, as F1 of the parameters says; two of the slowest.
DEFAULT_IDLE_S: Final = 1800.0


class Gdw376Dialogue:
    """Confirms what keeps the connection; data are confirmed once they are stored."""

    __slots__ = ("_profile_of", "identity", "idle_limit_s")
    asked = NOTHING_ASKED

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def receive(self, frames: list[bytes], now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Take the terminal's address, and answer link tests that want it."""
        out = b""
        for frame in frames:
            parts = parts_of(frame)
            if self.identity is None and parts.is_up:
                self.identity = meter_of(parts)
            if parts.afn == LINK and wants_confirmation(parts):
                out += confirmation(parts, self._profile_of)
        return out

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Nothing is asked here: terminals report by themselves."""
        return b""

    def next_deadline(self) -> int | None:
        """Nothing is asked here."""
        return None
