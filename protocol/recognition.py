"""Whose bytes these are: every codec asked, for each place where a frame could begin.

bytes of a connection ─ claim ─► (start, codec)   the codec claims the bytes from start on
                                 (start, None)    nobody does before start; there, more may tell
"""

from collections.abc import Sequence
from typing import Final

from wattwarden.protocol.codec import Claim, Codec
from wattwarden.protocol.outline import next_head

# Enough for the longest head that any codec needs to know its own, registrations included.
MAX_HEAD_BYTES: Final = 512


def claim(codecs: Sequence[Codec], data: bytes, most_noise_bytes: int) -> tuple[int, Codec | None]:
    """Return the first place that a codec claims, and the codec.

    With no codec, nobody claims a place before the one returned: it is the end of ``data``, or
    where more bytes are needed to tell, or beyond ``most_noise_bytes``, where the search stops.
    """
    start = 0
    heads = [0] * len(codecs)
    while start < len(data) and start <= most_noise_bytes:
        head = data[start : start + MAX_HEAD_BYTES]
        undecided = False
        for codec in codecs:
            if start and codec.is_opening:
                continue
            answer = codec.recognise(head)
            if answer is Claim.YES:
                return start, codec
            undecided = undecided or answer is Claim.MORE
        if undecided and len(head) < MAX_HEAD_BYTES:
            return start, None
        # Each codec's next head is looked for once, however many places the others offer.
        for index, codec in enumerate(codecs):
            if heads[index] <= start:
                heads[index] = next_head(codec.outline.head, data, start)
        start = min(heads, default=len(data))
    return start, None
