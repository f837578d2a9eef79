"""Frames of other protocols inside a push: texts to bytes, bytes to frames.

"7b7b91…" | "e3uR…" | "##0101QN=…" ─ payload_of ─► bytes ─ frames_in ─► (codec, frame) …
"""

import base64
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from wattwarden.codecs import port_codecs
from wattwarden.protocol.codec import Batch, Claim, Codec, ProfileOf
from wattwarden.protocol.outline import FRAME, SKIP
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

# A module gathers a few reports while it has no network.
MOST_FRAMES: Final = 32

Way = tuple[Callable[[str], bytes | None], ...]
"""How texts of a platform become bytes, the likeliest first."""

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?")


def payload_of(text: str, way: Way, profile_of: ProfileOf) -> bytes | None:
    """Return the bytes that a text of a push stands for, None where it is but a text.

    Of several possible meanings the one that is frames; without frames, the first of ``way``.
    """
    meant = [raw for raw in (read(text) for read in way) if raw]
    possible = meant or [text.encode()]
    framed = (raw for raw in possible if next(frames_in(raw, profile_of), None) is not None)
    return next(framed, None) or next(iter(meant), None)


def _from_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def _from_base64(text: str) -> bytes | None:
    return base64.b64decode(text, validate=True) if _BASE64.fullmatch(text) else None


HEX_FIRST: Final[Way] = (_from_hex, _from_base64)
BASE64_FIRST: Final[Way] = (_from_base64, _from_hex)


def frames_in(payload: bytes, profile_of: ProfileOf) -> Iterator[tuple[Codec, bytes]]:
    """Yield the sound frames that stand back to back from the beginning of a payload."""
    at = 0
    for _ in range(MOST_FRAMES):
        found = _frame_at(payload, at, profile_of)
        if found is None:
            return
        codec, begin, at = found
        yield codec, payload[begin:at]


def _frame_at(payload: bytes, start: int, profile_of: ProfileOf) -> tuple[Codec, int, int] | None:
    head = payload[start : start + MAX_HEAD_BYTES]
    for codec in _codecs():
        if not head or codec.recognise(head) is Claim.NO:
            continue
        begin = start
        verdict, end = codec.outline.cut_strictly(payload, begin)
        while verdict is SKIP and end < len(payload):
            begin = end
            verdict, end = codec.outline.cut_strictly(payload, begin)
        if verdict is FRAME and _is_proven(codec, payload[begin:end], profile_of):
            return codec, begin, end
    return None


@cache
def _codecs() -> tuple[Codec, ...]:
    # What says something at the opening of a connection alone is but a number in a data model.
    return tuple(codec for codec in port_codecs() if not codec.is_opening)


def _is_proven(codec: Codec, frame: bytes, profile_of: ProfileOf) -> bool:
    if codec.confirm is None:
        return True
    return bool(codec.confirm(Batch.of([frame], 0, profile_of=profile_of))[0])
