"""Invariant: whatever a peer sends, each frame of a gateway is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: a batch means what its
frames mean one by one; explanations are the frame, byte by byte; what was read is written as a
frame that says the same; answers are sound frames; nobody is known without the proof.
"""

import zlib
from dataclasses import replace
from functools import cache
from random import Random
from typing import Final
from zlib import crc32

from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    batch_of,
    check_acknowledged,
    check_columns,
    check_conversation,
    check_explained,
    check_frame,
    check_recognised,
    check_singly,
    cut_checked,
    zone_of,
)
from fuzz.harness import Target, read_seeds

from wattwarden.codecs.acrel_gateway import CODEC
from wattwarden.codecs.acrel_gateway.frame import (
    AUTH,
    DATA,
    DATA_ZIPPED,
    HEAD,
    HEADER_BYTES,
    SEALED,
    TYPES,
    check,
    seal,
)
from wattwarden.codecs.acrel_gateway.secrets import decrypt, encrypt, unzip
from wattwarden.protocol.codec import Profile
from wattwarden.protocol.errors import ProtocolError

KEY: Final = b"0123456789abcdef"
GATEWAY: Final = "AWT100-0001"


def profile_of(address: str) -> Profile:
    """Return a profile with the key of the vectors."""
    return replace(zone_of(address), key=KEY)


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    check_recognised(CODEC, data, rng)
    frames = cut_checked(CODEC, data, profile_of)
    batch = batch_of(frames, profile_of, rng)
    if rng.random() < 0.5:
        batch = replace(batch, identities=(GATEWAY,))
    columns = CODEC.decode(batch)
    check_columns(batch, columns)
    if not frames:
        return
    check_conversation(CODEC, frames, profile_of, RECEIVED_AT)
    dialogue = CODEC.dialogue(profile_of)
    dialogue.receive(frames, RECEIVED_AT)
    assert dialogue.identity is None, "known without the proof"
    check_acknowledged(CODEC, batch, rng)
    if len(frames) > 1:
        check_singly(CODEC, batch, columns, rng)
    for frame in frames:
        check_explained(CODEC, frame)
        check_frame(CODEC, frame, profile_of)


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make the lengths of frames fit, and the encryption of reports that were changed inside."""
    pieces = data.split(HEAD)
    return pieces[0] + b"".join(_mended(HEAD + piece, rng) for piece in pieces[1:])


def _mended(frame: bytes, rng: Random) -> bytes:
    kind = frame[2] if len(frame) > 2 and frame[2] in TYPES else rng.choice(sorted(TYPES))
    data = frame[HEADER_BYTES:]
    if kind in SEALED:
        return seal(kind, _sealed(kind, data, rng))
    if kind not in (AUTH, 2):
        return seal(kind, data if b"|" in data[1:] else b"01001|" + data.hex().encode())
    return seal(kind, b"<" + data.strip(b"<>") + b">")


def _sealed(kind: int, data: bytes, rng: Random) -> bytes:
    """Change what is inside, and close it again; what does not open becomes a report anew."""
    try:
        text = decrypt(data[: len(data) // 16 * 16], KEY)
        text = unzip(text) if kind == DATA_ZIPPED else text
    except ProtocolError:
        text = rng.choice(_texts())
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(text) + 1)
        text = (
            text[:at] + rng.choice((*TOKENS, b"", rng.randbytes(1))) + text[at + rng.randrange(3) :]
        )
    return encrypt(zlib.compress(text, 1) if kind == DATA_ZIPPED else text, KEY)


@cache
def _texts() -> list[bytes]:
    """The reports of the vectors, as they are before they are sealed."""
    frames = [check(raw) for raw in _seeds() if raw[2] == DATA]
    return [decrypt(data, KEY) for _, data in frames]


@cache
def _seeds() -> list[bytes]:
    return read_seeds("acrel_gateway")


TOKENS: Final = (
    HEAD, b"\x1f\x1f\x01\0\0", b"\x1f\x1f\x03\0\0", b"|", b"01001|0103", b"<root>", b"</root>",
    b"<common>", b"<gateway_id>", b"</gateway_id>", b'<id_validate operation="md5">', b"<md5>",
    b'<meter id="02">', b"</meter>", b'<function id="WPP">1.5</function>', b"<function id='x'>",
    b"<time>20240229235959</time>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&lt;", b"&#0;",
    b"<![CDATA[", b"]]>", b"<?xml version='1.0' encoding='utf-16'?>", b"\xff", b"1e999", b'id=""',
)  # fmt: skip

TARGET: Final = Target("acrel_gateway", run, _seeds, _mend, TOKENS, Wire(CODEC, profile_of))
