"""Invariant: whatever a peer sends, each Acrel frame is rows, refused or without readings by kind.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: rows hold what ``read``
says; a batch means what its frames mean one by one; explanations are the frame, byte by byte; what
was read is written as a frame that says the same; answers are sound frames.
"""

import re
from random import Random
from typing import Any, Final
from zlib import crc32

from fuzz.contract import (
    Wire,
    check_explained,
    check_written,
    microseconds,
    read_checked,
    rows_of,
    zone_of,
)
from fuzz.harness import Target, read_seeds
from fuzz.stream import hear

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.frame import HEAD, LEAST_BYTES, SERIAL_BYTES, TAIL, UPLOAD
from wattwarden.codecs.acrel.layouts import LAYOUTS
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.codec import Batch, Claim, Columns, Message, Profile
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES

WITHOUT_READINGS: Final = frozenset({"alarm_0x54"})


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    heard = hear(CODEC, data, rng)
    if heard is None:
        return
    _check_counted(heard.batch, heard.columns)


def _check_counted(batch: Batch, columns: Columns) -> None:
    """Nothing vanishes: what ``read`` gives readings of is in rows with them, or refused."""
    rows = rows_of(columns)
    refused = {entry.frame for entry in columns.refused}
    registered = batch.identities[0]

    def zone_of_meter(address: str) -> Profile:
        return zone_of(address or registered or "")

    for index, frame in enumerate(batch.frames()):
        assert CODEC.recognise(frame) is Claim.YES, "a frame is not recognised"
        if index == 0:
            check_explained(CODEC, frame)
        message = read_checked(CODEC, frame, zone_of_meter)
        if message is not None and _is_plain(frame, message):
            check_written(CODEC, message, zone_of_meter)
        expected = _expected(frame, message)
        if index in refused:
            assert index not in rows, "a frame is both refused and in rows"
        elif expected is None:
            assert index not in rows, f"{message} gives readings"
        else:
            _check_row(batch, message, rows.get(index, []), expected)


def _is_plain(frame: bytes, message: Message) -> bool:
    """Whether the sections of a frame, if it has any, stand behind a serial or nothing."""
    if "sections" not in message.fields or message.meter is not None:
        return True
    empty = frame.startswith((b"[[", bytes(SERIAL_BYTES)), 3)
    return empty and bool(message.fields["sections"])


def _expected(frame: bytes, message: Message | None) -> dict[str, Any] | None:
    """Return the quantities that a frame reports, None when it reports none."""
    if frame[2] != UPLOAD or len(frame) == LEAST_BYTES:
        return None
    if message is None:
        return {}
    known = [section for section in message.fields["sections"] if "layout" in section]
    if not known or known[0]["layout"] in WITHOUT_READINGS:
        return None
    values: dict[str, Any] = {}
    for section in known:
        values |= section["values"]
    return {name: value for name, value in values.items() if name in QUANTITIES}


def _check_row(
    batch: Batch, message: Message | None, rows: list[Any], expected: dict[str, Any]
) -> None:
    assert message is not None, "an upload that cannot be read is not refused"
    assert rows, "an upload gives no row"
    assert len({row[2] for row in rows}) == len(rows), "a channel has two rows"
    if len(rows) > 1:  # each channel has its own values, which tests/codecs compares
        return
    _, meter, _, period, at, quality, values = rows[0]
    assert meter == (message.meter or batch.identities[0]), f"a row of {meter}"
    assert period == "instant", f"a row of a {period}"
    assert dict(values) == expected, f"columns {values}, construct {expected}"
    if message.at is None:
        assert quality == Quality.NO_CLOCK, "no clock, and no remark"
    else:
        assert at == microseconds(message.at), f"columns {at}, construct {message.at}"


# --- inputs ---------------------------------------------------------------------------------------

_PAYLOAD: Final = re.compile(rb"\(\(([^(].{3,}?)\)\)\]\]", re.DOTALL)


def _mend(data: bytes, rng: Random) -> bytes:
    """Make the checksums of frames fit, mostly those of the Modbus replies inside, too."""
    if rng.random() < 0.8:
        counted = rng.random() < 0.5
        data = _PAYLOAD.sub(lambda found: _mended_reply(found[1], counted), data)
    whole = [_mended_frame(piece) for piece in data.split(TAIL + HEAD)]
    return (TAIL + HEAD).join(whole)


def _mended_reply(payload: bytes, counted: bool) -> bytes:  # noqa: FBT001  # a lot drawn once
    if counted and 5 < len(payload) < 261:
        payload = payload[:2] + bytes([len(payload) - 5]) + payload[3:]
    covered = payload[:-2]
    return b"((" + covered + modbus(covered).to_bytes(2, "little") + b"))]]"


def _mended_frame(piece: bytes) -> bytes:
    """Mend a frame of which the split may have taken head and tail."""
    begin = len(HEAD) if piece.startswith(HEAD) else 0
    end = len(piece) - (len(TAIL) if piece.endswith(TAIL) else 0)
    covered = piece[begin : end - 2]
    if len(covered) < 1:
        return piece
    return piece[:begin] + covered + modbus(covered).to_bytes(2, "little") + piece[end:]


def _seeds() -> list[bytes]:
    """The vectors, and an upload of each layout there is, since few are published."""
    made = [
        CODEC.encode(Message("upload", fields={"serial": serial, "sections": sections}))
        for serial in ("", "21201031700227")
        for sections in _sections()
    ]
    return [*read_seeds("acrel"), *made]


def _sections() -> list[list[dict[str, Any]]]:
    clock = {"clock": "2024-02-29 23:59:59"}
    every = [
        {
            "channel": "1-1",
            "layout": name,
            "values": clock if "clock" in [column.name for column in layout.columns] else {},
        }
        for name, layout in LAYOUTS.items()
    ]
    single = [section for section in every if section["layout"] not in _FOLLOWING]
    return [[section] for section in single] + [
        [section for section in every if section["layout"] in names] for names in _TOGETHER
    ]


_TOGETHER: Final = (
    ("three_phase_nb_0x4c", "energies_0x0c", "signal_0x04", "outputs_0x04"),
    ("single_phase_nb_0x0e", "signal_0x04", "control_0x04", "both_energies_0x08"),
)
_FOLLOWING: Final = frozenset(name for names in _TOGETHER for name in names[1:])

_TOKENS: Final = (
    HEAD, TAIL, b"[[1-1((", b"))]]", b"[[", b"((", b"))", b"]]", b"un", b"\x0d", b" ", bytes(20),
    b"{{\x91", b"{{\x84", b"{{\x93", b"{{\xab", b"{{\x90", b"\x01\x03\x60", b"\x01\x03\x90",
    b"\x01\x03\x4c", b"\x01\x03\x0e", b"\x01\x03\x04", b"\x01\x03\x0c", b"\x01\x03\x54",
)  # fmt: skip

TARGET: Final = Target("acrel", run, _seeds, _mend, _TOKENS, Wire(CODEC))
