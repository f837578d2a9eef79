"""Invariant: whatever a peer sends, each Q/GDW 376.1 frame is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: a batch means what its
frames mean one by one; explanations are the frame, byte by byte; what was read is written as a
frame that says the same; answers are sound frames, and none for those without CON; framing does
work linear in the bytes.
"""

from random import Random
from typing import Final
from zlib import crc32

from fuzz.contract import (
    Row,
    Wire,
    check_explained,
    check_written,
    microseconds,
    read_checked,
    rows_of,
    zone_of,
)
from fuzz.harness import Target, read_seeds
from fuzz.stream import check_work, hear

from wattwarden.codecs.dlt645 import request
from wattwarden.codecs.gdw376 import CODEC, ask, forward
from wattwarden.codecs.tables import read_table
from wattwarden.protocol import ft12
from wattwarden.protocol.checksum import sum8
from wattwarden.protocol.codec import Batch, Claim, Columns, Message
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

# A candidate needs a header of its own, of which the shortest overlap has five bytes.
MOST_WORK_A_BYTE: Final = ft12.MOST_BYTES // 5
READING_KINDS: Final = frozenset({"class1", "class2", "forward_reply"})
METER: Final = "320112345"


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    heard = hear(CODEC, data, rng)
    check_work(CODEC, data, MOST_WORK_A_BYTE)
    if heard is None:
        return
    _check_counted(heard.batch, heard.columns)


def _check_counted(batch: Batch, columns: Columns) -> None:
    """Nothing is made up: rows come of what was read, at its time, and only of reports."""
    rows = rows_of(columns)
    answers = CODEC.acknowledge(batch)
    for index, frame in enumerate(batch.frames()):
        if len(frame) <= MAX_HEAD_BYTES:
            assert CODEC.recognise(frame) is not Claim.MORE, "more is wanted than a frame"
        check_explained(CODEC, frame)
        message = read_checked(CODEC, frame, zone_of)
        assert message is not None, "a sound frame cannot be read"
        check_written(CODEC, message, zone_of)
        if not message.fields["CON"] or not message.fields["DIR"]:
            assert not answers[index], "what asks for no confirmation has one"
        if index in rows:
            _check_rows(message, rows[index])


def _check_rows(message: Message, rows: list[Row]) -> None:
    assert message.kind in READING_KINDS, f"{message.kind} gives readings"
    if message.kind == "forward_reply":
        return
    units = [unit for unit in message.fields["units"] if unit.get("values")]
    points = {f"p{unit['Pn']}" if unit["Pn"] else "" for unit in units}
    places = [row[1:6] for row in rows]
    assert len(set(places)) == len(places), "two rows of one place and time"
    for _, meter, channel, _period, at, _quality, _ in rows:
        assert channel in points, f"a row of {channel}, units of {points}"
        assert message.meter is None or meter == message.meter, f"a row of {meter}"
        is_alone = message.kind == "class1" and len(units) == len(rows) == 1
        if message.at is not None and message.meter is not None and is_alone:
            assert at == microseconds(message.at), f"a row at {at}, read {message.at}"


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make lengths, sums and tails fit wherever a frame seems to begin."""
    mended = bytearray(data)
    at = data.find(b"\x68")
    while 0 <= at <= len(mended) - ft12.FRAMING_BYTES - 8:
        if mended[at + 5] == 0x68 or rng.random() < 0.3:
            _mend_at(mended, at, rng)
            size = ft12.measure(bytes(mended), at)
            at += max(0, size - 1)
        at = mended.find(b"\x68", at + 1)
    return bytes(mended)


def _mend_at(mended: bytearray, at: int, rng: Random) -> None:
    mended[at + 5] = 0x68
    size = ft12.FRAMING_BYTES + (int.from_bytes(mended[at + 1 : at + 3], "little") >> 2)
    is_last = mended.find(b"\x68", at + 6) < 0
    if at + size > len(mended) or size < ft12.FRAMING_BYTES + 8 or (is_last and rng.random() < 0.5):
        size = min(len(mended) - at, ft12.MOST_BYTES)
        length = size - ft12.FRAMING_BYTES << 2 | mended[at + 1] & 3
        mended[at + 1 : at + 3] = length.to_bytes(2, "little")
    mended[at + 3 : at + 5] = mended[at + 1 : at + 3]
    end = at + size
    mended[end - 2] = sum8(bytes(mended[at + ft12.BODY : end - 2]))
    mended[end - 1] = ft12.TAIL


def _seeds() -> list[bytes]:
    """The vectors, what is asked, and random digits for each Fn of the tables."""
    made = [ask(METER, (0x0C, 25, 1), 1), forward(METER, request("201611223344", "02010100"), 2)]
    rng = Random("seeds")
    for row in read_table("gdw376_units"):
        afn, fn = int(row["afn"], 16), int(row["fn"])
        point = b"\x00\x00" if rng.random() < 0.3 else b"\x01\x01"
        unit = point + bytes([1 << (fn - 1) % 8, (fn - 1) // 8])
        data = bytes(rng.randrange(3) << 4 | rng.randrange(10) for _ in range(rng.randrange(130)))
        control = 0x4A if row["way"] == "down" else 0x88
        body = bytes([control]) + bytes.fromhex("0132393000") + bytes([afn, 0x60]) + unit + data
        made.append(ft12.seal(body, 2))
    return [*read_seeds("gdw376"), *made]


_TOKENS: Final = (
    b"\x68", b"\x16", b"\x88", b"\xa8", b"\xc9", b"\x4b", b"\x0c", b"\x0d", b"\x0e", b"\x10",
    b"\xee\xee\xee\xee", b"\x01\x01\x01\x03", b"\x01\x01\x01\x04", b"\x01\x01\x01\x10",
    b"\x01\x01\x01\x0a", b"\x01\x01\x01\x00", b"\x00\x00\x01\x00", b"\x00\x00\x04\x00", b"\xff\x00",
    b"\xff\x01", b"\xff\x00", b"\x30\x11\x22\x11\x26", b"\x00\x10\x22\x11\x26\x01\x03",
)  # fmt: skip

TARGET: Final = Target("gdw376", run, _seeds, _mend, _TOKENS, Wire(CODEC))
