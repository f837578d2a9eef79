"""Envelopes of one codec put together into one batch, each frame with its place in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import Batch, ProfileOf, default_profile
from wattwarden.protocol.envelope import Envelope


class Placed(NamedTuple):
    """An envelope, where it lies in its shard, and the step of its rows."""

    sequence: int
    step: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Gathered:
    """Frames of one codec with their origin.

    For each frame: ``sequence`` int64[n] of its entry, ``index`` int32[n] within its envelope,
    ``step`` int32[n] of its rows, ``reasons`` why no framer took it (codec ``unknown`` only).
    ``peers`` runs beside ``batch.identities``.
    """

    codec: str
    shard: int
    batch: Batch
    sequence: NDArray[np.int64]
    index: NDArray[np.int32]
    step: NDArray[np.int32]
    peers: tuple[str, ...]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sequence)

    def peer(self, frame: int) -> str:
        """Address and port that a frame came from."""
        return self.peers[int(self.batch.session[frame])]

    def identity(self, frame: int) -> str | None:
        """By which name the peer was known when a frame came."""
        return self.batch.identities[int(self.batch.session[frame])]

    def request(self, frame: int) -> bytes | None:
        """What a frame answers, None when nothing was asked."""
        index = int(self.batch.request[frame])
        return self.batch.requests[index] if index >= 0 else None

    def part(self, start: int, stop: int) -> Batch:
        """Return frames ``start`` … ``stop`` - 1 as a batch of their own."""
        whole = self.batch
        if start == 0 and stop == len(whole):
            return whole
        bounds = whole.offsets[start : stop + 1]
        return Batch(
            data=whole.data[bounds[0] : bounds[-1]],
            offsets=bounds - bounds[0],
            received_at=whole.received_at[start:stop],
            session=whole.session[start:stop],
            identities=whole.identities,
            request=whole.request[start:stop],
            requests=whole.requests,
            profile_of=whole.profile_of,
        )


def gather(
    codec: str, shard: int, placed: Sequence[Placed], profile_of: ProfileOf = default_profile
) -> Gathered:
    """Put the frames of one codec's envelopes, at least one, into one batch, in order."""
    batches = [envelope.batch(profile_of) for _, _, envelope in placed]
    counts = np.array([len(batch) for batch in batches])
    return Gathered(
        codec=codec,
        shard=shard,
        batch=batches[0] if len(batches) == 1 else _joined(batches, profile_of),
        sequence=np.repeat(np.array([place.sequence for place in placed], np.int64), counts),
        index=np.concatenate([np.arange(count, dtype=np.int32) for count in counts]),
        step=np.repeat(np.array([place.step for place in placed], np.int32), counts),
        peers=tuple([row.peer for place in placed for row in place.envelope.sessions]),
        reasons=tuple(reason for place in placed for reason in place.envelope.reasons),
    )


def _moved(request: NDArray[np.int32], start: int) -> NDArray[np.int32]:
    """Places in a table that now begins at ``start``; -1 remains."""
    moved = request + np.int32(start)
    moved[request < 0] = -1
    return moved


def _joined(batches: Sequence[Batch], profile_of: ProfileOf) -> Batch:
    """One batch of several; their session and request tables follow one another."""
    starts = np.cumsum([0] + [len(batch.data) for batch in batches])
    sessions = np.cumsum([0] + [len(batch.identities) for batch in batches])
    asked = np.cumsum([0] + [len(batch.requests) for batch in batches])
    places = range(len(batches))
    return Batch(
        data=b"".join(batch.data for batch in batches),
        offsets=np.concatenate(
            [batches[i].offsets[:-1] + starts[i] for i in places] + [starts[-1:]]
        ).astype(np.int64),
        received_at=np.concatenate([batch.received_at for batch in batches]),
        session=np.concatenate([batches[i].session + sessions[i] for i in places]).astype(np.int32),
        identities=tuple(chain.from_iterable(batch.identities for batch in batches)),
        request=np.concatenate([_moved(batches[i].request, int(asked[i])) for i in places]).astype(
            np.int32
        ),
        requests=tuple(chain.from_iterable(batch.requests for batch in batches)),
        profile_of=profile_of,
    )
