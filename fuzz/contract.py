"""What the record Codec promises, checked for whichever codec: the targets of codecs add to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from numpy.typing import NDArray

from wattwarden.protocol.codec import (
    DEFAULT_ZONE,
    MAX_CHANNEL_BYTES,
    NOTHING_ASKED,
    PERIODS,
    Batch,
    Block,
    Claim,
    Codec,
    Columns,
    FactorBlock,
    Message,
    Profile,
    ProfileOf,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING, QUANTITIES

# Noon of a summer day in a leap year, microseconds UTC.
RECEIVED_AT: Final = 1_718_884_800_000_000
# A zone whose hours repeat and are left out: what a careless conversion gets wrong.
UNSTEADY_ZONE: Final = ZoneInfo("Europe/Berlin")
MAX_ADDRESS_BYTES: Final = 32
MAX_FACTOR_BYTES: Final = 48
# Frames of a batch that are decoded by themselves, too: this many, and one of so many.
LEAST_SINGLE: Final = 3
SINGLE_SHARE: Final = 1 / 24

Row = tuple[str, str, str, str, int, int, tuple[Any, ...]]
"""Which block, meter, channel, period, at, quality, values by name."""


def zone_of(address: str) -> Profile:
    """Return a profile that depends on the address: every other meter stands abroad."""
    return Profile(zone=UNSTEADY_ZONE if sum(address.encode()) % 2 else DEFAULT_ZONE)


def cut(codec: Codec, data: bytes) -> list[bytes]:
    """Return the frames that the codec's outline finds in a stream."""
    return Framer(codec.outline).feed(data)


def cut_checked(codec: Codec, data: bytes, profile_of: ProfileOf) -> list[bytes]:
    """Return the frames of a stream; one that is no frame is explained, and read or refused."""
    frames = cut(codec, data)
    if frames != [data]:
        check_explained(codec, data)
        read_checked(codec, data, profile_of)
    return frames


def batch_of(frames: list[bytes], profile_of: ProfileOf, rng: Random) -> Batch:
    """Put frames into a batch, of a session that is known or not."""
    identity = rng.choice((None, "fuzz1", "fuzz2"))
    return Batch.of(frames, RECEIVED_AT, identity=identity, profile_of=profile_of)


# --- one frame ------------------------------------------------------------------------------------


def check_recognised(codec: Codec, data: bytes, rng: Random) -> None:
    """A claim, once made, stands; every frame is claimed."""
    shorter = codec.recognise(data[: rng.randrange(len(data) + 1)])
    if shorter is not Claim.MORE:
        assert codec.recognise(data) is shorter, "a claim changed with more bytes"


def check_explained(codec: Codec, data: bytes) -> None:
    """The stretches of an explanation, one behind the other, are the frame.

    A part that has not arrived may be named, with no bytes.
    """
    at = 0
    for field in codec.explain(data, None):
        if not field.raw:
            continue
        assert field.offset == at, f"{field.name} stands at {at}, not at {field.offset}"
        at += len(field.raw)
        assert data[at - len(field.raw) : at] == field.raw, f"{field.name} has other bytes"
    assert at == len(data), f"{len(data) - at} bytes are not explained"


def read_checked(codec: Codec, data: bytes, profile_of: ProfileOf) -> Message | None:
    """Read bytes; None when they are refused.  What is read can be written, and read again."""
    try:
        message = codec.read(data, profile_of)
    except ProtocolError as error:
        _check_refusal(error, data)
        return None
    assert message.kind in codec.kinds, f"the kind {message.kind} is not documented"
    orjson.dumps(dict(message.fields))
    if message.at is not None:
        assert message.at.tzinfo is not None, "a naive time"
    return message


def _check_refusal(error: ProtocolError, data: bytes) -> None:
    assert isinstance(error.kind, Refusal), "a refusal of no kind"
    assert 0 <= error.offset <= len(data), f"offset {error.offset} of {len(data)} bytes"


def check_written(codec: Codec, message: Message, profile_of: ProfileOf) -> bytes:
    """A message that was read is written as a frame that says the same; that frame is canonical."""
    frame = codec.encode(message)
    again = codec.read(frame, profile_of)
    assert again == message, f"written and read again, it is {again}, not {message}"
    assert codec.encode(again) == frame, "a canonical frame is not written as it was"
    return frame


def check_frame(codec: Codec, frame: bytes, profile_of: ProfileOf) -> Message | None:
    """What was cut is recognised, and what can be read of it can be written."""
    assert codec.recognise(frame) is Claim.YES, "a frame is not recognised"
    message = read_checked(codec, frame, profile_of)
    if message is not None:
        check_written(codec, message, profile_of)
    return message


# --- answers --------------------------------------------------------------------------------------


def check_conversation(codec: Codec, frames: list[bytes], profile_of: ProfileOf, now: int) -> None:
    """Whatever is answered at once is whole frames of the protocol."""
    dialogue = codec.dialogue(profile_of)
    check_answer(codec, dialogue.receive(frames, now))
    check_answer(codec, dialogue.tick(now))
    deadline = dialogue.next_deadline()
    assert deadline is None or deadline > now, "a deadline that tick did not settle"
    assert dialogue.idle_limit_s > 0, "a limit that every meter is beyond"
    if dialogue.identity is not None:
        _check_address(dialogue.identity)


def check_answer(codec: Codec, answer: bytes) -> None:
    """An answer is sound frames and nothing else."""
    if not answer:
        return
    framer = Framer(codec.outline)
    assert b"".join(framer.feed(answer)) == answer, f"an answer is no frame: {answer!r}"


def confirmed(codec: Codec, batch: Batch) -> NDArray[np.bool_]:
    """Return which frames the codec confirms."""
    if codec.confirm is None:
        return np.ones(len(batch), bool)
    good = codec.confirm(batch)
    assert good.shape == (len(batch),), "confirm judges other frames than it was given"
    assert good.dtype == np.bool_, "confirm gives no truth values"
    return good


def check_acknowledged(codec: Codec, batch: Batch, rng: Random) -> None:
    """Each confirmed frame has its answer, sound if not empty, and the same by itself."""
    answers = codec.acknowledge(batch)
    assert len(answers) == len(batch), "acknowledge answers other frames than it was given"
    for answer in answers:
        check_answer(codec, answer)
    index = rng.randrange(len(batch))
    alone = codec.acknowledge(part(batch, index))
    assert alone == [answers[index]], "an answer depends on neighbours"


def part(batch: Batch, index: int) -> Batch:
    """Return one frame of a batch as a batch."""
    asked = int(batch.request[index])
    return Batch.of(
        [batch.frame(index)],
        int(batch.received_at[index]),
        identity=batch.identities[batch.session[index]],
        profile_of=batch.profile_of,
        asked={0: batch.requests[asked]} if asked >= 0 else NOTHING_ASKED,
    )


def check_nothing(_codec: Codec, _said: bytes) -> None:
    """What is said is no frame of the codec: a target says elsewhere what it has to be."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A codec under test: who its meters are, and what is said to them.

    ``asks`` gives what the frames of a stream answer, where the dialogue does not say it.
    """

    codec: Codec
    profile_of: ProfileOf = zone_of
    asks: Callable[[list[bytes], Random], Mapping[int, bytes]] | None = None
    check_said: Callable[[Codec, bytes], None] = check_answer


# --- columns --------------------------------------------------------------------------------------


def check_columns(batch: Batch, columns: Columns) -> None:
    """Every block has the shape that the store relies on."""
    for address in columns.meters:
        _check_address(address)
    assert len(set(columns.meters)) == len(columns.meters), "a meter has two numbers"
    for block in columns.blocks:
        _check_place(batch, columns, block)
        for name, values in block.values.items():
            _check_values(name, values, len(block.frame))
    for factors in columns.factors:
        _check_place(batch, columns, factors)
        _check_factors(factors)
    for refused in columns.refused:
        assert 0 <= refused.frame < len(batch), "no frame of the batch is refused"
        assert isinstance(refused.kind, Refusal), "a refusal of no kind"
        assert 0 <= refused.offset <= len(batch.frame(refused.frame)), "an offset beyond its frame"


def _check_address(address: str) -> None:
    assert 0 < len(address) <= MAX_ADDRESS_BYTES, f"an address of {len(address)} characters"
    assert address.isascii(), f"an address beyond ASCII: {address!r}"
    assert address.isprintable(), f"an address beyond print: {address!r}"


def _check_place(batch: Batch, columns: Columns, block: Block | FactorBlock) -> None:
    rows = len(block.frame)
    assert rows, "an empty block"
    shapes = {block.meter.shape, block.at.shape, block.quality.shape}
    assert shapes == {(rows,)}, "the columns of a block differ in length"
    types = [array.dtype for array in (block.frame, block.meter, block.at, block.quality)]
    assert types == [np.int32, np.int32, np.int64, np.int16], f"types are {types}"
    assert 0 <= block.frame.min() <= block.frame.max() < len(batch), "a row of no frame"
    assert 0 <= block.meter.min() <= block.meter.max() < len(columns.meters), "a row of no meter"
    assert block.period in PERIODS, f"there is no period {block.period}"
    assert len(block.channel) <= MAX_CHANNEL_BYTES, f"a long channel {block.channel!r}"
    assert block.channel.isascii(), f"a channel beyond ASCII: {block.channel!r}"
    timeless = block.quality & Quality.NO_CLOCK != 0
    received = batch.received_at[block.frame]
    assert (block.at[timeless] == received[timeless]).all(), "no clock, and not the time of receipt"


def _check_values(name: str, values: NDArray[Any], rows: int) -> None:
    assert values.shape == (rows,), f"{name} has not a value a row"
    if QUANTITIES[name].exact:
        assert values.dtype == np.int64, f"{name} is {values.dtype}"
    else:
        assert values.dtype == np.float64, f"{name} is {values.dtype}"
        assert not np.isinf(values).any(), f"{name} is infinite"


def _check_factors(block: FactorBlock) -> None:
    shape = (len(block.frame), len(block.layout))
    assert block.layout, "a layout of no code"
    assert block.values.shape == block.flags.shape == shape, "values and flags differ in shape"
    assert block.values.dtype == np.float32, f"values are {block.values.dtype}"
    assert block.flags.dtype == np.uint8, f"flags are {block.flags.dtype}"
    assert len(set(block.layout)) == len(block.layout), "a code stands twice in its layout"
    assert not np.isinf(block.values).any(), "a factor is infinite"
    assert (block.flags < 128).all(), "a flag beyond ASCII"
    for code in block.layout:
        assert 0 < len(code) <= MAX_FACTOR_BYTES, f"a code of {len(code)} characters"
        assert code.isascii(), f"a code beyond ASCII: {code!r}"
        assert code.isprintable(), f"a code beyond print: {code!r}"


def rows_of(columns: Columns) -> dict[int, list[Row]]:
    """Return the rows by frame, each with all that it says; comparable, without NaN."""
    rows: dict[int, list[Row]] = {}
    for block in columns.blocks:
        names = sorted(block.values)
        lines = zip(*(_plain(name, block.values[name]) for name in names), strict=True)
        stated = (tuple(zip(names, line, strict=True)) for line in lines)
        _gather(rows, columns, block, "quantities", stated)
    for factors in columns.factors:
        _gather(rows, columns, factors, "factors", _factor_lines(factors))
    return {frame: sorted(found, key=repr) for frame, found in rows.items()}


def _factor_lines(block: FactorBlock) -> Iterator[tuple[Any, ...]]:
    values = np.nan_to_num(block.values, nan=np.inf).tolist()
    for numbers, flags in zip(values, block.flags.tolist(), strict=True):
        yield tuple(zip(block.layout, numbers, flags, strict=True))


def _gather(
    rows: dict[int, list[Row]],
    columns: Columns,
    block: Block | FactorBlock,
    what: str,
    values: Iterable[tuple[Any, ...]],
) -> None:
    places = zip(
        block.frame.tolist(), block.meter.tolist(), block.at.tolist(), block.quality.tolist(),
        values, strict=True,
    )  # fmt: skip
    for frame, meter, at, quality, stated in places:
        row = (what, columns.meters[meter], block.channel, block.period, at, quality, stated)
        rows.setdefault(frame, []).append(row)


def _plain(name: str, values: NDArray[Any]) -> list[Any]:
    missing = values == MISSING if QUANTITIES[name].exact else np.isnan(values)
    return [None if none else value for value, none in zip(values.tolist(), missing, strict=True)]


def check_singly(codec: Codec, batch: Batch, columns: Columns, rng: Random) -> None:
    """A batch means what its frames mean one by one, some of which are tried."""
    together, refused = rows_of(columns), _refused_of(columns)
    singles = max(LEAST_SINGLE, round(SINGLE_SHARE * len(batch)))
    for index in {rng.randrange(len(batch)) for _ in range(singles)}:
        alone = codec.decode(part(batch, index))
        mine, its = together.get(index, []), rows_of(alone).get(0, [])
        assert mine == its, f"frame {index} gives {its} alone and {mine} among others"
        said, says = refused.get(index, []), _refused_of(alone).get(0, [])
        assert said == says, f"frame {index} is refused {says} alone and {said} among others"


def _refused_of(columns: Columns) -> dict[int, list[tuple[str, str, int]]]:
    refused: dict[int, list[tuple[str, str, int]]] = {}
    for entry in columns.refused:
        what = (entry.kind.value, entry.message, entry.offset)
        refused.setdefault(entry.frame, []).append(what)
    return {frame: sorted(entries) for frame, entries in refused.items()}


def microseconds(moment: datetime) -> int:
    """Return a time as columns have it."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
