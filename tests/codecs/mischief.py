"""What happens to frames on their way, and what is left of them.

vector ─ drips, noise, neighbours, flipped bits ─► accepted → messages
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from wattwarden.protocol.codec import Batch, Codec, Message, Profile, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.session import Session

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
NOW = 1_795_316_400_000_000  # 2026-11-22 03:00 UTC


@dataclass(frozen=True, slots=True)
class Vector:
    """A published frame with what its source says of it."""

    codec: str
    raw: bytes
    record: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        return bool(self.record["accept"])

    @property
    def identity(self) -> str | None:
        """Who the session is, for frames that do not say."""
        found = self.record.get("identity") or self.record.get("meter")
        return None if found is None else str(found)

    @property
    def unprotected(self) -> dict[int, int]:
        """The bits that the protocol leaves open, as masks by offset."""
        entries = self.record.get("unprotected", [])
        return {
            int(offset): int(mask)
            for offset, mask in (
                entry if isinstance(entry, list) else (entry, 0xFF) for entry in entries
            )
        }

    @property
    def has_checksum(self) -> bool:
        return len(self.unprotected) < len(self.raw) // 2

    def profile_of(self, address: str) -> Profile:
        key = self.record.get("key", {}).get(address)
        return Profile(key=None if key is None else bytes.fromhex(key))

    def __str__(self) -> str:
        return str(self.record["id"])


def vectors_of(codec: str) -> list[Vector]:
    """Return the vectors of a codec; none when it has no file."""
    path = VECTORS / f"{codec}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines if line.strip()]
    return [Vector(codec, bytes.fromhex(record["hex"]), record) for record in records]


def all_vectors() -> list[Vector]:
    """Return the vectors of every file."""
    return [vector for path in sorted(VECTORS.glob("*.jsonl")) for vector in vectors_of(path.stem)]


def of_each(vectors: Iterable[Vector]) -> Callable[[Callable[[Vector], None]], object]:
    """Make of a question about a vector a test of each codec, which fails with all that fail.

    A test for each vector would cost several times what most of them do.
    """
    groups = {name: list(found) for name, found in groupby(vectors, lambda one: one.codec)}

    def make(question: Callable[[Vector], None]) -> object:
        @pytest.mark.parametrize("codec", groups)
        def asked(codec: str) -> None:
            failures: dict[str, BaseException] = {}
            for vector in groups[codec]:
                try:
                    question(vector)
                except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001  each is told
                    failure.add_note(f"vector {vector}")
                    failures[str(vector)] = failure
            if failures:
                names = ", ".join(failures)
                raise BaseExceptionGroup(names, [*failures.values()])

        asked.__name__, asked.__doc__ = question.__name__, question.__doc__
        return asked

    return make


def proven(codec: Codec, frames: Sequence[bytes], profile_of: ProfileOf) -> list[bool]:
    """Tell of each framed frame whether its checksum fits."""
    if codec.confirm is None or not frames:
        return [True] * len(frames)
    return [bool(good) for good in codec.confirm(Batch.of(frames, NOW, profile_of=profile_of))]


def readable(codec: Codec, frame: bytes, profile_of: ProfileOf) -> Message | None:
    """Read a frame, None when it is refused."""
    try:
        return codec.read(frame, profile_of)
    except ProtocolError:
        return None


def framed(codec: Codec, chunks: Iterable[bytes]) -> tuple[Framer, list[bytes]]:
    """Cut chunks as they come, and what is pending when no more comes."""
    framer = Framer(codec.outline)
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    while framer.pending_bytes:
        frames += framer.resynchronise()
    return framer, frames


def accepted(codec: Codec, chunks: Iterable[bytes], profile_of: ProfileOf) -> list[Message]:
    """Return what is accepted of a stream by framing, checksum and reader."""
    framer, frames = framed(codec, chunks)
    sound: list[bytes] = []
    for frame, good in zip(frames, proven(codec, frames, profile_of), strict=True):
        sound += [frame] if good else framer.recut(frame)
    messages = (readable(codec, frame, profile_of) for frame in sound)
    return [message for message in messages if message is not None]


def accepted_by_session(
    codecs: Sequence[Codec], chunks: Iterable[bytes], profile_of: ProfileOf
) -> list[Message]:
    """Return what is accepted of a connection that any codec may claim."""
    session = Session(codecs, profile_of, SessionLimits(), NOW)
    messages: list[Message] = []

    def drain() -> Iterator[tuple[Codec, bytes]]:
        while (event := session.next_event()) is not None:
            if isinstance(event, Received):
                good = proven(event.codec, event.frames, profile_of)
                for frame, fits in zip(event.frames, good, strict=True):
                    if fits:
                        yield event.codec, frame
                    else:
                        session.reject(frame, NOW)

    def collect() -> None:
        found = (readable(codec, frame, profile_of) for codec, frame in drain())
        messages.extend(message for message in found if message is not None)

    for chunk in chunks:
        session.receive_data(chunk, NOW)
        collect()
    session.tick(session.next_deadline())
    collect()
    return messages


def flipped(vector: Vector) -> Iterator[tuple[str, bytes]]:
    """Yield the frame with each of its protected bits flipped, and which bit it was."""
    unprotected = vector.unprotected
    for offset in range(len(vector.raw)):
        for bit in range(8):
            if not unprotected.get(offset, 0) >> bit & 1:
                broken = bytearray(vector.raw)
                broken[offset] ^= 1 << bit
                yield f"{offset}.{bit}", bytes(broken)


def accepted_of_flipped(codec: Codec, vector: Vector) -> list[str]:
    """Return the bits whose flipping leaves a frame that is accepted.

    A whole frame that stands inside another, passed on to a meter, may come to light.  The
    checksums of all variants are checked at once, as those of an envelope are.
    """
    places: list[str] = []
    frames: list[bytes] = []
    for place, broken in flipped(vector):
        framer, found = framed(codec, [broken])
        found += [inner for frame in found for inner in framer.recut(frame)]
        places += [place] * len(found)
        frames += found
    good = proven(codec, frames, vector.profile_of)
    return [
        place
        for place, frame, fits in zip(places, frames, good, strict=True)
        if fits and not carried(vector, frame) and readable(codec, frame, vector.profile_of)
    ]


def carried(vector: Vector, frame: bytes) -> bool:
    """Tell whether a frame stands, as it is, inside another."""
    return frame in vector.raw and frame != vector.raw
