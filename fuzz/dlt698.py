"""Invariant: whatever a peer sends, each frame of DL/T 698.45 is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: what ``decode`` refuses
``read`` refuses, for the same fault, unless the frame completes an APDU or tells of a meter without
an address; rows have the numbers that ``read`` gives; a batch means what its frames mean one by
one; explanations are the frame, byte by byte; what was read is written as a frame that says the
same; answers are sound frames; what comes in fragments means what it means whole.
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

from wattwarden.codecs.dlt698 import CODEC
from wattwarden.codecs.dlt698.frame import (
    CRC_BYTES,
    FIRST,
    FRAGMENTED,
    HEAD,
    LAST,
    MIDDLE,
    PLACE_SHIFT,
    TAIL,
    header_bytes,
    measure,
    seal,
    take_apart,
)
from wattwarden.codecs.dlt698.uploads import NO_ADDRESS
from wattwarden.protocol.checksum import x25
from wattwarden.protocol.codec import Batch, Columns

_LEAST_BYTES: Final = 9 + 1 + CRC_BYTES + 1


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    heard = hear(CODEC, data, rng)
    if heard is None:
        return
    _check_counted(heard.batch, heard.columns)
    _check_fragments(heard.batch.frames()[0], rng)


def _check_counted(batch: Batch, columns: Columns) -> None:
    """Nothing vanishes: what ``read`` gives numbers of is in rows, or refused."""
    rows = rows_of(columns)
    refused = {entry.frame: entry for entry in columns.refused}
    for index, frame in enumerate(batch.frames()):
        if index == 0:
            check_explained(CODEC, frame)
        message = check_frame(CODEC, frame, zone_of)
        # What is told of a meter without an address can be read, but is nobody's; the rest counts.
        nobodys = index in refused and NO_ADDRESS in refused[index].message
        if index in refused and not nobodys:
            assert index not in rows, "a frame is both refused and in rows"
        if message is None or batch.request[index] >= 0:
            continue
        if index in refused and message.meter is not None:
            assert nobodys, "what can be read is refused"
        _check_numbers(message.fields, rows.get(index, []))


def _check_numbers(fields: Any, rows: list[Any]) -> None:
    known = {"V", "A", "W", "var", "VA", "Hz", "kWh", "kvarh", "", "%"}
    numbers = [
        number
        for entry in fields.get("values", ())
        if entry.get("unit") in known
        for number in entry["value"]
    ]
    for row in rows:
        for name, value in row[-1]:
            fits = value is None or any(_is_near(value, number) for number in numbers)
            assert fits, f"{name} is {value}, which {numbers} has not"


def _is_near(value: float, number: float) -> bool:
    """Whether two numbers differ in the unit alone; an exact one is rounded."""
    room = max(0.5001 if isinstance(value, int) else 0.0, abs(value) * 1e-9)
    return any(abs(value - number * scale) <= room for scale in (1, 1000, 0.01))


def _check_fragments(frame: bytes, rng: Random) -> None:
    """A frame in pieces gives the rows of the whole, and each piece is confirmed."""
    if frame[3] & FRAGMENTED:
        return
    link = take_apart(frame)
    if len(link.apdu) < 2:
        return
    cuts = sorted(rng.sample(range(1, len(link.apdu)), min(2, len(link.apdu) - 1)))
    bounds = list(zip([0, *cuts], [*cuts, len(link.apdu)], strict=True))
    pieces = []
    for number, (begin, end) in enumerate(bounds):
        place = FIRST if number == 0 else LAST if number == len(bounds) - 1 else MIDDLE
        pieces.append(
            seal(
                link._replace(
                    control=link.control | FRAGMENTED,
                    flags=0,
                    fragment=number | place << PLACE_SHIFT,
                    apdu=link.apdu[begin:end],
                )
            )
        )
    dialogue = CODEC.dialogue(zone_of)
    dialogue.receive(pieces, RECEIVED_AT)
    asked = dict(dialogue.asked)
    assert set(asked) == {len(pieces) - 1}, "the last piece does not continue the others"
    mine = Batch.of(pieces, RECEIVED_AT, identity="m", profile_of=zone_of, asked=asked)
    whole = Batch.of([frame], RECEIVED_AT, identity="m", profile_of=zone_of)
    got, wanted = rows_of(CODEC.decode(mine)), rows_of(CODEC.decode(whole))
    assert got.get(len(pieces) - 1, []) == wanted.get(0, []), f"{got} in pieces, {wanted} whole"
    answers = CODEC.acknowledge(mine)
    assert all(answers) is link.from_meter, "a piece is not confirmed"
    assert answers[-1].endswith(CODEC.acknowledge(whole)[0]), "a report in pieces is not answered"


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make lengths and checksums fit: of each frame that says its end, or of all as one."""
    if rng.random() < 0.5:
        return _mended_frame(data)
    out, at = b"", 0
    while at < len(data):
        size = _said(data, at)
        out += _mended_frame(data[at : at + size])
        at += size
    return out


def _said(data: bytes, at: int) -> int:
    """Return how long a frame says it is, or how far the next head is."""
    word = int.from_bytes(data[at + 1 : at + 3], "little")
    if data.startswith(HEAD, at) and _LEAST_BYTES <= word + 2 <= len(data) - at:
        return word + 2
    head = data.find(HEAD, at + 1)
    return (len(data) if head < 0 else head) - at


def _mended_frame(raw: bytes) -> bytes:
    if len(raw) < _LEAST_BYTES or not raw.startswith(HEAD):
        return raw
    header = header_bytes(raw, 0)
    if len(raw) < header + CRC_BYTES + 1 or len(raw) - 2 > 0x3FFF:
        return raw
    head = (len(raw) - 2).to_bytes(2, "little") + raw[3 : header - 2]
    covered = head + x25(head).to_bytes(CRC_BYTES, "little") + raw[header:-3]
    frame = HEAD + covered + x25(covered).to_bytes(CRC_BYTES, "little") + bytes([TAIL])
    assert measure(frame, 0) == len(frame)
    return frame


def _seeds() -> list[bytes]:
    return read_seeds("dlt698")


_TOKENS: Final = (
    HEAD, bytes([TAIL]), b"\x83", b"\xc3", b"\x43", b"\x81", b"\xa3", b"\x8b",
    b"\x85\x01", b"\x85\x02", b"\x85\x03", b"\x85\x05", b"\x88\x01", b"\x88\x02", b"\x88\x03",
    b"\x89\x01", b"\x89\x02", b"\x87\x01", b"\x90\x00", b"\x01\x03", b"\x02\x02", b"\x05", b"\x06",
    b"\x12", b"\x1c\x07\xea\x0b\x16\x00\x00\x00", b"\x55\x07\x05", b"\x5a\x09", b"\x5b\x01",
    b"\x20\x00\x02\x00", b"\x00\x10\x02\x00", b"\x50\x04\x02\x00", b"\x20\x21\x02\x00",
    b"\x40\x00\x02\x00", b"\x00\x00", b"\x01\x01\x01", b"\xff\xff\xff\xff", b"\x17\x7f\x80\x00\x00",
)  # fmt: skip

TARGET: Final = Target("dlt698", run, _seeds, _mend, _TOKENS, Wire(CODEC))
