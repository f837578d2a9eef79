"""Frames of one sender as they were received, in a file whose SHA-256 is a leaf of the day's tree.

    (length, 4 bytes big-endian; block)…

A block is what one connection brought within one entry of the journal, a msgpack array.  Columns
are little-endian, as in envelopes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import Batch, ProfileOf
from wattwarden.protocol.envelope import MAX_ENVELOPE_BYTES, Envelope
from wattwarden.storage.rows.gathering import Gathered

LENGTH_BYTES: Final = 4
# What a block has beside the bytes of an envelope: columns and requests.
MAX_BLOCK_BYTES: Final = 4 * MAX_ENVELOPE_BYTES
# Two months of a hundred meters at a frame a minute.
MAX_FRAMES: Final = 10_000_000


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Frames of one connection within one entry of the journal, in order.

    ``stored_at`` is the journal's clock, ``received_at`` int64 the gateway's (microseconds UTC);
    ``index`` uint32 is each frame's place in its envelope, ``lengths`` uint32 its bytes,
    ``request`` int32 what it answers, a place in ``requests``, -1 for nothing.
    """

    shard: int
    sequence: int
    stored_at: int
    peer: str
    profile_version: int
    requests: list[bytes]
    index: bytes
    received_at: bytes
    lengths: bytes
    request: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Blocks:
    """A file's blocks, column by column: a month of a meter has forty thousand."""

    shard: Sequence[int] = ()
    sequence: Sequence[int] = ()
    stored_at: Sequence[int] = ()
    peer: Sequence[str] = ()
    profile_version: Sequence[int] = ()
    requests: Sequence[list[bytes]] = ()
    index: Sequence[bytes] = ()
    received_at: Sequence[bytes] = ()
    lengths: Sequence[bytes] = ()
    request: Sequence[bytes] = ()
    data: Sequence[bytes] = ()

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def frames(self) -> int:
        """How many frames they hold."""
        return sum(map(len, self.lengths)) // 4


@dataclass(frozen=True, slots=True)
class Sent:
    """What one sender sent: its codec, by which name it was known, and its blocks in order."""

    codec: str
    identity: str | None
    blocks: Blocks


_Row = tuple[
    int, int, int, str, int, list[bytes], bytes, bytes, bytes, bytes, bytes
]  # as Block, whose fields cost more to get at

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Row)


def blocks_of(
    envelope: Envelope, shard: int, sequence: int, stored_at: int
) -> Iterator[tuple[str | None, Block]]:
    """Yield an envelope's frames by connection: by which name it was known, and its block."""
    session = np.frombuffer(envelope.session, "<u4")
    columns = {
        "received_at": np.frombuffer(envelope.received_at, "<i8"),
        "lengths": np.frombuffer(envelope.lengths, "<u4"),
        "request": np.frombuffer(envelope.request, "<i4"),
    }
    offsets = envelope.offsets().tolist()
    order = np.argsort(session, kind="stable")
    found, starts = np.unique(session[order], return_index=True)
    ends = [*starts.tolist()[1:], len(order)]
    for place, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True):
        mine = order[start:end]
        row = envelope.sessions[place]
        asked = columns["request"][mine]
        yield (
            row.identity,
            Block(
                shard=shard,
                sequence=sequence,
                stored_at=stored_at,
                peer=row.peer,
                profile_version=row.profile_version,
                requests=envelope.requests if (asked >= 0).any() else [],
                index=mine.astype("<u4").tobytes(),
                received_at=columns["received_at"][mine].tobytes(),
                lengths=columns["lengths"][mine].tobytes(),
                request=asked.tobytes(),
                data=b"".join(envelope.data[offsets[i] : offsets[i + 1]] for i in mine.tolist()),
            ),
        )


def written(block: Block) -> bytes:
    """Return a block as the file holds it."""
    data = _encoder.encode(block)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def read_blocks(data: bytes) -> Blocks:
    """Read a file of blocks.

    Raises:
        ValueError: It is none, or a block contradicts itself or is too large.
    """
    rows: list[_Row] = []
    at, end, decode = 0, len(data), _decoder.decode
    view = memoryview(data)
    while at < end:
        size = int.from_bytes(view[at : at + LENGTH_BYTES], "big")
        at += LENGTH_BYTES
        if not 0 < size <= MAX_BLOCK_BYTES or at + size > end:
            message = f"a block of {size} bytes, MAX_BLOCK_BYTES is {MAX_BLOCK_BYTES}"
            raise ValueError(message)
        rows.append(decode(view[at : at + size]))
        at += size
    blocks = Blocks(*zip(*rows, strict=True)) if rows else Blocks()
    _check(blocks)
    return blocks


def gathered(codec: str, sent: Sequence[Sent], profile_of: ProfileOf) -> Gathered:
    """Put what senders of one codec sent into one batch, in the order of the journal."""
    owners = np.repeat(np.arange(len(sent)), [len(one.blocks) for one in sent])
    keys = [
        np.array([value for one in sent for value in getattr(one.blocks, name)], np.int64)
        for name in ("sequence", "shard", "stored_at")
    ]
    order = np.lexsort(keys).tolist()
    blocks = Blocks(
        *(
            [column[place] for place in order]
            for column in (
                [value for one in sent for value in getattr(one.blocks, name)]
                for name in Blocks.__slots__
            )
        )
    )
    counts = _sizes(blocks.lengths) // 4
    asked = np.cumsum([0, *map(len, blocks.requests)])
    request = _column(blocks.request, "<i4").astype(np.int64)
    moved = request + np.repeat(asked[:-1], counts)
    lengths = _column(blocks.lengths, "<u4").astype(np.int64)
    batch = Batch(
        data=b"".join(blocks.data),
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
        received_at=_column(blocks.received_at, "<i8").astype(np.int64),
        session=np.repeat(np.arange(len(blocks), dtype=np.int32), counts),
        identities=tuple([sent[owner].identity for owner in owners[order].tolist()]),
        request=np.where(request < 0, -1, moved).astype(np.int32),
        requests=tuple([text for texts in blocks.requests for text in texts]),
        profile_of=profile_of,
    )
    return Gathered(
        codec=codec,
        shard=0,
        batch=batch,
        sequence=np.repeat(np.array(blocks.sequence, np.int64), counts),
        index=_column(blocks.index, "<u4").astype(np.int32),
        step=np.zeros(int(counts.sum()), np.int32),
        peers=tuple(blocks.peer),
        reasons=(),
    )


def _check(blocks: Blocks) -> None:
    """Refuse blocks that contradict themselves; all at once, since there may be a million."""
    sizes = _sizes(blocks.lengths)
    if (sizes % 4).any() or any(
        (4 * _sizes(column) != width * sizes).any()
        for column, width in ((blocks.index, 4), (blocks.request, 4), (blocks.received_at, 8))
    ):
        raise ValueError("columns of a block differ in length")
    counts = sizes // 4
    if int(counts.sum()) > MAX_FRAMES:
        message = f"{int(counts.sum())} frames, MAX_FRAMES is {MAX_FRAMES}"
        raise ValueError(message)
    if (counts == 0).any():
        raise ValueError("a block without frames")
    if not len(blocks):
        return
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(_column(blocks.lengths, "<u4").astype(np.int64), starts)
    if (sums != _sizes(blocks.data)).any():
        raise ValueError("lengths of a block do not sum to its bytes")
    asked = np.repeat(np.fromiter(map(len, blocks.requests), np.int64), counts)
    request = _column(blocks.request, "<i4")
    if ((request < -1) | (request >= asked)).any():
        raise ValueError("a frame of a request that is not listed")


def _sizes(column: Sequence[bytes]) -> NDArray[np.int64]:
    return np.fromiter(map(len, column), np.int64, len(column))


def _column(column: Sequence[bytes], kind: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(column), kind)
