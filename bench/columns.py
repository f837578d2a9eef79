"""What decoding by column saves: the layout of an Acrel report, beside construct on its own.

Both read all fields of the same registers, and the same bytes; the checksums are not in it.
"""

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import numpy as np
from bench.figures import AtLeast, Figure, Section, Series, Table, beside, ratios
from bench.uploads import LAYOUT, block_of, uploads
from numpy.typing import NDArray

from wattwarden.codecs.acrel.layouts import PREPAID
from wattwarden.codecs.acrel.uploads import decode
from wattwarden.protocol.codec import Batch

METERS: Final = 1_000
SIZES: Final = (1_000, 10_000)
WANTED_RATIO: Final = 250.0
# Construct takes a hundred microseconds a frame: a tenth of a second that nothing else shares.
PARSED_FRAMES: Final = 1_000
DECODED_FRAMES: Final = 200_000  # in as many batches as that makes, for a tenth of a second as well
START: Final = datetime(2026, 1, 1, 12)  # noqa: DTZ001  the meters' wall time; any does


def measure_columns(rounds: int) -> Section:
    """Frames decoded a second, for each size of batch."""
    figures: list[Figure] = []
    rows: list[tuple[str, ...]] = []
    for size in SIZES:
        frames = uploads(METERS, size // METERS, START)
        block = frames[:, block_of(frames[0].tobytes())]
        raw = [row.tobytes() for row in block[:PARSED_FRAMES]]
        batch = Batch.of([frame.tobytes() for frame in frames], 0)
        _check(block, batch)
        turns = DECODED_FRAMES // size
        parsed, decoded, whole = [], [], []
        for _ in range(rounds):
            parsed.append(PARSED_FRAMES / _seconds(partial(_parse, raw), 1))
            decoded.append(size / _seconds(partial(LAYOUT.decode, block), turns))
            whole.append(size / _seconds(partial(decode, batch), turns))
        what = f"frames/s, columns ÷ construct interpreted, {size:,} frames"
        figures.append(
            Figure(
                f"columns.construct.{size}",
                what,
                ratios(decoded, parsed),
                AtLeast(WANTED_RATIO),
                beside(decoded, parsed, "frames/s"),
            )
        )
        rows += [
            (f"{size:,}", name, str(Series(tuple(rates))), f"{1e6 / statistics.median(rates):.3g}")
            for name, rates in (
                ("construct, Struct.parse one by one", parsed),
                ("columns, Layout.decode", decoded),
                ("the codec's decode: checksums, meters, UTC", whole),
            )
        ]
    return Section(
        tuple(figures), (Table(("frames", "decoder", "frames/s", "µs a frame"), tuple(rows)),)
    )


def _parse(raw: list[bytes]) -> None:
    parse = PREPAID.parse
    for block in raw:
        parse(block)


def _seconds(work: Callable[[], Any], turns: int) -> float:
    """Time of one of so many turns."""
    started = time.perf_counter()
    for _ in range(turns):
        work()
    return (time.perf_counter() - started) / turns


def _check(block: NDArray[np.uint8], batch: Batch) -> None:
    """Nothing is gained by refusing frames quickly.

    Raises:
        ValueError: A decoder refused frames.
    """
    _, good = LAYOUT.decode(block)
    columns = decode(batch)
    if not good.all() or sum(len(part.frame) for part in columns.blocks) != len(batch):
        raise ValueError("the decoders refuse frames of the bench")
