"""Modbus against another's: ``python fuzz/against_pymodbus.py [--frames N] [--seed S]``.

The package ``pymodbus`` (BSD-3-Clause) is no dependency of ours: ``pip install pymodbus==3.16.1``
beside us, or name its place with PYTHONPATH.  Compared are, for RTU and TCP: what it builds is read
by us with the same values and built again as the same bytes; and whether a frame of which a byte
was changed is still one.

Where we differ on purpose, counted and not compared: a broken frame of TCP has no checksum to tell;
we hold its function against its length, while the package takes any length.
"""

import logging
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.differential import Difference, run

from wattwarden.codecs.modbus import CODEC
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.outline import FRAME

Made = tuple[Any, bool, str, dict[str, Any]]
"""A message of the package, whether it is a request, our kind of it, and its values."""


class Oracle:
    """The package: messages, and both ways of framing in both roles."""

    def __init__(self) -> None:
        self._registers = import_module("pymodbus.pdu.register_message")
        self._bits = import_module("pymodbus.pdu.bit_message")
        self._exception = import_module("pymodbus.pdu.exceptionresponse").ExceptionResponse
        framer, decoder = import_module("pymodbus.framer"), import_module("pymodbus.pdu").DecodePDU
        self._framers = {
            (way, server): make(decoder(server))
            for way, make in (("rtu", framer.FramerRTU), ("tcp", framer.FramerSocket))
            for server in (False, True)
        }
        logging.disable(logging.CRITICAL)

    def frame(self, way: str, message: Any) -> bytes:
        """Return the bytes of a message."""
        return bytes(self._framers[way, True].buildFrame(message))

    def accepts(self, way: str, frame: bytes, is_request: bool) -> bool:  # noqa: FBT001  # a role
        """Return whether bytes are one frame of a message in the given role."""
        framer = self._framers[way, is_request]
        used, _, _, pdu = framer.decode(frame)
        return used == len(frame) and bool(pdu) and framer.decoder.decode(pdu) is not None

    def make(self, rng: Random) -> Made:
        """Return some message."""
        makers = [
            self._reading, self._read_bits, self._written, self._refused, self._both,
        ]  # fmt: skip
        return rng.choice(makers)(rng)

    def _reading(self, rng: Random) -> Made:
        stem, kind = rng.choice((("Holding", "read_holding"), ("Input", "read_input")))
        if rng.random() < 0.5:
            start, count = rng.randrange(65536), rng.randrange(1, 126)
            made = getattr(self._registers, f"Read{stem}RegistersRequest")
            values = {"start": start, "count": count}
            return made(address=start, count=count), True, kind, values
        words = [rng.randrange(65536) for _ in range(rng.randrange(1, 126))]
        made = getattr(self._registers, f"Read{stem}RegistersResponse")
        return made(registers=words), False, kind + "_reply", {"registers": words}

    def _read_bits(self, rng: Random) -> Made:
        stem, kind = rng.choice((("Coils", "read_coils"), ("DiscreteInputs", "read_inputs")))
        if rng.random() < 0.5:
            start, count = rng.randrange(65536), rng.randrange(1, 2001)
            made = getattr(self._bits, f"Read{stem}Request")
            values = {"start": start, "count": count}
            return made(address=start, count=count), True, kind, values
        bits = [rng.random() < 0.5 for _ in range(8 * rng.choice((1, 2, 4, *range(5, 200))))]
        made = getattr(self._bits, f"Read{stem}Response")
        return made(bits=list(bits)), False, kind + "_reply", {"coils": [int(bit) for bit in bits]}

    def _written(self, rng: Random) -> Made:
        values: dict[str, Any]
        start, value = rng.randrange(65536), rng.randrange(65536)
        words = [rng.randrange(65536) for _ in range(rng.randrange(1, 124))]
        is_request = rng.random() < 0.5
        side = "Request" if is_request else "Response"
        if rng.random() < 0.4:
            made = getattr(self._registers, f"WriteSingleRegister{side}")
            values = {"start": start, "value": value}
            return made(address=start, registers=[value]), is_request, "write_register", values
        made = getattr(self._registers, f"WriteMultipleRegisters{side}")
        count = len(words)
        values = {"start": start, "count": count}
        if is_request:
            values |= {"registers": words}
            return made(address=start, registers=words), True, "write_registers", values
        return made(address=start, count=count), False, "write_registers_reply", values

    def _refused(self, rng: Random) -> Made:
        function, code = rng.choice((1, 2, 3, 4, 5, 6, 15, 16, 23)), rng.randrange(1, 12)
        message = self._exception(function, code)
        return message, False, "exception", {"fc": function | 0x80, "exception": code}

    def _both(self, rng: Random) -> Made:
        made = self._registers.ReadWriteMultipleRegistersRequest
        read, write = rng.randrange(65536), rng.randrange(65536)
        words = [rng.randrange(65536) for _ in range(rng.randrange(1, 100))]
        count = rng.randrange(1, 126)
        message = made(
            read_address=read, read_count=count, write_address=write, write_registers=words
        )
        values = {"read_start": read, "read_count": count, "start": write, "registers": words}
        return message, True, "read_write", values | {"count": len(words)}


def main() -> int:
    """Compare as many frames as are asked for; return the exit status."""
    return run("Modbus against the package pymodbus.", "pymodbus==3.16.1", Oracle, _compare)


def _compare(oracle: Oracle, rng: Random, counts: Counter[str]) -> None:
    counts["frames"] += 1
    way = rng.choice(("rtu", "rtu", "tcp"))
    message, is_request, kind, values = oracle.make(rng)
    message.dev_id = rng.randrange(256)
    message.transaction_id = rng.randrange(65536)
    frame = oracle.frame(way, message)
    around: dict[str, Any] = {"slave": message.dev_id}
    if way == "tcp":
        around |= {"tid": message.transaction_id}
    ours = CODEC.read(frame, default_profile)
    wanted = values | around
    said = {name: ours.fields.get(name) for name in wanted}
    if (ours.kind, said) != (kind, wanted):
        text = f"{frame.hex()}: {kind} {wanted}, ours {ours.kind} {said}"
        raise Difference(text)
    built = CODEC.encode(Message(kind, fields=wanted))
    if built != frame:
        text = f"{kind} {wanted}: ours {built.hex()}, theirs {frame.hex()}"
        raise Difference(text)
    counts["same values and bytes"] += 1
    _compare_broken(oracle, way, frame, (is_request, rng), counts)


def _compare_broken(
    oracle: Oracle, way: str, frame: bytes, lot: tuple[bool, Random], counts: Counter[str]
) -> None:
    is_request, rng = lot
    at = rng.randrange(len(frame))
    broken = frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]
    if rng.random() < 0.2:
        broken = frame[:at]
    theirs = bool(broken) and oracle.accepts(way, broken, is_request)
    mine = bool(broken) and CODEC.outline.cut(broken, 0, 0) == (FRAME, len(broken))
    if way == "tcp":
        counts["broken, without a checksum"] += 1
    elif theirs != mine:
        text = f"broken {broken.hex()}: accepted by us {mine}, by them {theirs}"
        raise Difference(text)
    else:
        counts["broken alike"] += 1


if __name__ == "__main__":
    sys.exit(main())
