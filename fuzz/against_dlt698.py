"""DL/T 698.45 against another's: ``python fuzz/against_dlt698.py [--frames N] [--seed S]``.

The package ``dlt698`` (Apache-2.0) is no dependency of ours: ``pip install dlt698==1.0.1`` beside
us, or name its place with PYTHONPATH.  Frames of every service, with data of every type, are made
from our declarations; compared are the link layer, that the package writes what it read as the same
bytes, and the values of the data; then, frames with a bit flipped, what either refuses.

Where we differ on purpose: EXPLAINED has what the package refuses and we read, with the reason.  A
record's object with several attributes has one column for the package and may have one for each for
us, and values that the standard reserves are refused by the package and shown by us: neither is
made here.
"""

import struct
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final

# This folder would take the package's name; behind everything else, the root shadows no library.
if sys.path[0] == str(Path(__file__).resolve().parent):
    sys.path.pop(0)
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.differential import Difference, run
from fuzz.grammar import draw

from wattwarden.codecs.dlt698 import CODEC
from wattwarden.codecs.dlt698.data import COMDCB, CSD, DATA, MS, RCSD, REGION, TI
from wattwarden.codecs.dlt698.frame import Link, seal, take_apart
from wattwarden.codecs.dlt698.message import control_of
from wattwarden.codecs.dlt698.services import (
    CLIENT_TAIL,
    OF_OBJECT,
    RECEIVED,
    ROWS,
    SERVER_TAIL,
    SERVICES,
    Key,
    Service,
    columns_of,
)
from wattwarden.codecs.dlt698.values import DATE, DATE_TIME, DATE_TIME_S, TIME, TSA
from wattwarden.protocol.axdr import build
from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.errors import ProtocolError

# What the package refuses and we read, by a part of what it says, with the reason.
EXPLAINED: Final = {
    "PIID": "reserved bits of the PIID are set by meters in the field",
    "nonfinal DAR block": "a block that failed need not be the last to be understood",
}


def _oracle() -> Any:
    return import_module("dlt698.codec")


def main() -> int:
    """Compare as many frames as are asked for; return the exit status."""
    return run("DL/T 698.45 against the package dlt698.", "dlt698==1.0.1", _oracle, compare)


def compare(oracle: Any, rng: Random, counts: Counter[str]) -> None:
    """Compare one frame, and what becomes of it with a bit flipped."""
    key = rng.choice(list(SERVICES))
    service = SERVICES[key]
    apdu = _apdu(key, service, rng)
    frame = seal(_link(service.kind, apdu, rng))
    counts["frames"] += 1
    counts[service.kind] += 1
    _compare_link(oracle, frame)
    message = CODEC.read(frame, default_profile)
    if message.kind not in {service.kind, "login", "heartbeat", "logout"}:
        text = f"{frame.hex()} was made as {service.kind} and read as {message.kind}"
        raise Difference(text)
    if CODEC.encode(message) != frame:
        text = f"{frame.hex()} is written as {CODEC.encode(message).hex()}"
        raise Difference(text)
    try:
        theirs = _read(oracle, key, apdu)
    except ValueError as error:
        reason = next((why for what, why in EXPLAINED.items() if what in str(error)), None)
        if reason is None:
            text = f"{service.kind} {apdu.hex()}: the package refuses it: {error}"
            raise Difference(text) from error
        counts[f"differ on purpose: {reason}"] += 1
    else:
        _compare_apdu(oracle, key, apdu, theirs)
        _compare_values(message.fields, theirs, counts)
    _compare_broken(oracle, frame, rng)


def _read(oracle: Any, key: Key, apdu: bytes) -> Any:
    """Read an APDU with the package.  Raises ValueError with what it says."""
    try:
        read = oracle.decode_security if key[0] in {0x10, 0x90} else oracle.decode_apdu
        return read(apdu)
    except Exception as error:  # its own error, whose class is not ours to import
        raise ValueError(str(error)) from error


def _compare_link(oracle: Any, frame: bytes) -> None:
    theirs, ours = oracle.decode_frame(frame), take_apart(frame)
    told = (
        theirs.control, theirs.client, bytes(theirs.server.bytes)[::-1].hex().upper(),
        theirs.server.logical, int(theirs.server.type), bytes(theirs.payload),
    )  # fmt: skip
    mine = (ours.control, ours.client, ours.address, ours.logical, ours.kind, ours.apdu)
    turned = (*told[:2], bytes(theirs.server.bytes).hex().upper(), *told[3:])
    if mine not in (told, turned):
        text = f"{frame.hex()}: the link is {mine} for us and {told} for the package"
        raise Difference(text)


def _compare_apdu(oracle: Any, key: Key, apdu: bytes, theirs: Any) -> None:
    write = oracle.encode_security if key[0] in {0x10, 0x90} else oracle.encode_apdu
    written = bytes(write(theirs))
    if written != apdu:
        text = f"{apdu.hex()} is written by the package as {written.hex()}"
        raise Difference(text)


def _compare_values(fields: Any, theirs: Any, counts: Counter[str]) -> None:
    """Compare the data of attributes and of records, value by value."""
    ours: list[Any] = []
    told: list[Any] = []
    for mine, its in _pairs(fields, theirs):
        ours.append(mine)
        told.append(_plain(its))
    counts["values"] += len(ours)
    for mine, its in zip(ours, told, strict=True):
        if not _is_same(mine, its):
            text = f"data are {mine} for us and {its} for the package"
            raise Difference(text)


def _pairs(fields: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """Return our data beside the package's, of the services that carry attributes or records."""
    items = fields.get("items") or ([fields] if "data" in fields or "result" in fields else [])
    attributes = getattr(theirs, "attributes", None) or getattr(theirs, "payload", None) or []
    records = getattr(theirs, "records", None)
    found: list[tuple[Any, Any]] = []
    if not isinstance(attributes, list) or not isinstance(items, list):
        return found
    for mine, its in zip(items, records or attributes, strict=False):
        if not isinstance(mine, dict):
            continue
        result = mine.get("result", {"data": mine.get("data")})
        answer = getattr(its, "result", getattr(its, "data", None))
        if "rows" in result and isinstance(answer, list):
            for row, its_row in zip(result["rows"], answer, strict=True):
                found += zip(row, its_row, strict=True)
        elif "data" in result and hasattr(answer, "type"):
            found.append((result["data"], answer))
    return found


def _plain(data: Any) -> Any:
    """Return the package's data as name of the type and value."""
    value = data.value
    if data.type.name in {"array", "structure"}:
        return [_plain(element) for element in value]
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    return value


def _is_same(mine: Any, its: Any) -> bool:
    if mine is None:
        return its is None
    ((kind, value),) = mine.items()
    if kind in {"array", "structure"}:
        return len(value) == len(its) and all(map(_is_same, value, its))
    if not isinstance(its, int | float | str) or not isinstance(value, int | float | str):
        return True  # times and compounds are compared by their bytes
    if kind == "TSA":  # its first byte is the length, which the package shows
        its = str(its)[2:]
    how = {"OI": lambda one: int(str(one), 16), "float32": _packed}.get(kind, _lower)
    return bool(how(value) == (its if kind == "OI" else how(its)))


def _packed(value: Any) -> bytes:
    return struct.pack(">f", value)


def _lower(value: Any) -> str:
    return str(value).lower()


def _compare_broken(oracle: Any, frame: bytes, rng: Random) -> None:
    """Neither takes a frame with a bit flipped."""
    broken = bytearray(frame)
    broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    try:
        CODEC.read(bytes(broken), default_profile)
    except ProtocolError:
        pass
    else:
        text = f"{broken.hex()} is read, a bit of it was flipped"
        raise Difference(text)
    try:
        oracle.decode_frame(bytes(broken))
    except Exception:  # noqa: BLE001  # its own error, whose class is not ours to import
        return
    text = f"{broken.hex()} is read by the package, a bit of it was flipped"
    raise Difference(text)


# What the standard leaves open the package refuses; we show it.
_KNOWN: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "link_request": {"type": (0, 1, 2)},
    "link_response": {"result": (0x00, 0x80, 0x81, 0x02, 0x83)},
    "connect_response": {"result": (0, 1, 2)},
    "release_response": {"result": (0,)},
    "client_error": {"error": (1, 2)},
    "server_error": {"error": (1, 2)},
    "get_response_md5": {"result": ({"dar": 6}, {"md5": "00" * 16})},
}
BROADCAST: Final = 3

# --- what is made ---------------------------------------------------------------------------------


def _apdu(key: Key, service: Service, rng: Random) -> bytes:
    fields = draw(service.fields, rng, _SPECIAL)
    _fill_rows(fields, rng)
    if "piid" in fields:
        fields["piid"] &= 0xBF if rng.random() < 0.98 else 0xFF
    for name, known in _KNOWN.get(service.kind, {}).items():
        fields[name] = rng.choice(known)
    head = bytes(byte for byte in key if byte is not None)
    body = head + build(service.fields, fields)
    if service.tail is CLIENT_TAIL:
        return body + build(service.tail, draw(service.tail, rng, _SPECIAL))
    if service.tail is SERVER_TAIL:
        tail = draw(service.tail, rng, _SPECIAL)
        _fill_rows(tail.get("follow_report") or {}, rng)
        return body + build(service.tail, tail)
    return body


def _fill_rows(fields: Any, rng: Random) -> None:
    """Give every record rows that fit its columns."""
    if isinstance(fields, list):
        for element in fields:
            _fill_rows(element, rng)
    elif isinstance(fields, dict):
        if "rcsd" in fields and "rows" in (fields.get("result") or {}):
            columns = columns_of(fields["rcsd"], spread=False)
            fields["result"]["rows"] = [
                [draw(DATA, rng, _SPECIAL) for _ in columns] for _ in range(rng.randrange(1, 3))
            ]
        for element in fields.values():
            _fill_rows(element, rng)


def _link(kind: str, apdu: bytes, rng: Random) -> Link:
    address = rng.randbytes(rng.choice((6, 6, 6, 1, 4, 16))).hex().upper()
    whose = rng.choice((0, 0, 0, 1, 2, BROADCAST))
    return Link(
        control=control_of(kind), flags=0, kind=whose, logical=rng.randrange(4),
        address="AA" if whose == BROADCAST else address, client=rng.randrange(256),
        fragment=None, apdu=apdu,
    )  # fmt: skip


def _moment(rng: Random) -> tuple[str, str]:
    year, month, day = rng.randrange(2000, 2100), rng.randrange(1, 13), rng.randrange(1, 29)
    clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    return f"{year}-{month:02}-{day:02}", clock


def _column(rng: Random) -> Any:
    """Draw a column; an object with one attribute, as the package counts one for several."""
    oad = rng.randbytes(4).hex().upper()
    if rng.random() < 0.7:
        return {"oad": oad}
    return {"road": {"oad": oad, "columns": [rng.randbytes(4).hex().upper()]}}


def _region(rng: Random) -> Any:
    return {
        "bounds": rng.randrange(4),
        "begin": {"unsigned": rng.randrange(256)},
        "end": {"unsigned": rng.randrange(256)},
    }


def _tsa(rng: Random) -> str:
    return rng.randbytes(rng.choice((6, 6, 1, 16))).hex().upper()


_SPECIAL: Final = {
    id(DATE_TIME_S): lambda rng: " ".join(_moment(rng)),
    id(DATE_TIME): lambda rng: f"{' '.join(_moment(rng))}.{rng.randrange(1000):03} dow=1",
    id(DATE): lambda rng: f"{_moment(rng)[0]} dow=2",
    id(TIME): lambda rng: _moment(rng)[1],
    id(TSA): _tsa,
    id(OF_OBJECT): lambda rng: rng.randbytes(4).hex().upper(),
    id(TI): lambda rng: {"unit": rng.randrange(6), "interval": rng.randrange(1 << 16)},
    id(REGION): _region,
    id(COMDCB): lambda rng: {
        "baud": rng.randrange(11),
        "parity": rng.randrange(3),
        "data_bits": rng.randrange(5, 9),
        "stop_bits": rng.randrange(1, 3),
        "flow_control": rng.randrange(3),
    },
    id(ROWS): lambda _rng: [],  # filled in when the columns are there
    id(RECEIVED): lambda rng: [rng.randbytes(rng.randrange(9)).hex() for _ in range(2)],
    id(CSD): _column,
    id(RCSD): lambda rng: [_column(rng) for _ in range(rng.randrange(1, 4))],
    id(MS): lambda rng: rng.choice(
        ({"none": None}, {"all": None}, {"addresses": [_tsa(rng)]}, {"numbers": [1, 2]})
    ),
}


if __name__ == "__main__":
    sys.exit(main())
