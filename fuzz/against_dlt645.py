"""DL/T 645 against another's: ``python fuzz/against_dlt645.py [--frames N] [--seed S]``.

The package ``dlt645`` (Apache-2.0) is no dependency of ours: ``pip install dlt645==3.2.0`` beside
us, or name its place with PYTHONPATH.  Compared are which frames a stream holds, what they are made
of, which value an item's bytes have and which bytes a value has.

Where we differ on purpose: the package takes the highest bit of every number for a sign, we that
of items which have one; it reads digits above 9, we refuse them; it has no word for FF and EE.
Numbers with such bytes are counted, not compared.
"""

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

from wattwarden.codecs.dlt645 import CODEC
from wattwarden.codecs.dlt645.fields import build_values
from wattwarden.codecs.dlt645.frame import check, seal
from wattwarden.codecs.dlt645.items import Item, find_item
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer

READ_REPLY: Final = 0x91


class Oracle:
    """The package, behind the three questions that are asked."""

    def __init__(self) -> None:
        self._protocol = import_module("dlt645.protocol.protocol").DLT645Protocol
        self._transform = import_module("dlt645.common.transform")
        known = import_module("dlt645.model.data.define").DIMap
        self.formats: dict[str, str] = {
            f"{number:08X}": item.data_format
            for number, item in known.items()
            if "." in getattr(item, "data_format", "")
        }
        self.single = sorted(di for di in self.formats if _is_single(find_item(di)))
        import_module("loguru").logger.remove()

    def frames(self, stream: bytes) -> list[tuple[bytes, int, bytes]]:
        """Return address, control and data of each frame of a stream."""
        found: list[tuple[bytes, int, bytes]] = []
        rest = stream
        while True:
            rest, frame = self._protocol.deserialize_with_remaining(rest)
            if frame is None:
                return found
            found.append((bytes(frame.addr), int(frame.ctrl_code), bytes(frame.data)))

    def value(self, raw: bytes, format_text: str) -> float:
        """Return what digits say."""
        return float(self._transform.bcd_to_value(raw, format_text, "little"))

    def digits(self, value: float, format_text: str) -> bytes:
        """Return the digits of a value."""
        return bytes(self._transform.float_to_bcd(value, format_text, "little"))


def main() -> int:
    """Compare as many frames as are asked for; return the exit status."""
    return run("DL/T 645 against the package dlt645.", "dlt645==3.2.0", Oracle, _compare)


def _is_single(item: Item | None) -> bool:
    return item is not None and len(item.parts) == 1 and not item.repeats


def _compare(oracle: Oracle, rng: Random, counts: Counter[str]) -> None:
    """Compare a stream of a few frames, some broken, with noise between them."""
    stream = b""
    for _ in range(rng.randrange(1, 5)):
        di = rng.choice(oracle.single)
        raw = _digits(rng, find_item(di))
        counts["frames"] += 1
        _compare_value(oracle, di, raw, counts)
        stream += _broken(rng, b"\xfe" * rng.randrange(5) + _frame(rng, di, raw))
        if rng.random() < 0.3:
            stream += rng.randbytes(rng.randrange(12))
    ours = [check(frame) for frame in Framer(CODEC.outline).feed(stream)]
    told = [(bytes.fromhex(one.address)[::-1], one.control, one.data) for one in ours]
    theirs = oracle.frames(stream)
    counts["frames found"] += len(theirs)
    if told != theirs:
        message = f"{stream.hex()}: ours {told}, theirs {theirs}"
        raise Difference(message)


def _frame(rng: Random, di: str, raw: bytes) -> bytes:
    address = f"{rng.randrange(10**12):012}"
    control = rng.choice((READ_REPLY, READ_REPLY, 0x94, rng.randrange(256)))
    return seal(address, control, bytes.fromhex(di)[::-1] + raw)


def _broken(rng: Random, frame: bytes) -> bytes:
    """Break one frame in five: a byte changed, left out, or the end missing."""
    if rng.random() < 0.8:
        return frame
    at = rng.randrange(len(frame))
    return rng.choice(
        (frame[:at], frame[:at] + frame[at + 1 :], frame[:at] + rng.randbytes(1) + frame[at + 1 :])
    )


def _digits(rng: Random, item: Item | None) -> bytes:
    size = 0 if item is None else item.size
    if rng.random() < 0.1:
        return rng.choice((b"\xff" * size, b"\xee" * size, rng.randbytes(size)))
    return bytes(rng.randrange(10) << 4 | rng.randrange(10) for _ in range(size))


def _compare_value(oracle: Oracle, di: str, raw: bytes, counts: Counter[str]) -> None:
    item = find_item(di)
    assert item is not None
    part = item.parts[0]
    format_text = oracle.formats[di]
    frame = seal("201611223344", READ_REPLY, bytes.fromhex(di)[::-1] + raw)
    try:
        ours: Any = CODEC.read(frame, default_profile).fields["value"]
    except ProtocolError:
        ours = None
    if ours is None or (raw[-1] & 0x80 and not part.piece.signed):
        counts["differ on purpose"] += 1
        return
    theirs = oracle.value(raw, format_text)
    if ours != theirs:
        message = f"{di} {format_text} {raw.hex()}: ours {ours}, theirs {theirs}"
        raise Difference(message)
    counts["values"] += 1
    built = build_values(item, {"value": ours})
    if ours and built != oracle.digits(ours, format_text):
        message = f"{di} {format_text} {ours}: ours {built.hex()}"
        raise Difference(message)
    written = CODEC.encode(Message("read_reply", "201611223344", None, {"di": di, "value": ours}))
    if ours and written != frame:
        message = f"{di} {ours}: written {written.hex()}, it was {frame.hex()}"
        raise Difference(message)


if __name__ == "__main__":
    sys.exit(main())
