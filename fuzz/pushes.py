"""What the targets of platforms' pushes share: the checks, and trees of JSON that nearly fit."""

import base64
import re
from copy import deepcopy
from random import Random
from typing import Any, Final
from zlib import crc32

import orjson
from fuzz.acrel import TARGET as ACREL
from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    batch_of,
    check_columns,
    check_explained,
    check_nothing,
    check_recognised,
    check_singly,
    check_written,
    cut_checked,
    read_checked,
    zone_of,
)

from wattwarden.codecs.pushes.json_body import MOST_BYTES, load
from wattwarden.codecs.pushes.message import STORED
from wattwarden.protocol.codec import Claim, Codec
from wattwarden.protocol.errors import ProtocolError

# What a writer makes longer: 1e9 becomes 1000000000.0.  Of shorter bodies nothing can outgrow.
NEVER_OUTGROWS_BYTES: Final = MOST_BYTES // 8

# Writing and reading again costs as much as all the rest.
WRITTEN_SHARE: Final = 0.25

_HEX_TEXT: Final = re.compile(rb'"((?:[0-9a-fA-F]{2}){7,})"')
_BASE64_TEXT: Final = re.compile(
    rb'"((?:[0-9A-Za-z+/]{4}){3,}(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?)"'
)
_STRANGE: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, 2, -1, 2**63 - 1, 1e308, 0.1, "", "x" * 40, "一二三", "7b7b84bf237d7d",
    "e3uEvyN9fQ==", [], {}, [[]], {"value": 1}, {"value": {"value": "1.5"}}, 1594199318758,
    "1594199318758", "3316_0_5700", "3316_00000000000_5700", "##0000FFFF\r\n", "\x7f",
    [1, "2", None],
)  # fmt: skip


def run(codec: Codec, data: bytes) -> None:
    """Hold the invariant of a platform's codec for one stream."""
    rng = Random(crc32(data))
    check_recognised(codec, data, rng)
    frames = cut_checked(codec, data, zone_of)
    batch = batch_of(frames, zone_of, rng)
    columns = codec.decode(batch)
    check_columns(batch, columns)
    if not frames:
        return
    dialogue = codec.dialogue(zone_of)
    assert dialogue.receive(frames, RECEIVED_AT) == b"", "answered before it is stored"
    assert dialogue.tick(RECEIVED_AT) == b"", "a platform is asked"
    assert codec.acknowledge(batch) == [STORED] * len(frames), "a push has no answer"
    if len(frames) > 1:
        check_singly(codec, batch, columns, rng)
    for frame in frames:
        assert codec.recognise(frame) is Claim.YES, "a frame is not recognised"
        if frame is frames[0]:
            check_explained(codec, frame)
        message = read_checked(codec, frame, zone_of)
        if message is None or rng.random() > WRITTEN_SHARE:
            continue
        if len(frame) <= NEVER_OUTGROWS_BYTES:
            check_written(codec, message, zone_of)


def wire(codec: Codec) -> Wire:
    """Return a platform's codec as storms take it: what is said are no frames."""
    return Wire(codec, check_said=check_nothing)


def mend(seeds: list[bytes], data: bytes, rng: Random) -> bytes:
    """Make an object of the bytes that is one to the letter, and the frames inside sound."""
    try:
        body = load(data)
    except ProtocolError:
        body = load(rng.choice(seeds))
    for _ in range(rng.randrange(3)):
        _change(body, rng)
    whole = orjson.dumps(body)
    if rng.random() < 0.5:
        whole = _HEX_TEXT.sub(lambda found: _hex_mended(found[1], rng), whole)
        whole = _BASE64_TEXT.sub(lambda found: _base64_mended(found[1], rng), whole)
    return whole


def _change(tree: Any, rng: Random) -> None:
    """Change one value somewhere in a tree, or its name."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return
        key = rng.choice(keys)
        below = tree[key]
        if not isinstance(below, dict | list) or not below or rng.random() < 0.3:
            break
        tree = below
    if isinstance(tree, dict) and rng.random() < 0.2:
        tree[rng.choice(_NAMES)] = tree.pop(key)
    else:
        tree[key] = deepcopy(rng.choice(_STRANGE))


_NAMES: Final = (
    "msg", "value", "type", "at", "imei", "dev_id", "ds_id", "payload", "APPdata", "serviceData",
    "IMEI", "deviceId", "messageType", "timestamp", "notifyType", "data", "params", "x",
)  # fmt: skip


def _hex_mended(text: bytes, rng: Random) -> bytes:
    return b'"' + _frame_mended(bytes.fromhex(text.decode()), rng).hex().encode() + b'"'


def _base64_mended(text: bytes, rng: Random) -> bytes:
    return b'"' + base64.b64encode(_frame_mended(base64.b64decode(text), rng)) + b'"'


def _frame_mended(raw: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(raw))
    return ACREL.mend(raw[:at] + rng.randbytes(rng.randrange(2)) + raw[at + 1 :], rng)


TOKENS: Final = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"null", b"true", b"1e9", b'\\u0000', b'\\"',
    b'{"msg":', b'{"messageType":"dataReport",', b'"payload":', b"\xff", b"\xe4\xb8\x80",
)  # fmt: skip
