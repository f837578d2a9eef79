"""Many inputs at once: cut one by one, and then decoded, judged and answered as one batch.

    inputs ─► a framer and a dialogue each ─► one batch ─► confirm, decode, acknowledge, read
       └─ some of them ─► Target.run, which holds the whole invariant for an input alone

What a batch costs is shared by its frames, so that an input costs a fraction of what it costs
alone; and that a frame means among hundreds of strangers what it means alone is checked as well.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final
from zlib import crc32

import numpy as np
from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    check_columns,
    check_explained,
    check_recognised,
    check_singly,
    confirmed,
    read_checked,
)
from fuzz.harness import Finding, Target, mutate, shrink

from wattwarden.protocol.codec import NOTHING_ASKED, Batch
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

# As many as a writer's round has frames on a calm day: what a batch costs is nothing to each.
INPUTS: Final = 512
# Of a target without a codec, where each is tried alone: so that a storm ends in seconds.
INPUTS_ALONE: Final = 64
# Of the inputs of a storm, how many are held against the whole invariant, alone.
WHOLE_SHARE: Final = 1 / 512
# Reading a frame alone costs as much as all the rest of it, and explaining it twice that: among ten
# million inputs each is done hundreds of thousands of times.
READ_SHARE: Final = 1 / 16
LINE_SHARE: Final = 0.25
EXPLAINED_SHARE: Final = 1 / 64
# So many inputs are changes of the one before them; the others, of a seed.
CHAINED_SHARE: Final = 0.2


def storms(target: Target, seed: object, first: int = 0) -> Iterator[int]:
    """Run storms without end, from the ``first`` on; yield how many inputs each had.

    The inputs of a storm depend on target, seed and its number alone.

    Raises:
        Finding: something does not hold; for one input alone, made shorter, where that shows it.
    """
    seeds = target.seeds()
    for number in _counted(first):
        rng = Random(f"{seed}/{target.name}/{number}")
        inputs = [mutate(rng.choice(seeds), seeds, target, rng)]
        while len(inputs) < inputs_of(target):
            data = inputs[-1] if rng.random() < CHAINED_SHARE else rng.choice(seeds)
            inputs.append(mutate(data, seeds, target, rng))
        attempt(target, inputs, f"{seed}, storm {number}")
        yield len(inputs)


def inputs_of(target: Target) -> int:
    """Return how many inputs a storm of a target has."""
    return INPUTS_ALONE if target.wire is None else INPUTS


def attempt(target: Target, inputs: Sequence[bytes], seed: object) -> None:
    """Hold what must hold for many inputs together.  Raises Finding, from what was raised."""
    try:
        hold(target, inputs)
    except Exception as error:
        for data in inputs:
            _try_alone(target, data, seed)
        raise Finding(target, b"".join(inputs), f"{seed}, as one batch") from error


def hold(target: Target, inputs: Sequence[bytes]) -> None:
    """Hold what must hold for many inputs together; some of them alone.

    A target without a codec holds its invariant for each alone.
    """
    rng = Random(crc32(b"".join(inputs)))
    wire = target.wire
    if wire is None:
        for data in inputs:
            target.run(data)
        return
    for data in inputs:
        if rng.random() < WHOLE_SHARE:
            target.run(data)
    batch = _heard(wire, inputs, rng)
    if not len(batch):
        return
    _decoded(wire, batch, rng)
    _read(wire, batch, rng)


def _heard(wire: Wire, inputs: Sequence[bytes], rng: Random) -> Batch:
    """Cut each input on a line of its own, at times all on one; return the frames confirmed."""
    codec = wire.codec
    if rng.random() < LINE_SHARE:
        _check_line(wire, inputs, rng)
    frames: list[bytes] = []
    said: list[bytes] = []
    asked: dict[int, bytes] = {}
    for data in inputs:
        check_recognised(codec, data[:MAX_HEAD_BYTES], rng)
        mine = Framer(codec.outline).feed(data)
        if not mine:
            continue
        dialogue = codec.dialogue(wire.profile_of)
        said += (dialogue.receive(mine, RECEIVED_AT), dialogue.tick(RECEIVED_AT))
        deadline = dialogue.next_deadline()
        assert deadline is None or deadline > RECEIVED_AT, "a deadline that tick did not settle"
        continues = dialogue.asked if wire.asks is None else wire.asks(mine, rng)
        asked |= {len(frames) + at: request for at, request in continues.items()}
        frames += mine
    wire.check_said(codec, b"".join(said))
    batch = _batch(wire, frames, asked, rng.choice((None, "fuzz1", "fuzz2")))
    if codec.confirm is None or not frames:
        return batch
    kept = np.flatnonzero(confirmed(codec, batch)).tolist()
    mapped = {place: asked[at] for place, at in enumerate(kept) if at in asked}
    return _batch(wire, [frames[at] for at in kept], mapped, batch.identities[0])


def _check_line(wire: Wire, inputs: Sequence[bytes], rng: Random) -> None:
    """All inputs on one line, at times given up in between: less than a frame is kept."""
    line = Framer(wire.codec.outline)
    for data in inputs:
        line.feed(data)
        assert line.pending_bytes <= wire.codec.outline.most_bytes, "more than a frame is kept"
        if line.pending_bytes and rng.random() < 0.5:
            line.resynchronise()
        line.take_noise()


def _batch(wire: Wire, frames: list[bytes], asked: dict[int, bytes], who: str | None) -> Batch:
    return Batch.of(
        frames,
        RECEIVED_AT,
        identity=who,
        profile_of=wire.profile_of,
        asked=asked or NOTHING_ASKED,
    )


def _decoded(wire: Wire, batch: Batch, rng: Random) -> None:
    codec = wire.codec
    columns = codec.decode(batch)
    check_columns(batch, columns)
    check_singly(codec, batch, columns, rng)
    answers = codec.acknowledge(batch)
    assert len(answers) == len(batch), "acknowledge answers other frames than it was given"
    wire.check_said(codec, b"".join(answers))
    if codec.is_awaited is not None:
        for frame, answer in zip(batch.frames(), answers, strict=True):
            assert not answer or codec.is_awaited(frame), "an answer that nobody waits for"


def _read(wire: Wire, batch: Batch, rng: Random) -> None:
    for frame in batch.frames():
        lot = rng.random()
        if lot < READ_SHARE:
            read_checked(wire.codec, frame, wire.profile_of)
        if lot < EXPLAINED_SHARE:
            check_explained(wire.codec, frame)


def _try_alone(target: Target, data: bytes, seed: object) -> None:
    """Find out whether an input fails alone, by what holds for many or by the whole invariant."""
    for run in (target.run, lambda one: hold(target, [one])):
        alone = Target(target.name, run, target.seeds, target.mend, target.tokens)
        try:
            run(data)
        except Exception as error:  # noqa: BLE001  # whatever it is, it breaks the invariant
            short, cause = shrink(alone, data, error)
            raise Finding(target, short, seed) from cause


def _counted(first: int) -> Iterator[int]:
    while True:
        yield first
        first += 1
