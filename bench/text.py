"""What reading HJ 212 costs beyond cutting its text: the codec's decode beside bytes.split.

The codec finds the segments, checks lengths and checksums, reads head and data, tells factors from
electricity, makes numbers, flags and times, and returns columns.  The reference cuts the same
frames at their separators and puts names and values, still bytes, into a dict.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from bench.errors import BenchError
from bench.figures import AtLeast, Figure, Section, Series, Table, beside, ratios, rounded

from wattwarden.codecs.hj212 import CODEC
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import Batch

FRAMES: Final = 1_000  # an envelope's, at full speed
TURNS: Final = 50  # some tenths of a second
METERS: Final = 100
WANTED_RATIO: Final = 0.6
FACTORS: Final = (
    ("a34013", 10.5), ("a21026", 55.1), ("a21002", 48.7), ("g20801", 122.4),
    ("a19001", 9.8), ("a01012", 103.4), ("a01013", -12.1), ("a01014", 9.3),
    ("a01011", 11.2), ("g10201", 88.8), ("g10401", 61.2), ("g21101", 7.7),
)  # fmt: skip
SIZES: Final = (4, 12)


def measure_text(rounds: int) -> Section:
    """Frames read a second, in turn with the splitting of the same."""
    figures, rows = [], []
    for size in SIZES:
        frames = _frames(size)
        batch = Batch.of(frames, 0)
        _check(batch)
        split, decoded = [], []
        for _ in range(rounds):
            split.append(FRAMES / _seconds(partial(_split, frames)))
            decoded.append(FRAMES / _seconds(partial(CODEC.decode, batch)))
        costs = [1e6 / rate for rate in decoded], [1e6 / rate for rate in split]
        figures.append(
            Figure(
                f"hj212.split.{size}",
                f"frames/s, HJ 212 decode ÷ bytes.split of the same text, {size} factors",
                ratios(decoded, split),
                AtLeast(WANTED_RATIO),
                beside(*costs, "µs"),
            )
        )
        length = statistics.median(map(len, frames))
        rows += [
            (f"{size}, {length:.0f} bytes", name, str(Series(tuple(rates))), rounded(_us(rates)))
            for name, rates in (("bytes.split into a dict", split), ("the codec's decode", decoded))
        ]
    return Section(
        tuple(figures), (Table(("factors", "by", "frames/s", "µs a frame"), tuple(rows)),)
    )


def _us(rates: list[float]) -> float:
    return 1e6 / statistics.median(rates)


def _frames(factors: int) -> list[bytes]:
    random = np.random.default_rng(1)
    frames = []
    for number in range(FRAMES):
        at = f"20261121{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}"
        values = ";".join(
            f"{code}-Rtd={value * factor:.2f},{code}-Flag=N"
            for (code, value), factor in zip(
                FACTORS[:factors], random.uniform(0.5, 1.5, factors), strict=True
            )
        )
        head = f"QN={at}000;ST=51;CN=2011;PW=123456;MN=26110000{number % METERS:016d};Flag=5"
        segment = f"{head};CP=&&DataTime={at};{values}&&".encode()
        frames.append(b"##%04d%b%04X\r\n" % (len(segment), segment, hj212(segment)))
    return frames


def _split(frames: list[bytes]) -> list[dict[bytes, bytes]]:
    read = []
    for frame in frames:
        texts = frame.replace(b",", b";").replace(b"=", b";").split(b";")
        read.append(dict(zip(texts[::2], texts[1::2], strict=False)))
    return read


def _seconds(work: Callable[[], Any]) -> float:
    """CPU time of one of so many turns."""
    started = time.process_time()
    for _ in range(TURNS):
        work()
    return (time.process_time() - started) / TURNS


def _check(batch: Batch) -> None:
    """Nothing is gained by refusing frames quickly."""
    columns = CODEC.decode(batch)
    found = {int(frame) for block in columns.factors for frame in block.frame}
    if columns.refused or len(found) != len(batch):
        message = f"{len(found)} of {len(batch)} frames give rows"
        raise BenchError(message)
