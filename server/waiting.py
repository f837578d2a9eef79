"""Drafts of one chain that wait to be sealed: which is next, and when.

    room ─► draft ── somebody waits for its answer ──► sealed after a lull of 5 ms, 20 ms at most
                  └─ nobody does: polled answers ────► sealed after 100 ms, with company

Several codecs' drafts fill at the same time; those whose answers are awaited never stand behind one
that has time.  Reads no clock: times are microseconds, of which ``second_us`` pass in a second.
"""

from collections import deque
from typing import Final

from wattwarden.protocol.codec import Codec
from wattwarden.protocol.envelope import MAX_ENVELOPE_BYTES, MAX_ENVELOPE_FRAMES
from wattwarden.server.draft import Draft

# Measured: without a lull 6 frames an envelope and twice the CPU.  With 5 ms instead of 3, in turn,
# two processes that share the meters cost 1.14 times as much as one, not 1.19; a lonely answer
# waits 2 ms longer.
LULL_S: Final = 0.005
# What 1,000 meters say at once is an envelope in each of two shards; in parts of 200 a frame costs
# 4 % more.
LULL_FRAMES: Final = 500
LONGEST_S: Final = 0.020
# A thousand polled meters make an envelope of a dozen frames of what were as many envelopes; rows
# are folded by the second, so that nobody sees a tenth of it.
PATIENCE_S: Final = 0.1


class Waiting:
    """The drafts of one chain, in order."""

    def __init__(self, second_us: int) -> None:
        self._second_us = second_us
        self._awaited: deque[Draft] = deque()
        self._patient: list[Draft] = []
        self._open: dict[Codec | None, Draft] = {}

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._awaited or self._patient)

    def room(self, codec: Codec | None, count: int, size: int, now: int) -> Draft:
        """Return the draft that takes so many frames and bytes, which are counted as its own."""
        draft = self._open.get(codec)
        if (
            draft is None
            or len(draft) + count > MAX_ENVELOPE_FRAMES
            or (draft.size_bytes + size > MAX_ENVELOPE_BYTES and len(draft))
        ):
            draft = self._open[codec] = Draft(codec, now)
            self._patient.append(draft)
        draft.size_bytes += size
        return draft

    def last_of(self, codec: Codec | None) -> Draft:
        """Return the draft that took what came last."""
        return self._open[codec]

    def hurry(self, draft: Draft) -> None:
        """Take note that somebody waits for an answer to what a draft holds."""
        draft.is_awaited = True
        if draft in self._patient:
            self._patient.remove(draft)
            self._awaited.append(draft)

    def pause_us(self, now: int, *, closing: bool) -> float | None:
        """Return how long the next draft has time, at most 0 for one that is due; None for none."""
        for draft in self._patient.copy() if self._patient else ():
            if closing or self._is_due(draft, now):
                self._patient.remove(draft)
                self._awaited.append(draft)
        if not self._awaited:
            return self._patient_until() - now if self._patient else None
        draft = self._awaited[0]
        if closing or len(self._awaited) > 1 or len(draft) >= LULL_FRAMES or not draft.is_awaited:
            return 0
        longest = draft.first_at + LONGEST_S * self._second_us
        return min(draft.last_at + LULL_S * self._second_us, longest) - now

    @property
    def is_hurried(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._awaited)

    def pop(self) -> Draft:
        """Take the next draft, which takes nothing more."""
        draft = self._awaited.popleft()
        if self._open.get(draft.codec) is draft:
            del self._open[draft.codec]
        return draft

    def _is_due(self, draft: Draft, now: int) -> bool:
        is_full = len(draft) >= LULL_FRAMES or self._open.get(draft.codec) is not draft
        return is_full or now - draft.first_at >= PATIENCE_S * self._second_us

    def _patient_until(self) -> float:
        # The first is the oldest.
        return self._patient[0].first_at + PATIENCE_S * self._second_us
