"""What is said to the meters behind a DTU, and which of its frames answers what.

registration ─► identity ─► Site ─► Line ─► request ─► RS-485
reply ─► Line ─► the request it answers, next request
"""

from collections.abc import Mapping
from typing import Final

from wattwarden.codecs.dtu.packets import Packets
from wattwarden.codecs.dtu.site import plan_of
from wattwarden.protocol.asking import Asking
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Batch, ProfileOf
from wattwarden.protocol.line import Line

# Heartbeats come each minute, polls each minute to quarter of an hour.
DEFAULT_IDLE_S: Final = 1800.0


class DtuDialogue(Asking):
    """One DTU: knows it by its registration, and asks the meters that are configured behind it."""

    __slots__ = ("_packets", "_profile_of", "asked", "identity", "idle_limit_s")

    def __init__(self, packets: Packets, profile_of: ProfileOf) -> None:
        self._packets = packets
        self._profile_of = profile_of
        self.line: Line | None = Line(plan_of)
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S
        self.asked: Asked = NOTHING_ASKED

    def said(self) -> Mapping[str, str]:
        """Requests repeat nothing."""
        return {}

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take frames in order; return the next request."""
        asked: dict[int, bytes] = {}
        for index, frame in enumerate(frames):
            if self._packets.end(frame, 0) == len(frame):
                identity = self._packets.identity_of(frame)
                if identity is not None:
                    self._identify(identity, now)
                continue
            at = self._packets.prefix_end(frame, 0)
            if at > 0 and self.identity is None:
                self._identify(self._packets.prefixes[frame[:at]], now)
            request = None if self.line is None else self.line.hear(frame, now)
            if request is not None:
                asked[index] = request
        self.asked = asked or NOTHING_ASKED
        return self.tick(now)

    def tick(self, now: int) -> bytes:
        """Give up what was not answered in time; return the next request."""
        return b"" if self.line is None else self.line.due(now)

    def next_deadline(self) -> int | None:
        """Return when a request is due or overdue, or the profile is looked at again."""
        return None if self.line is None else self.line.next_deadline()

    def _identify(self, identity: str, now: int) -> None:
        self.identity = identity
        if self.line is not None:
            self.line.begin(identity, self._profile_of, now)


def acknowledge(batch: Batch) -> list[bytes]:
    """Nothing is acknowledged to a DTU."""
    return [b""] * len(batch)


def is_awaited(_frame: bytes) -> bool:
    """Whether the DTU waits for an answer from the journal: it never does."""
    return False
