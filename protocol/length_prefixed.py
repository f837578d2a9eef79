"""The outline of frames that say their own length."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from wattwarden.protocol.verdict import FRAME, MORE, NOISE, SKIP, Cut, next_head


@dataclass(frozen=True, slots=True)
class LengthPrefixed:
    """Frames that say their own length.

    ``measure(buffer, start)`` returns the frame's whole length, 0 when its header has not arrived,
    -1 when no frame can begin here.  ``fits(buffer, start, end)`` is the full check, checksum
    included; ``seems(buffer, start, end)`` a cheap one that may leave the checksum open for
    ``Codec.confirm``.  ``separators`` may follow a frame; one of each belongs to it when it arrives
    with it.  ``preamble`` bytes may stand before one and never belong to it.
    """

    head: bytes
    most_bytes: int
    measure: Callable[[bytes, int], int]
    fits: Callable[[bytes, int, int], bool]
    seems: Callable[[bytes, int, int], bool] | None = None
    separators: bytes = b""
    preamble: bytes = b""

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: ARG002, D102  # seam
        if not buffer.startswith(self.head, start):
            return self._without_head(buffer, start)
        size = self.measure(buffer, start)
        end = start + size
        most = self.most_bytes
        if 0 < size <= most and end <= len(buffer):
            seems = self.seems
            if (seems is not None and seems(buffer, start, end)) or self.fits(buffer, start, end):
                if end < len(buffer) and self.separators:
                    end = self._after_separators(buffer, start, end)
                return (FRAME, end)
        elif 0 <= size <= most and len(buffer) - start < most:
            return (MORE, start)
        return (NOISE, next_head(self.head, buffer, start))

    def run(  # noqa: D102  # described by Outline
        self,
        buffer: bytes,  # noqa: ARG002  # seam
        start: int,
        frames: list[bytes],  # noqa: ARG002  # seam
    ) -> int:
        return start

    def cut_strictly(  # noqa: D102  # described by Outline
        self, buffer: bytes, start: int, searched: int = 0
    ) -> Cut:
        return replace(self, seems=None).cut(buffer, start, searched)

    def _without_head(self, buffer: bytes, start: int) -> Cut:
        between = self.separators + self.preamble
        if buffer[start] in between:
            rest = buffer[start:]
            return (SKIP, len(buffer) - len(rest.lstrip(between)))
        if self.head.startswith(buffer[start : start + len(self.head)]):
            return (MORE, start)
        return (NOISE, next_head(self.head, buffer, start))

    def _after_separators(self, buffer: bytes, start: int, end: int) -> int:
        limit = min(end + len(self.separators), start + self.most_bytes, len(buffer))
        while end < limit and buffer[end] in self.separators:
            end += 1
        return end
