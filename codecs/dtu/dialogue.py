"""What is said to the meters behind a DTU, and which of its frames answers what.

registration ─► identity ─► Site ─► Poller ─► request ─► line
reply ─ is it the answer to what is outstanding? ─► asked, next request
      └ to something given up, or to nothing ─► kept, means nothing
"""

from collections import deque
from typing import Final

from wattwarden.codecs.dtu.frame import Inner, inner_of
from wattwarden.codecs.dtu.packets import NONE, Packets
from wattwarden.codecs.dtu.site import Question, Site
from wattwarden.protocol.codec import DEFAULT_PROFILE, NOTHING_ASKED, Asked, Batch, ProfileOf
from wattwarden.protocol.polling import SECOND_US, Poller

# Heartbeats come each minute, polls each minute to quarter of an hour.
DEFAULT_IDLE_S: Final = 1800.0
# How soon a DTU that is configured while it is connected is asked for its meters.
LOOK_AGAIN_US: Final = 60 * SECOND_US
# An answer that comes later than this was lost; 2G lines hold packets back for half a minute.
STALE_US: Final = 60 * SECOND_US
# Requests given up within that time at the shortest time-out, and more than any line sends.
MOST_STALE: Final = 64


class DtuDialogue:
    """One DTU: knows it by its registration, and asks the meters that are configured behind it."""

    __slots__ = (
        "_answered_by",
        "_look_at",
        "_outstanding",
        "_packets",
        "_poller",
        "_profile",
        "_profile_of",
        "_site",
        "_stale",
        "asked",
        "identity",
        "idle_limit_s",
    )

    def __init__(self, packets: Packets, profile_of: ProfileOf) -> None:
        self._packets = packets
        self._profile_of = profile_of
        self._profile = DEFAULT_PROFILE
        self._site = Site()
        self._poller: Poller | None = None
        self._outstanding: Question | None = None
        # Up to when the last request may be answered.
        self._answered_by = 0
        # What was given up, and when: its answer may still come.
        self._stale: deque[tuple[Question, int]] = deque(maxlen=MOST_STALE)
        self._look_at: int | None = None
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S
        self.asked: Asked = NOTHING_ASKED

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take frames in order; return the next request."""
        asked: dict[int, bytes] = {}
        for index, frame in enumerate(frames):
            if self._packets.end(frame, 0) == len(frame):
                identity = self._packets.identity_of(frame)
                if identity is not None:
                    self._identify(identity, now)
                continue
            inner = self._inner(frame, now)
            question = None if inner is None else self._answered(inner, now)
            if question is not None:
                asked[index] = question.request
        self.asked = asked or NOTHING_ASKED
        return self._ask(now)

    def tick(self, now: int) -> bytes:
        """Give up what was not answered in time; return the next request."""
        if self.identity is not None and self._look_at is not None and now >= self._look_at:
            self._look(self.identity, now)
        return self._ask(now)

    def next_deadline(self) -> int | None:
        """Return when a request is due or overdue, or the profile is looked at again."""
        polled = None if self._poller is None else self._poller.next_deadline()
        found = [at for at in (self._look_at, polled) if at is not None]
        return min(found, default=None)

    def _inner(self, frame: bytes, now: int) -> Inner | None:
        """Return the frame of a meter; a prefix tells who it is where nothing has before."""
        at = self._packets.prefix_end(frame, 0)
        if at > 0 and self.identity is None:
            self._identify(self._packets.prefixes[frame[:at]], now)
        return inner_of(frame, 0 if at == NONE else at)

    def _identify(self, identity: str, now: int) -> None:
        if identity == self.identity:
            return
        self.identity = identity
        self._profile = DEFAULT_PROFILE
        self._poller = None
        self._look(identity, now)

    def _look(self, identity: str, now: int) -> None:
        """Plan anew what is asked when the profile has changed."""
        self._look_at = now + LOOK_AGAIN_US
        profile = self._profile_of(identity)
        if profile is self._profile or (
            self._poller is not None and profile.version == self._profile.version
        ):
            return
        if self._outstanding is not None:
            self._stale.append((self._outstanding, now))
            self._outstanding = None
        self._profile = profile
        self._site = Site.of(profile.options)
        # What was asked before may still be answered; the line is not spoken into.
        begin = max(now, self._answered_by)
        self._poller = Poller(self._site.polls, identity, self._site.limits, begin)

    def _answered(self, inner: Inner, now: int) -> Question | None:
        """Return the question that a frame answers, None where that is not certain."""
        question, poller = self._outstanding, self._poller
        if poller is None:
            return None
        if question is None or not question.is_answered_by(inner):
            poller.unexpected()
            return None
        if self._is_taken_for_another(question, now):
            poller.unexpected()
            return None
        self._outstanding = None
        poller.answered(now)
        return question

    def _is_taken_for_another(self, question: Question, now: int) -> bool:
        """Whether the late answer to something given up would look the same; it is awaited once."""
        stale = self._stale
        while stale and now - stale[0][1] > STALE_US:
            stale.popleft()
        for place, (other, _) in enumerate(stale):
            if question.resembles(other):
                del stale[place]
                return True
        return False

    def _ask(self, now: int) -> bytes:
        poller = self._poller
        if poller is None:
            return b""
        given_up, waited_for = poller.counters.timed_out, self._outstanding
        poll = poller.due(now)
        if poller.counters.timed_out != given_up and waited_for is not None:
            self._stale.append((waited_for, now))
            self._outstanding = None
        if poll is None:
            return b""
        self._outstanding = self._site.questions[poll.request]
        self._answered_by = now + self._site.limits.timeout_us
        return poll.request


def acknowledge(batch: Batch) -> list[bytes]:
    """Nothing is acknowledged to a DTU."""
    return [b""] * len(batch)
