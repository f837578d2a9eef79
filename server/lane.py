"""What one turn of the loop brought, taken many segments at a time.

sockets ─ hear_later ─► Lane of (codec, chain) ─ end_turn ─► Codec.routine ─► Chain.add_many
                                                                 └ no routine ─► hear, one by one

Most segments of most meters are whole frames that only have to be kept.  Judged by the hundred,
they cost a quarter of what a session takes for each.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from wattwarden.protocol.codec import Codec, Routine
from wattwarden.protocol.envelope import MAX_ENVELOPE_BYTES, MAX_ENVELOPE_FRAMES
from wattwarden.protocol.session import Session
from wattwarden.server.chain import Chain
from wattwarden.server.draft import Source

# A frame of any protocol, or a few; a peer that sends much more at once is read again next turn.
RECEIVE_BYTES: Final = 4096
# So many segments fit into one envelope, however long each is.
MOST_SEGMENTS: Final = MAX_ENVELOPE_BYTES // RECEIVE_BYTES

_log: Final = structlog.get_logger(__name__)


class Heard(Source, Protocol):
    """A connection whose segment may be routine."""

    session: Session

    def hear(self, data: bytes, now: int) -> None:
        """Take a segment that is none."""


class Lane:
    """Segments of this turn that came from connections of one codec and one chain."""

    __slots__ = ("_chain", "_codec", "segments", "sources")

    def __init__(self, codec: Codec, chain: Chain) -> None:
        self._codec = codec
        self._chain = chain
        # A segment each, appended by who reads the sockets: at most one of a connection.
        self.sources: list[Heard] = []
        self.segments: list[bytes] = []

    def end_turn(self, now: int) -> None:
        """Take what the turn brought."""
        segments, sources = self.segments, self.sources
        if not segments:
            return
        self.segments, self.sources = [], []
        for at in range(0, len(segments), MOST_SEGMENTS):
            beyond = at + MOST_SEGMENTS
            self._take(sources[at:beyond], segments[at:beyond], now)

    def _take(self, sources: Sequence[Heard], segments: Sequence[bytes], now: int) -> None:
        found = self._judge(segments)
        if found is not None and len(found.lengths) <= MAX_ENVELOPE_FRAMES:
            for source in sources:
                source.session.heard_at = now
            self._chain.add_many(sources, self._codec, found, now)
        elif len(segments) == 1:
            sources[0].hear(segments[0], now)
        else:
            # The few that are none are found by halves.
            half = len(segments) // 2
            self._take(sources[:half], segments[:half], now)
            self._take(sources[half:], segments[half:], now)

    def _judge(self, segments: Sequence[bytes]) -> Routine | None:
        judge = self._codec.routine
        try:
            return judge(segments) if judge is not None else None
        except Exception:  # noqa: BLE001  # whatever a codec stumbles over, the session shall tell
            # Halved down to the one that is to blame, whose connection alone then fails.
            _log.exception("routine failed", codec=self._codec.name, segments=len(segments))
            return None
