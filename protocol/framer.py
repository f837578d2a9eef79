"""The one framer: cuts a stream of bytes into frames, whatever the protocol.

bytes in drips, glued, behind noise → Framer.feed → frames
"""

from wattwarden.protocol.outline import FRAME, MORE, NOISE, Outline, next_head


class Framer:
    """Cuts the bytes of one connection by one outline.

    Keeps less than ``outline.most_bytes`` of an unfinished frame.  What belongs to no frame is
    handed over through ``take_noise``.
    """

    __slots__ = ("_noise", "_searched", "outline", "pending")

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.pending = b""
        """The bytes that wait for the rest of their frame."""
        self._searched = 0
        self._noise: list[bytes] | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing is pending and no noise waits to be taken."""
        return self._noise is None and not self.pending

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self.pending)

    def feed(self, data: bytes) -> list[bytes]:
        """Take received bytes; return the frames that are now whole, in order."""
        pending = self.pending
        buffer = pending + data if pending else data
        frames: list[bytes] = []
        cut = self.outline.cut
        # Once nothing is found to end before it, nothing does, wherever frames begin.
        start, searched, size = 0, self._searched, len(buffer)
        if not pending:
            start = self.outline.run(buffer, 0, frames)
        while start < size:
            verdict, end = cut(buffer, start, searched)
            if verdict is FRAME:
                frames.append(buffer[start:end])
            elif verdict is MORE:
                self.pending, self._searched = buffer[start:], end - start
                return frames
            elif verdict is NOISE:
                self._keep_noise(buffer[start:end])
            start = end
        if pending:
            self.pending, self._searched = b"", 0
        return frames

    def resynchronise(self) -> list[bytes]:
        """Give up the frame that is waited for; return the frames found behind its first byte.

        For when its rest does not come: the true start may lie inside what was taken for a frame.
        Sound frames are looked for as if nothing more came; what follows the last of them, or the
        first byte when there is none, may still be the beginning of one.
        """
        pending, self.pending, self._searched = self.pending, b"", 0
        frames, end = self._sound(pending)
        if not end:
            end = 1
            self._keep_noise(pending[:end])
        return frames + self.feed(pending[end:])

    def recut(self, frame: bytes) -> list[bytes]:
        """Search a frame that failed its checksum afterwards, from its second byte, strictly."""
        frames, end = self._sound(frame)
        self._keep_noise(frame[end:])
        return frames

    def take_noise(self) -> bytes:
        """Return, once, the bytes that belonged to no frame."""
        if self._noise is None:
            return b""
        noise, self._noise = b"".join(self._noise), None
        return noise

    def _sound(self, data: bytes) -> tuple[list[bytes], int]:
        """Cut the frames that are whole from the second byte on, and where the last one ends."""
        frames: list[bytes] = []
        start, kept, searched = 1, 0, 0
        while start < len(data):
            verdict, end = self.outline.cut_strictly(data, start, searched)
            if verdict is FRAME:
                self._keep_noise(data[kept:start])
                frames.append(data[start:end])
                kept = end
            elif verdict is MORE:
                searched, end = end, next_head(self.outline.head, data, start)
            start = end
        return frames, kept

    def _keep_noise(self, data: bytes) -> None:
        if not data:
            return
        if self._noise is None:
            self._noise = []
        self._noise.append(data)
