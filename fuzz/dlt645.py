"""Invariant: whatever a peer sends, each DL/T 645 frame is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, ``answer_of``, nor from ``encode`` of what was read.  Besides: a batch
means what its frames mean one by one; explanations are the frame, byte by byte; what was read is
written as a frame that says the same, from its data as from its values; framing does work linear
in the bytes.
"""

from random import Random
from typing import Any, Final
from zlib import crc32

from fuzz.contract import (
    Wire,
    check_explained,
    check_written,
    read_checked,
    rows_of,
    zone_of,
)
from fuzz.harness import Target, read_seeds
from fuzz.stream import check_work, hear

from wattwarden.codecs.dlt645 import CODEC, answer_of, request, request_next
from wattwarden.codecs.dlt645.fields import name_of
from wattwarden.codecs.dlt645.frame import FRAMING_BYTES, LENGTH, MOST_BYTES, SECOND_HEAD, seal
from wattwarden.codecs.dlt645.functions import READINGS
from wattwarden.codecs.tables import read_table
from wattwarden.protocol.checksum import sum8
from wattwarden.protocol.codec import Batch, Claim, Columns, Message

# Each byte can begin a candidate, and each candidate is summed once.
MOST_WORK_A_BYTE: Final = MOST_BYTES


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    heard = hear(CODEC, data, rng)
    check_work(CODEC, data, MOST_WORK_A_BYTE)
    if heard is None:
        return
    _check_counted(heard.batch, heard.columns)


def _check_counted(batch: Batch, columns: Columns) -> None:
    """Nothing vanishes: what cannot be read is refused, what has a quantity is in a row."""
    rows = rows_of(columns)
    refused = {entry.frame for entry in columns.refused}
    for index, frame in enumerate(batch.frames()):
        claim = CODEC.recognise(frame)
        assert claim is not Claim.MORE, "more is wanted than a frame"
        check_explained(CODEC, frame)
        answer_of(frame)
        message = read_checked(CODEC, frame, zone_of)
        assert not (index in rows and index in refused), "a frame is both refused and in rows"
        if message is None:
            assert index not in rows, "a frame that cannot be read gives a row"
            continue
        check_written(CODEC, message, zone_of)
        _check_values(frame, message)
        if index in rows:
            control = int(message.fields["control"], 16)
            assert control & 0x80, "a question gives readings"
            assert control & 0x1F in READINGS, f"{message.kind} gives readings"
            assert name_of(message.fields["di"]), "an unknown item gives readings"


def _check_values(frame: bytes, message: Message) -> None:
    """What values say is what the bytes were: they build the data again."""
    fields = dict(message.fields)
    if "rest" in fields or "end" in fields or not _is_plain(fields):
        return
    del fields["data"]
    again = CODEC.encode(Message(message.kind, message.meter, fields=fields))
    assert again == frame, f"from values {again.hex()}, it was {frame.hex()}"


def _is_plain(fields: dict[str, Any]) -> bool:
    """Whether values are written in one way alone: no fill, no minus zero, no text."""
    rows = fields.get("items", [fields])
    values = [value for row in rows for name, value in row.items() if name.startswith("value")]
    times = [row[name] for row in rows for name in row if name.startswith("time")]
    return "data" in fields and bool(values) and not any(
        value in (0, None) or isinstance(value, str) for value in [*values, *times]
    )  # fmt: skip


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make sums and tails fit wherever a frame seems to begin, at times the length too."""
    mended = bytearray(data)
    at = data.find(b"\x68")
    while 0 <= at <= len(mended) - FRAMING_BYTES:
        if mended[at + SECOND_HEAD] != 0x68 and rng.random() < 0.5:
            mended[at + SECOND_HEAD] = 0x68
        if mended[at + SECOND_HEAD] == 0x68:
            end = at + FRAMING_BYTES + mended[at + LENGTH]
            if end > len(mended):
                mended[at + LENGTH] = min(0xFF, len(mended) - at - FRAMING_BYTES)
                end = at + FRAMING_BYTES + mended[at + LENGTH]
            mended[end - 2] = sum8(bytes(mended[at : end - 2]))
            mended[end - 1] = 0x16
            at = end - 1
        at = mended.find(b"\x68", at + 1)
    return bytes(mended)


def _seeds() -> list[bytes]:
    """The vectors, what is asked, and a value of each line of the tables."""
    made = [request("201611223344", "02010100"), request("201611223344", "9010")]
    made += [request_next("201611223344", "06010001", 1)]
    rng = Random("seeds")
    for year, control in (("2007", 0x91), ("1997", 0x81)):
        for row in read_table(f"dlt645_{year}"):
            raw = bytes.fromhex(_plain_di(row["di"]))[::-1]
            count = rng.choice((2, 3, 4, 8, 16))
            raw += bytes(rng.randrange(8) << 4 | rng.randrange(10) for _ in range(count))
            made.append(seal("201611223344", control, raw))
    return [*read_seeds("dlt645"), *made]


def _plain_di(pattern: str) -> str:
    return "".join(char if char in "0123456789ABCDEF" else "1" for char in pattern).replace(
        "11", "01"
    )


_TOKENS: Final = (
    b"\x68", b"\x16", b"\xfe", b"\xfe\xfe\xfe\xfe", b"\x91", b"\xd1", b"\xb1", b"\x92", b"\x81",
    b"\x11\x04", b"\x32\x32", b"\x21\x21\x21\x21", b"\xaa" * 6, b"\x33\x33\x34\x33",
    b"\x33\x32\x34\x33", b"\x33\x32\x34\x35", b"\x33\x34\x34\x35", b"\x43\xc3", b"\x52\xc3",
    b"\xdd", b"\xb3", b"\x33\x34\x39\x38",
)  # fmt: skip

TARGET: Final = Target("dlt645", run, _seeds, _mend, _TOKENS, Wire(CODEC))
