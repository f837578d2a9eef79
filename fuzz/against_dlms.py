"""DLMS against another's: ``python fuzz/against_dlms.py [--frames N] [--seed S]``.

The package ``dlms-cosem`` (MIT) is no dependency of ours: ``pip install dlms-cosem==25.1.0`` beside
us, or name its place with PYTHONPATH.  Pushes in HDLC and in the wrapper, with nested data, are
made from our declarations; compared are the information of a frame, the id of the push, every value
of its body and the answers to get requests; then, frames with a bit flipped, what either refuses.

Where we differ on purpose, and what is therefore not compared: the package takes the byte before a
push's time for a flag and not for a length, reads the length of a bit string as bytes and a BCD as
a string, leaves floats as bytes, knows neither compact arrays nor deltas, and loses the zero of a
physical address 0 before it checks the header.
"""

import sys
from collections import Counter
from datetime import datetime
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final

# This folder would take the package's name; behind everything else, the root shadows no library.
if sys.path[0] == str(Path(__file__).resolve().parent):
    sys.path.pop(0)
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.differential import Difference, run
from fuzz.grammar import DEEPEST, MOST_ITEMS

from wattwarden.codecs.dlms import CODEC
from wattwarden.codecs.dlms.data import DATA
from wattwarden.codecs.dlms.frame import LLC_RESPONSE, take_apart
from wattwarden.protocol.axdr import build
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.errors import ProtocolError

_SIZES: Final = {
    "double-long": (4, True), "double-long-unsigned": (4, False), "integer": (1, True),
    "long": (2, True), "unsigned": (1, False), "long-unsigned": (2, False), "long64": (8, True),
    "long64-unsigned": (8, False), "enum": (1, False),
}  # fmt: skip
_SIMPLE: Final = (*_SIZES, *_SIZES, "boolean", "octet-string", "octet-string", "visible-string")


class Oracle:
    """The package, behind the questions that are asked."""

    def __init__(self) -> None:
        self._frames = import_module("dlms_cosem.hdlc.frames")
        self._wrappers = import_module("dlms_cosem.protocol.wrappers")
        self._push = import_module("dlms_cosem.protocol.xdlms.data_notification")
        self._get = import_module("dlms_cosem.protocol.xdlms.get")
        self._parse = import_module("dlms_cosem.utils").parse_as_dlms_data

    def information(self, frame: bytes) -> bytes:
        """Return what a frame of either kind carries."""
        if frame.startswith(b"\x7e"):
            return bytes(self._frames.UnnumberedInformationFrame.from_bytes(frame).payload)
        return bytes(self._wrappers.WrapperProtocolDataUnit.from_bytes(frame).data)

    def push(self, apdu: bytes) -> tuple[int, datetime | None, bytes]:
        """Return id, time and body of a push whose time is flagged."""
        read = self._push.DataNotification.from_bytes(apdu)
        return read.long_invoke_id_and_priority.long_invoke_id, read.date_time, read.body

    def values(self, body: bytes) -> Any:
        """Return the values of data."""
        return self._parse(body)

    def answer(self, apdu: bytes) -> bytes:
        """Return the data of an answer to a get request."""
        return bytes(self._get.GetResponseNormal.from_bytes(apdu).data)


def main() -> int:
    """Compare as many frames as are asked for; return the exit status."""
    return run("DLMS against the package dlms-cosem.", "dlms-cosem==25.1.0", Oracle, compare)


def compare(oracle: Oracle, rng: Random, counts: Counter[str]) -> None:
    """Compare one frame, and what becomes of it with a bit flipped."""
    body = {rng.choice(("array", "structure")): [_data(rng, 1) for _ in range(rng.randrange(1, 6))]}
    kind, fields = _message(rng, body)
    message = Message(kind, fields=fields | _link(rng))
    try:
        frame = CODEC.encode(message)
    except ValueError:
        counts["too long for HDLC"] += 1
        return
    counts["frames"] += 1
    link = take_apart(frame)
    if oracle.information(frame) != link.information:
        text = f"{frame.hex()} carries other bytes for the package"
        raise Difference(text)
    said = CODEC.read(frame, default_profile)
    apdu = link.information.removeprefix(LLC_RESPONSE)
    data = said.fields["body"] if kind == "data_notification" else said.fields["result"]["data"]
    raw = _compare_fields(oracle, kind, apdu, said)
    if raw != build(DATA, data):
        text = f"{frame.hex()}: its data are {raw.hex()} for the package"
        raise Difference(text)
    theirs = oracle.values(raw)
    counts["values"] += _compare_values(data, theirs, frame)
    if link.is_hdlc:
        _compare_broken(oracle, frame, rng, counts)


def _compare_fields(oracle: Oracle, kind: str, apdu: bytes, said: Message) -> bytes:
    """Compare what stands before the data; return the data as the package has them."""
    if kind == "get_response":
        return oracle.answer(apdu)
    number, moment, raw = oracle.push(apdu)
    if number != said.fields["long_invoke_id"]:
        text = f"{apdu.hex()} has the id {number} for the package"
        raise Difference(text)
    if (moment is None) is not (said.at is None) or (
        moment is not None and said.at is not None and moment.timestamp() != said.at.timestamp()
    ):
        text = f"{apdu.hex()} is of {moment} for the package, of {said.at} for us"
        raise Difference(text)
    return raw


def _compare_values(ours: Any, theirs: Any, frame: bytes) -> int:
    """Compare data value by value; return how many there were."""
    if ours is None:
        same, count = theirs is None, 1
    else:
        ((kind, value),) = ours.items()
        if kind in {"array", "structure"}:
            if len(value) != len(theirs):
                text = f"{frame.hex()}: {len(value)} elements for us, {theirs} for the package"
                raise Difference(text)
            return sum(_compare_values(*pair, frame) for pair in zip(value, theirs, strict=True))
        its = bytes(theirs).hex() if isinstance(theirs, bytes | bytearray) else theirs
        same, count = its == value, 1
    if not same:
        text = f"{frame.hex()}: {ours} for us, {theirs!r} for the package"
        raise Difference(text)
    return count


def _compare_broken(oracle: Oracle, frame: bytes, rng: Random, counts: Counter[str]) -> None:
    """We take no frame with a bit between its flags flipped.

    The package takes some: it checks the header that it would have written, not the one that came.
    """
    broken = bytearray(frame)
    broken[rng.randrange(1, len(broken) - 1)] ^= 1 << rng.randrange(8)
    try:
        CODEC.read(bytes(broken), default_profile)
    except ProtocolError:
        counts["broken, refused"] += 1
    else:
        text = f"{broken.hex()} is read, a bit of it was flipped"
        raise Difference(text)
    try:
        oracle.information(bytes(broken))
    except Exception:  # noqa: BLE001  # the package raises what it likes
        return
    counts["broken, read by the package"] += 1


# --- what is made ---------------------------------------------------------------------------------


def _data(rng: Random, depth: int) -> Any:
    if depth < DEEPEST and rng.random() < 0.3:
        count = rng.randrange(MOST_ITEMS)
        return {rng.choice(("array", "structure")): [_data(rng, depth + 1) for _ in range(count)]}
    kind = rng.choice(_SIMPLE)
    if kind in _SIZES:
        size, signed = _SIZES[kind]
        return {kind: int.from_bytes(rng.randbytes(size), "big", signed=signed)}
    if kind == "boolean":
        return {kind: rng.random() < 0.5}
    if kind == "visible-string":
        return {kind: "".join(rng.choice("abcXYZ 019-_") for _ in range(rng.randrange(20)))}
    return {kind: rng.randbytes(rng.choice((0, 1, 6, 12, 200))).hex()}


def _message(rng: Random, body: Any) -> tuple[str, dict[str, Any]]:
    if rng.random() < 0.2:
        return "get_response", {"invoke_id_and_priority": 0xC1, "result": {"data": body}}
    time = None
    if rng.random() < 0.5:
        deviation = rng.randrange(-720, 721)
        date = f"{rng.randrange(2000, 2100)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
        time = {"present": f"{date} {clock} dow=255 hundredths=0 deviation={deviation} status=0"}
    invoke = f"{rng.randrange(1 << 24):08X}"
    return "data_notification", {
        "long_invoke_id_and_priority": invoke, "date_time": time, "body": body,
    }  # fmt: skip


def _link(rng: Random) -> dict[str, Any]:
    if rng.random() < 0.4:
        return {"source_port": rng.randrange(1, 1 << 16), "destination_port": 16}
    server = rng.choice(
        (rng.randrange(16, 128), rng.randrange(16, 128) << 7 | rng.randrange(1, 128))
    )
    size = 1 if server < 128 else 2
    parts = [(server >> 7 * place & 0x7F) << 1 for place in range(size - 1, -1, -1)]
    parts[-1] |= 1
    return {
        "destination": f"{rng.randrange(1, 128) << 1 | 1:02x}",
        "source": bytes(parts).hex(),
        "control": "13",
    }


if __name__ == "__main__":
    sys.exit(main())
