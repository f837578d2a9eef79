"""Frames of other protocols inside a push: texts to bytes, bytes to frames.

"7b7b91…" | "e3uR…" | "##0101QN=…" ─ payload_of ─► bytes ─ frames_in ─► (codec, frame) …
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from wattwarden.codecs import port_codecs
from wattwarden.protocol.codec import Batch, Claim, Codec, ProfileOf
from wattwarden.protocol.outline import FRAME, SKIP
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

# A module gathers a few reports while it has no network.
MOST_FRAMES: Final = 32

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?")


def payload_of(text: str, profile_of: ProfileOf) -> bytes | None:
    """Return the bytes that a text of a push stands for, None where it is but a text.

    Of several possible meanings the one that is frames; without frames, hex before Base64.
    """
    possible = list(_meanings(text))
    framed = (raw for raw in possible if next(frames_in(raw, profile_of), None) is not None)
    plain = (raw for raw in possible if raw != text.encode())
    return next(framed, None) or next(plain, None)


def _meanings(text: str) -> Iterator[bytes]:
    if _HEX.fullmatch(text):
        yield bytes.fromhex(text)
    if text and _BASE64.fullmatch(text):
        try:
            yield base64.b64decode(text, validate=True)
        except binascii.Error:  # bits behind the end
            return
    elif text:
        yield text.encode()


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
    for codec in port_codecs():
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


def _is_proven(codec: Codec, frame: bytes, profile_of: ProfileOf) -> bool:
    if codec.confirm is None:
        return True
    return bool(codec.confirm(Batch.of([frame], 0, profile_of=profile_of))[0])
