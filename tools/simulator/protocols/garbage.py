"""Who dials in and is no meter: scanners, browsers, halves of frames, frames with a flipped bit.

Nothing of it may become a reading, nor cost a meter its own.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from wattwarden.tools.simulator.chance import share, stream
from wattwarden.tools.simulator.protocols.acrel import AcrelMeter
from wattwarden.tools.simulator.protocols.dialect import Dialect, Meter
from wattwarden.tools.simulator.protocols.dlt698 import GridMeter
from wattwarden.tools.simulator.protocols.gdw376 import Terminal
from wattwarden.tools.simulator.protocols.hj212 import Logger
from wattwarden.tools.simulator.protocols.stage import Stage

MOST_NOISE_BYTES: Final = 2048
# Scanners wait for a banner, then go on to the next port.
MOST_STAY_S: Final = 5.0
MOST_PAUSE_S: Final = 3.0
_BROWSER: Final = b"GET / HTTP/1.1\r\nHost: meters\r\nUser-Agent: curl/8\r\n\r\n"
_TLS: Final = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))
_BYTE_BITS: Final = 8
# The longest: four letters and a line's end.
_CHECKSUM_BYTES: Final = 6


def _frame(seed: int, number: int) -> bytes:
    """Return the report of a meter that is not there, of a protocol with a checksum."""
    meters: tuple[Dialect, ...] = (
        AcrelMeter(Meter("29000000000000", number, seed)),
        Logger(Meter("NOBODY", number, seed)),
        Terminal(Meter("990000001", number, seed)),
        GridMeter(Meter("990000000001", number, seed)),
    )
    return meters[number % len(meters)].report(number, datetime.now(UTC)).frame


def _noise(seed: int, number: int) -> bytes:
    lots = stream(seed, "noise", number)
    return lots.bytes(1 + int(lots.integers(MOST_NOISE_BYTES)))


def _half(seed: int, number: int) -> bytes:
    """Return the beginning of a frame, without its checksum: a line's end alone is not missed."""
    frame = _frame(seed, number)
    whole = len(frame) - _CHECKSUM_BYTES
    return frame[: max(1, int(whole * share(seed, "half", number)))]


def _flipped(seed: int, number: int) -> bytes:
    """Return a frame of which one bit before its checksum is wrong: every checksum shows that."""
    frame = bytearray(_frame(seed, number))
    # A bit of a checksum in letters may turn b1 into B1, which is the same.
    bit = int(share(seed, "bit", number) * (len(frame) - _CHECKSUM_BYTES) * _BYTE_BITS)
    frame[bit // _BYTE_BITS] ^= 1 << bit % _BYTE_BITS
    return bytes(frame)


KINDS: Final[tuple[Callable[[int, int], bytes], ...]] = (
    _noise,
    lambda _seed, _number: _BROWSER,
    lambda _seed, _number: _TLS,
    _half,
    _flipped,
)


async def disturb(stage: Stage, number: int) -> None:
    """Open connections that say what no meter says, one after the other, until the end."""
    turn = 0
    while not stage.ended:
        said = KINDS[(number + turn) % len(KINDS)](stage.seed + number, turn)
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(*stage.target)
            stage.tally.garbage += 1
            try:
                writer.write(said)
                stay_s = MOST_STAY_S * share(stage.seed, "stay", number, turn)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(stay_s):
                        await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()
        await asyncio.sleep(MOST_PAUSE_S * share(stage.seed, "between", number, turn))
        turn += 1
