"""Invariant: whatever a peer sends, each frame of DLMS is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: what can be read is not
refused unless nobody says whose it is; rows have the numbers that ``read`` gives; a batch means
what its frames mean one by one; explanations are the frame, byte by byte; what was read is written
as a frame that says the same; nothing is answered; what comes in segments means what it means
whole.
"""

from random import Random
from typing import Any, Final
from zlib import crc32

from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    check_explained,
    check_frame,
    rows_of,
    zone_of,
)
from fuzz.harness import Target, read_seeds
from fuzz.stream import hear

from wattwarden.codecs.dlms import CODEC
from wattwarden.codecs.dlms.frame import (
    CRC_BYTES,
    FLAGS,
    WRAPPER_BYTES,
    WRAPPER_HEAD,
    apdu_begin,
    header_of,
    seal,
    take_apart,
)
from wattwarden.protocol.checksum import x25
from wattwarden.protocol.codec import Batch, Columns

_LEAST_BYTES: Final = 8


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    heard = hear(CODEC, data, rng)
    if heard is None:
        return
    assert not any(CODEC.acknowledge(heard.batch)), "a push is answered"
    _check_counted(heard.batch, heard.columns)
    _check_segments(heard.batch.frames()[0], rng)


def _check_counted(batch: Batch, columns: Columns) -> None:
    """Nothing vanishes: what ``read`` gives numbers of is in rows, or refused."""
    rows = rows_of(columns)
    refused = {entry.frame for entry in columns.refused}
    for index, frame in enumerate(batch.frames()):
        if index == 0:
            check_explained(CODEC, frame)
        message = check_frame(CODEC, frame, zone_of)
        if index in refused:
            assert index not in rows, "a frame is both refused and in rows"
        if message is None or batch.request[index] >= 0:
            continue
        whose = message.meter or batch.identities[batch.session[index]]
        assert index not in refused or whose is None, "what can be read is refused"
        _check_numbers(message.fields, rows.get(index, []))


def _check_numbers(fields: Any, rows: list[Any]) -> None:
    """Each quantity is a value of the list, or the difference of two."""
    numbers = [
        entry["value"]
        for entry in fields.get("values", ())
        if isinstance(entry.get("value"), int | float)
    ]
    signed = [*numbers, *(-number for number in numbers)]
    if len(numbers) > 40:
        return
    for row in rows:
        for name, value in row[-1]:
            fits = value is None or any(_is_near(value, number) for number in signed)
            fits = fits or any(_is_near(value, one - other) for one in numbers for other in numbers)
            # Channels (B) of one quantity add up.
            assert fits or len(numbers) > 2, f"{name} is {value}, which {numbers} has not"


def _is_near(value: float, number: float) -> bool:
    room = max(0.5001 if isinstance(value, int) else 0.0, abs(number) * 1e-6)
    return abs(value - number) <= room


def _check_segments(frame: bytes, rng: Random) -> None:
    """A push in segments gives the rows of the whole."""
    link = take_apart(frame)
    information = link.information
    begin = apdu_begin(information)
    if not link.is_hdlc or link.segmented or len(information) < begin + 2 or not begin:
        return
    bound = rng.randrange(begin + 1, len(information))
    if apdu_begin(information[bound:]):
        return
    pieces = [
        seal(link._replace(segmented=True, information=information[:bound])),
        seal(link._replace(information=information[bound:])),
    ]
    dialogue = CODEC.dialogue(zone_of)
    dialogue.receive(pieces, RECEIVED_AT)
    asked = dict(dialogue.asked)
    assert set(asked) == {1}, "the last segment does not continue the first"
    mine = Batch.of(pieces, RECEIVED_AT, identity="m", profile_of=zone_of, asked=asked)
    whole = Batch.of([frame], RECEIVED_AT, identity="m", profile_of=zone_of)
    got, wanted = rows_of(CODEC.decode(mine)), rows_of(CODEC.decode(whole))
    assert got.get(1, []) == wanted.get(0, []), f"{got} in segments, {wanted} whole"


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make lengths and checksums fit: of all as one frame, or of what stands between flags."""
    if data.startswith(WRAPPER_HEAD) and len(data) > WRAPPER_BYTES:
        size = len(data) - WRAPPER_BYTES
        return data[:6] + size.to_bytes(2, "big") + data[WRAPPER_BYTES:]
    if rng.random() < 0.7:
        return FLAGS + _mended(data.strip(FLAGS)) + FLAGS
    return FLAGS.join(_mended(piece) for piece in data.split(FLAGS))


def _mended(raw: bytes) -> bytes:
    """Mend what stands between two flags."""
    if not _LEAST_BYTES <= len(raw) <= 0x07FF or raw[0] & 0xF0 != 0xA0:
        return raw
    raw = bytes([raw[0] & 0xF8 | len(raw) >> 8, len(raw) & 0xFF]) + raw[2:]
    header = header_of(raw, 0)
    if isinstance(header, int):
        return raw
    at, end = header.control, len(raw) - CRC_BYTES
    if at + CRC_BYTES < end:
        raw = raw[:at] + x25(raw[:at]).to_bytes(CRC_BYTES, "little") + raw[at + CRC_BYTES :]
    return raw[:end] + x25(raw[:end]).to_bytes(CRC_BYTES, "little")


def _seeds() -> list[bytes]:
    return read_seeds("dlms")


_TOKENS: Final = (
    FLAGS, WRAPPER_HEAD, b"\xe6\xe7\x00", b"\xe6\xe6\x00", b"\x0f\x40\x00\x00\x00\x00",
    b"\x0c\x07\xea\x0b\x16\x00\x0b\x00\x00\xff\x80\x00\x00", b"\x09\x0c", b"\x09\x06", b"\x02\x03",
    b"\x01\x01", b"\x02\x02\x0f\xff\x16\x23", b"\x13\x02\x02\x12\x0f", b"\x13\x01\x00\x02\x11",
    b"\x01\x00\x01\x07\x00\xff", b"\x01\x00\x20\x07\x00\xff", b"\x00\x00\x60\x01\x00\xff",
    b"\x00\x00\x01\x00\x00\xff", b"\x12\x08\xfc", b"\x06\x00\x00\x00\x01", b"\x00\x00\x00",
    b"\x0a\x0bAIDON_V0001", b"\x09\x07KFM_001", b"\x0a\x0eKamstrup_V0001", b"\xc2\x01", b"\xc4\x01",
    b"\x17\x7f\x80\x00\x00", b"\x82\xff\xff", b"\x84\xff\xff\xff\xff",
)  # fmt: skip

TARGET: Final = Target("dlms", run, _seeds, _mend, _TOKENS, Wire(CODEC))
