"""What published frames must become, worked out a second time: by offsets and by splitting texts.

Reads the records of tests/vectors and none of the program, so that a mistake would have
to be made twice to stay unseen.
"""

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tests.integration.wire import CHINA, crc_hj212

VECTORS: Final = Path(__file__).resolve().parents[1] / "vectors"
FILES: Final = tuple(str(VECTORS / f"{name}.jsonl") for name in ("acrel", "hj212"))
Values = dict[str, float | int]
Key = tuple[str, str, str, datetime | None]
"""Meter, channel, period, time; None where the frame has no clock."""


@dataclass(slots=True)
class Expected:
    """What the store must hold after all frames were sent once, in the order of their files.

    ``factors``: amounts and flags (blank for none) by key and list of codes.  ``decodable`` are
    frames that wait in quarantine although their checksum fits, ``noise`` those that fit nothing.
    """

    readings: dict[Key, Values] = field(default_factory=dict)
    factors: dict[tuple[Key, tuple[str, ...]], tuple[list[float], str]] = field(
        default_factory=dict
    )
    undecodable: list[tuple[str, bytes]] = field(default_factory=list)
    noise: list[bytes] = field(default_factory=list)
    answered: int = 0
    silent: int = 0
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def meters(self) -> set[str]:
        """Everybody who said something that became a row."""
        return {key[0] for key in self.readings} | {key[0] for key, _ in self.factors}


def expectation() -> Expected:
    """Read both files."""
    expected = Expected()
    named = ""
    for record in _records("acrel"):
        named = record.get("meter") or named
        if _is_sound("acrel", record, expected):
            _add_acrel(bytes.fromhex(record["hex"]), named, expected)
    for record in _records("hj212"):
        expected.keys |= record.get("key") or {}
        if _is_sound("hj212", record, expected):
            _add_hj212(bytes.fromhex(record["hex"]), expected)
    return expected


def single(value: float) -> float:
    """What a float4 makes of a number."""
    narrow: float = struct.unpack("f", struct.pack("f", value))[0]
    return narrow


def _records(codec: str) -> Iterator[dict[str, Any]]:
    for line in (VECTORS / f"{codec}.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _is_sound(codec: str, record: dict[str, Any], expected: Expected) -> bool:
    """Count a record; whether its frame may give rows."""
    raw = bytes.fromhex(record["hex"])
    if record["accept"]:
        expected.answered += record["reply"] is not None
        expected.silent += record["reply"] is None
        return True
    if record["error"] == "decode":
        # Its frame means nothing, yet it is stored: the meter is told so.
        expected.answered += 1
        expected.undecodable.append((codec, raw))
    else:
        expected.silent += 1
        expected.noise.append(raw.rstrip(b"\r\n"))
    return False


# --- Acrel ---

PHASES: Final = ("a", "b", "c")
TARIFFS: Final = ("", "_sharp", "_peak", "_flat", "_valley")


def _add_acrel(frame: bytes, meter: str, expected: Expected) -> None:
    if frame[2] != 0x91 or len(frame) == 7:
        return
    blocks = list(_blocks(frame))
    channel, first = blocks[0]
    at = None
    if len(first) in {0x60, 0x90}:
        values = _common_block(first)
        when = first[80:87] if len(first) == 0x60 else first[80:83] + b"\0" + first[83:86]
        year, month, day, _, hour, minute, second = when
        at = datetime(2000 + year, month, day, hour, minute, second, tzinfo=CHINA).astimezone(UTC)
        if len(first) == 0x90:
            values["energy_forward_deep_valley"] = 10 * _u32(first, 96)
    elif len(first) == 0x4C:
        values = _three_phase_nb(first)
        [energies] = [block for _, block in blocks[1:] if len(block) == 0x0C]
        for place, name in enumerate(("combined", "forward", "reverse")):
            values[f"energy_{name}"] = 10 * _u32(energies, 4 * place)
    else:
        message = f"no expectation for a block of {len(first)} bytes"
        raise AssertionError(message)
    expected.readings[meter, channel, "i", at] = values


def _blocks(frame: bytes) -> Iterator[tuple[str, bytes]]:
    """Each section's address and the registers in it, those that are Modbus replies."""
    for match in re.finditer(rb"\[\[(\d+-\d+)\(\(", frame):
        size = frame[match.end() + 2]
        if frame[match.end() + 1] == 3 and frame[match.end() + 5 + size :].startswith(b"))]]"):
            start = match.end() + 3
            yield match[1].decode(), frame[start : start + size]


def _common_block(block: bytes) -> Values:
    values: Values = {}
    for place, phase in enumerate(PHASES):
        values[f"voltage_{phase}"] = _u16(block, 2 + 2 * place) / 10
        values[f"current_{phase}"] = _u16(block, 8 + 2 * place) / 100
    for place, phase in enumerate((*PHASES, "total")):
        values[f"power_{phase}"] = _i16(block, 14 + 2 * place)
        values[f"reactive_{phase}"] = _i16(block, 22 + 2 * place)
        values[f"power_factor_{phase}"] = _i16(block, 30 + 2 * place) / 1000
    for place, tariff in enumerate(TARIFFS):
        values[f"energy_forward{tariff}"] = 10 * _u32(block, 42 + 4 * place)
    return values


def _three_phase_nb(block: bytes) -> Values:
    values: Values = {}
    for place, phase in enumerate(PHASES):
        values[f"voltage_{phase}"] = _u16(block, 2 * place) / 10
        values[f"current_{phase}"] = _u16(block, 12 + 2 * place) / 100
    for place, phase in enumerate((*PHASES, "total")):
        values[f"power_{phase}"] = _i32(block, 20 + 4 * place)
        values[f"reactive_{phase}"] = _i32(block, 36 + 4 * place)
        values[f"power_factor_{phase}"] = _i16(block, 68 + 2 * place) / 1000
    return values


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _i16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big", signed=True)


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _i32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big", signed=True)


# --- HJ 212 ---

# Annex C of HJ 212-2017: what the data of a command stand for.
PERIODS: Final = {
    "2011": "i",
    "2021": "i",
    "2051": "m",
    "2061": "h",
    "2031": "d",
    "2041": "r",
    "2062": "i",
    "3020": "i",
}
NOT_VALUES: Final = {"Flag", "SampleTime", "SN"}


def _add_hj212(frame: bytes, expected: Expected) -> None:
    head, _, rest = frame.partition(b"CP=&&")
    header = dict(item.split("=") for item in head[6:].decode().rstrip(";").split(";"))
    meter, period = header["MN"], PERIODS.get(header["CN"])
    if period is None:
        return
    data = rest[: rest.rindex(b"&&")]
    if meter in expected.keys and any(byte < 0x20 for byte in data):
        plain = _decrypted(data, bytes.fromhex(expected.keys[meter]))
        data = _completed(frame, head[6:] + b"CP=&&", plain)
    items = dict(item.partition("=")[::2] for item in re.split("[;,]", data.decode()) if item)
    codes, amounts, flags = [], [], []
    for name, text in items.items():
        code, dash, statistic = name.rpartition("-")
        if dash and statistic not in NOT_VALUES:
            codes.append(code if statistic == "Rtd" else name)
            amounts.append(_amount(text))
            flags.append(items.get(f"{code}-Flag", " "))
    if all(map(math.isnan, amounts)):
        return
    time = items.get("DataTime")
    at = None
    if time:
        local = datetime.strptime(time[:14], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
        at = local.astimezone(UTC)
    key = (meter, items.get("PolId", "")[:8], period, at)
    row = (amounts, "".join(flags))
    assert expected.factors.setdefault((key, tuple(codes)), row) == row, "the vectors disagree"


def _amount(text: str) -> float:
    try:
        return single(float(text))
    except ValueError:
        return math.nan


def _decrypted(data: bytes, key: bytes) -> bytes:
    """SM4-ECB of the whole blocks; the rest is plain."""
    whole = len(data) // 16 * 16
    mode = modes.ECB()  # noqa: S305  the standard's choice
    return Cipher(algorithms.SM4(key), mode).decryptor().update(data[:whole]) + data[whole:]


def _completed(frame: bytes, head: bytes, plain: bytes) -> bytes:
    """Put back a tail that was lost, when it is that of another item and the checksum proves it."""
    missing = int(frame[2:6]) - len(head + plain + b"&&")
    if not missing:
        return plain
    crc = frame.rstrip()[-4:]
    tails = {item[-missing:] for item in re.split(b"[;,]", plain)}
    [tail] = (tail for tail in tails if crc_hj212(head + plain + tail + b"&&") == crc)
    return plain + tail
