"""What is said to terminals of Q/GDW 376.1 at once: login, heartbeat and logout are confirmed."""

from collections.abc import Mapping
from typing import Final

from wattwarden.codecs.gdw376.answers import confirmation, wants_confirmation
from wattwarden.codecs.gdw376.commands import plan_of
from wattwarden.codecs.gdw376.frame import meter_of, parts_of
from wattwarden.codecs.gdw376.kinds import LINK
from wattwarden.protocol.asking import Asking
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, ProfileOf
from wattwarden.protocol.line import Line

# Heartbeats come every 1 to 15 minutes, as F1 of the parameters says; two of the slowest.
DEFAULT_IDLE_S: Final = 1800.0


class Gdw376Dialogue(Asking):
    """Confirms what keeps the connection; data are confirmed once they are stored."""

    __slots__ = ("_profile_of", "asked", "identity", "idle_limit_s")

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self.line: Line | None = Line(plan_of)
        self.asked: Asked = NOTHING_ASKED
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take the terminal's address, answer link tests that want it, and ask what is due."""
        out = b""
        for frame in frames:
            parts = parts_of(frame)
            if self.identity is None and parts.is_up:
                self._identify(meter_of(parts), now)
            if parts.afn == LINK and wants_confirmation(parts):
                out += confirmation(parts, self._profile_of)
        if self.line is not None:
            self.asked = self.line.hear_all(frames, now)
        return out + self.tick(now)

    def said(self) -> Mapping[str, str]:
        """Requests repeat nothing."""
        return {}

    def tick(self, now: int) -> bytes:
        """Return what is asked, by the terminal's plan or by command."""
        return b"" if self.line is None else self.line.due(now)

    def next_deadline(self) -> int | None:
        """Return when something is to be asked, or an answer overdue."""
        return None if self.line is None else self.line.next_deadline()

    def _identify(self, identity: str | None, now: int) -> None:
        self.identity = identity
        if identity is not None and self.line is not None:
            self.line.begin(identity, self._profile_of, now)
