"""Invariant: however a stream is cut into segments, its frames are the same and no byte is lost.

No exception is allowed.  Held for the outline of every codec: the stream whole and in drips gives
the same frames, noise and rest; frames, noise, rest and separators are the stream; the rest stays
below the longest frame; a frame cut again is itself; work grows with the stream, not its square.
"""

from random import Random
from typing import Final
from zlib import crc32

import numpy as np
from fuzz.acrel import TARGET as ACREL
from fuzz.harness import Target
from fuzz.hj212 import TARGET as HJ212
from fuzz.work import Work

from wattwarden.codecs import load_codecs
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.outline import FRAME, Delimited, Outline

# Doubling costs as much as a hundred inputs, so one in so many is doubled.
DOUBLED_ONE_IN: Final = 256
# Beyond the widest window that an outline looks through, where work must have become linear.
LONG_BYTES: Final = 24_576
# The end of a stream, where frames still wait, costs less; work with the square would grow by 4.
MOST_GROWTH: Final = 2.5
# Work that does not grow with the stream, such as the window at its end, is allowed besides.
SLACK_BYTES: Final = 16_384


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    doubled = rng.randrange(DOUBLED_ONE_IN) == 0
    for codec in load_codecs().values():
        outline = codec.outline
        whole, drips = Framer(outline), Framer(outline)
        frames = whole.feed(data)
        noise = whole.take_noise()
        _check_conserved(outline, data, frames, noise, whole.pending)
        _check_frames(outline, frames)
        _check_drips(drips, data, rng, (frames, noise, whole.pending))
        _check_given_up(whole)
        if doubled and data:
            _check_linear(outline, data)


def _separators(outline: Outline) -> bytes:
    """Return the bytes that may stand between frames and belong to none."""
    found: list[bytes] = [getattr(outline, name, b"") for name in ("separators", "preamble")]
    return b"".join(found)


def _check_conserved(
    outline: Outline, data: bytes, frames: list[bytes], noise: bytes, rest: bytes
) -> None:
    """What lies between the frames and before the rest is the noise, separators aside."""
    between = []
    end = 0
    for frame in frames:
        begin = data.find(frame, end)
        assert begin >= 0, "a frame is no stretch of the stream"
        between.append(data[end:begin])
        end = begin + len(frame)
    assert data.endswith(rest), "what waits is not the end of the stream"
    assert end + len(rest) <= len(data), "what waits was in a frame already"
    between.append(data[end : len(data) - len(rest)])
    separators = _separators(outline)
    lost, kept = (raw.translate(None, separators) for raw in (b"".join(between), noise))
    assert lost == kept, f"between the frames is {lost!r}, noise {kept!r}"
    assert len(rest) < outline.most_bytes, "more waits than a frame is long"


def _check_frames(outline: Outline, frames: list[bytes]) -> None:
    for frame in frames:
        assert len(frame) <= outline.most_bytes, "a frame is too long"
        assert outline.cut(frame, 0, 0) == (FRAME, len(frame)), "a frame, cut again, is another"
        again = Framer(outline)
        inside = again.recut(frame)
        rest = again.take_noise()
        assert sum(map(len, inside)) + len(rest) == len(frame), "a frame taken back lost bytes"


def _check_drips(
    framer: Framer, data: bytes, rng: Random, expected: tuple[list[bytes], bytes, bytes]
) -> None:
    separators = _separators(framer.outline)
    frames: list[bytes] = []
    noise = b""
    at = 0
    # Single bytes are the hardest way to receive a stream, and the slowest.
    width = max(rng.choice((1, 1, 20, 50, 200, 2000)), len(data) // 50)
    while at < len(data):
        size = 1 + int(rng.random() * width)
        frames += framer.feed(data[at : at + size])
        noise += framer.take_noise()
        assert framer.pending_bytes < framer.outline.most_bytes, "more waits than a frame is long"
        at += size

    # Whether a separator belongs to what it follows depends on whether it came with it.
    found = [[frame.rstrip(separators) for frame in each] for each in (frames, expected[0])]
    if found[0] != found[1]:
        unproven = [f for f in (*found[0], *found[1]) if not _is_proven(framer.outline, f)]
        assert unproven, "drips give other frames"
        return
    for mine, its in ((noise, expected[1]), (framer.pending, expected[2])):
        lost, kept = (raw.translate(None, separators) for raw in (mine, its))
        assert lost == kept, f"drips give {lost!r}, the whole {kept!r}"


def _is_proven(outline: Outline, frame: bytes) -> bool:
    """Whether a checksum shows where a frame ends.

    What has none is found where the framing is in step; behind a broken frame, whether it is found
    depends on what has arrived by then.
    """
    if not isinstance(outline, Delimited):
        return True
    heads, ends = np.zeros(1, np.int64), np.full(1, len(frame), np.int64)
    begins = outline.scan.beginnings(frame, heads, ends, (outline.least_bytes, outline.most_bytes))
    return bool(begins[0] == 0)


def _check_given_up(framer: Framer) -> None:
    """What waits can be given up, and every byte of it comes out."""
    data = framer.pending
    frames: list[bytes] = []
    while framer.pending_bytes:
        before = framer.pending_bytes
        frames += framer.resynchronise()
        assert framer.pending_bytes < before, "giving up gives nothing up"
    _check_conserved(framer.outline, data, frames, framer.take_noise(), b"")


def _check_linear(outline: Outline, data: bytes) -> None:
    once = data * (LONG_BYTES // len(data) + 1)
    spent = []
    for stream in (once, once + once):
        work = Work(outline)
        Framer(work).feed(stream)
        spent.append(work.looked_at_bytes)
    assert spent[1] <= MOST_GROWTH * spent[0] + SLACK_BYTES, f"twice the stream, work {spent}"


TARGET: Final = Target(
    "framer",
    run,
    lambda: [*ACREL.seeds(), *HJ212.seeds()],
    lambda data, rng: rng.choice((ACREL, HJ212)).mend(data, rng),
    (*ACREL.tokens, *HJ212.tokens),
)
