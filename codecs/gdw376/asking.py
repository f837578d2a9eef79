"""Asking a terminal of Q/GDW 376.1: for whoever polls, re-calls history or reaches a meter behind.

ask(…)      one Fn of class 1 or 2, of parameters or events
forward(…)  a frame for a meter on one of the terminal's ports (AFN 10 F1)
"""

from collections.abc import Mapping
from typing import Any, Final

from wattwarden.codecs.gdw376.kinds import FORWARDING, afn_of
from wattwarden.codecs.gdw376.message import encode
from wattwarden.protocol.codec import Message

# The master station: any number but 0, which stands for what a terminal begins by itself.
MASTER: Final = 2
# Port 2 is the RS-485 that meters hang on; 2400 baud, eight bits, even parity, one stop bit.
METER_PORT: Final = 2
SERIAL_LINE: Final = "6B"
# Seconds (bit 7) until the meter answers, and tens of milliseconds between its bytes.
FRAME_TIMEOUT: Final = "85"
BYTE_TIMEOUT: Final = 10
_REQUEST: Final = "4B"


def ask(
    meter: str,
    item: tuple[int, int, int],
    number: int,
    values: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the question for ``item``: AFN, Fn and measuring point.

    ``number`` is that of the question, 0 to 15: the answer repeats it.  ``values`` give the time
    of class 2: ``Td``, of curves ``density`` and ``points``, too.

    Raises:
        ValueError: there is no such terminal, or the values are not those of the unit.
    """
    afn, fn, pn = item
    unit = {"Pn": pn, "Fn": fn, "values": values or {}}
    fields = {
        "AFN": f"{afn:02X}", "C": _REQUEST, "A3": MASTER, "number": number, "CON": 0,
        "units": [unit],
    }  # fmt: skip
    return encode(Message(afn_of(afn).down, meter, None, fields))


def forward(meter: str, frame: bytes, number: int, port: int = METER_PORT) -> bytes:
    """Return the request to hand a frame to what hangs on a port, and to bring its answer.

    Raises:
        ValueError: there is no such terminal.
    """
    values = {
        "port": port, "line": SERIAL_LINE, "frame_timeout": FRAME_TIMEOUT,
        "byte_timeout": BYTE_TIMEOUT, "length": len(frame), "frame": frame.hex(),
    }  # fmt: skip
    return ask(meter, (FORWARDING, 1, 0), number, values)
