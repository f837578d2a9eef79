"""Invariant: whatever a peer sends, each HJ 212 frame is rows, refused or without readings by kind.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``confirm``,
``acknowledge``, ``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: what is
confirmed can be decoded; a batch means what its frames mean one by one, parts of split packets with
what the dialogue says they continue, which is bounded; explanations are the frame, byte by byte;
what was read is written as a frame that says the same; answers are sound frames.
"""

import re
from dataclasses import replace
from functools import cache
from math import isfinite
from random import Random
from typing import Any, Final
from zlib import crc32

from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    batch_of,
    check_acknowledged,
    check_columns,
    check_conversation,
    check_explained,
    check_recognised,
    check_singly,
    check_written,
    confirmed,
    cut_checked,
    microseconds,
    read_checked,
    rows_of,
    zone_of,
)
from fuzz.harness import Target, read_seeds, read_vectors

from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.cipher import decrypt
from wattwarden.codecs.hj212.frame import HEAD
from wattwarden.codecs.hj212.header import CN_OF_KIND, COMMANDS, CP_BEGIN, CP_END, HEAD_BYTES
from wattwarden.codecs.hj212.parts import MAX_COMMON_BYTES, MAX_JOINED_BYTES
from wattwarden.codecs.hj212.plan import MAX_CODE_BYTES, TEXTS
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import Batch, Claim, Columns, Message, Profile, tabulate
from wattwarden.protocol.pairs import charset_of
from wattwarden.protocol.quality import Quality

# The journal keeps what framing let through, and after a fix of it what it once let through: at
# times, therefore, what is no frame is decoded.
LOOSE_SHARE: Final = 0.25
KINDS_WITH_READINGS: Final = frozenset(c.kind for c in COMMANDS.values() if c.period)


def profile_of(address: str) -> Profile:
    """Return the profile of a meter, with its key if a vector gives one."""
    zone = zone_of(address).zone
    return Profile(zone=zone, key=_keys().get(address))


@cache
def _keys() -> dict[str, bytes]:
    return {
        address: bytes.fromhex(key)
        for vector in read_vectors("hj212")
        for address, key in vector.get("key", {}).items()
    }


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    check_recognised(CODEC, data, rng)
    frames = cut_checked(CODEC, data, profile_of)
    if frames != [data] and rng.random() < LOOSE_SHARE:
        loose = batch_of([data, *frames], profile_of, rng)
        check_columns(loose, CODEC.decode(loose))
    if not frames:
        return
    check_conversation(CODEC, frames, profile_of, RECEIVED_AT)
    good = confirmed(CODEC, batch_of(frames, profile_of, rng)).tolist()
    messages = [_message(frame, fits) for frame, fits in zip(frames, good, strict=True)]
    kept = [message for message, fits in zip(messages, good, strict=True) if fits]
    sound = [frame for frame, fits in zip(frames, good, strict=True) if fits]
    if not sound:
        return
    batch = _heard(batch_of(sound, profile_of, rng))
    check_acknowledged(CODEC, batch, rng)
    columns = CODEC.decode(batch)
    check_columns(batch, columns)
    if len(sound) > 1:
        check_singly(CODEC, batch, columns, rng)
    _check_counted(batch, columns, kept)


def _heard(batch: Batch) -> Batch:
    """Return a batch with what its frames continue; what the journal keeps of that is bounded."""
    dialogue = CODEC.dialogue(profile_of)
    dialogue.receive(batch.frames(), RECEIVED_AT)
    request, requests = tabulate(dialogue.asked, len(batch))
    longest = max(map(len, requests), default=0)
    assert longest <= MAX_JOINED_BYTES + MAX_COMMON_BYTES * 3, f"a context of {longest} bytes"
    return replace(batch, request=request, requests=requests)


def _message(frame: bytes, confirmed: bool) -> Message | None:  # noqa: FBT001  # a fact about it
    assert CODEC.recognise(frame) is Claim.YES, "a frame is not recognised"
    check_explained(CODEC, frame)
    message = read_checked(CODEC, frame, profile_of)
    if message is not None:
        assert confirmed, "a frame that can be read was not confirmed"
        if _is_plain(frame):
            check_written(CODEC, message, profile_of)
    return message


def _is_plain(frame: bytes) -> bool:
    """Whether each header field is a text with a name."""
    head = frame[HEAD_BYTES:].partition(CP_BEGIN)[0]
    text = head.decode(charset_of(frame[HEAD_BYTES:]), "replace")
    return _UNPLAIN.search(head) is None and "\ufffd" not in text


_UNPLAIN: Final = re.compile(rb"(?:^|[;,])=")


def _check_counted(batch: Batch, columns: Columns, messages: list[Message | None]) -> None:
    """Nothing vanishes: frames with numbers are in rows, refused, or parts of others that are."""
    rows = rows_of(columns)
    refused = {entry.frame for entry in columns.refused}
    for index, message in enumerate(messages):
        if message is None or message.kind not in KINDS_WITH_READINGS:
            assert index not in rows or message is None, f"{message} gives readings"
            continue
        if index in rows:
            _check_rows(batch, message, rows[index])
        elif _has_numbers(message) and index not in refused:
            assert message.part, f"{message} is neither in rows nor refused"


def _has_numbers(message: Message) -> bool:
    """Whether a code-statistic has a number; of one that repeats, the first counts."""
    return any(
        _is_reading(code, statistic) and _is_number(text[0] if isinstance(text, list) else text)
        for code, statistics in message.fields["CP"].items()
        if isinstance(statistics, dict)
        for statistic, text in statistics.items()
    )


def _is_reading(code: str, statistic: str) -> bool:
    known = statistic and statistic not in TEXTS
    return bool(known) and len(code) + len("-") + len(statistic) <= MAX_CODE_BYTES


def _is_number(text: str) -> bool:
    try:
        return "_" not in text and isfinite(float(text.encode()))
    except ValueError:
        return False


def _check_rows(batch: Batch, message: Message, rows: list[Any]) -> None:
    for _, meter, _, _, at, quality, _ in rows:
        assert meter == (message.meter or batch.identities[0]), f"a row of {meter}"
        if message.part is not None:
            continue
        if message.at is None:
            assert quality & Quality.NO_CLOCK, "no clock, and no remark"
        elif message.meter is not None:  # else read in the zone of a meter nobody has configured
            assert at == microseconds(message.at), f"columns {at}, read {message.at}"
        if message.fields.get("RF") == "1":
            assert quality & Quality.BACKFILL, "a later repetition, and no remark"


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make lengths and checksums fit; of ciphertext, those of the plain text."""
    pieces = data.split(HEAD)
    return HEAD.join([pieces[0], *(_mended(piece, rng) for piece in pieces[1:])])


def _mended(piece: bytes, rng: Random) -> bytes:
    last = piece.rfind(CP_END)
    if last < 4:
        return piece
    segment = piece[4 : last + len(CP_END)]
    plain = segment
    head, mark, data = segment.partition(CP_BEGIN)
    address = head.rpartition(b"MN=")[2].partition(b";")[0].decode("latin-1")
    key = _keys().get(address)
    if key is not None and mark and max(data[:16], default=0) > 0x7E:
        plain = head + mark + decrypt(data[: -len(CP_END)], key) + CP_END
    digits = b"%04d" % len(segment) if rng.random() < 0.95 else piece[:4]
    crc = b"%04X" % hj212(plain) if rng.random() < 0.9 else b"%04x" % hj212(plain)
    return digits + segment + crc + rng.choice((b"\r\n", b"\r\n", b"\r\n", b"", b"\n"))


_WORDS: Final = (
    "##", "##9999", "CP=&&", "&&", ";", ",", "=", "-", "=//", "//", "\r\n", "\0", "\u7535", "\xe7",
    "CP=", "Cipher=00;", "CPText=x;", "Charset=gbk;", "CP=text=x;",
    "QN=", "ST=21;", "ST=91", "MN=", "PW=", "Flag=5;", "Flag=7;", "Flag=3;", "Flag=9;", "Flag=8;",
    "Flag=255;", "PNUM=2;PNO=1;", "PNUM=2;PNO=2;", "PNO=", "RF=1;", "BeginTime=", "PolId=",
    "PNUM=3;PNO=1;", "PNUM=3;PNO=2;", "PNUM=3;PNO=3;",
    "DataTime=", "DataTime=20240331023000;", "DataTime=20241300000000;", "DataTime=00010101000000;",
    "DataTime=99991231235959999;", "-Rtd=", "-Avg=", "-Flag=N", "-Flag=D", "-EFlag=",
    "-SampleTime=", "a34004-Rtd=1,", "d1-Rtd=1;", "SB1-RS=1;",
    "nan", "inf", "-inf", "1e999", "1e15", "1_000", "-0",
    *(f"CN={cn};" for cn in CN_OF_KIND.values()),
)  # fmt: skip
_TOKENS: Final = (*(word.encode() for word in _WORDS), "\u7535".encode("gbk"))

TARGET: Final = Target(
    "hj212", run, lambda: read_seeds("hj212"), _mend, _TOKENS, Wire(CODEC, profile_of)
)
