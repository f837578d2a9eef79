"""A codec from its layouts alone: for vendors whose frames have a kind, a body and a checksum.

    Declaration ─► codec_of ─► Codec     head │ kind, length … │ body │ checksum …

A body is a Struct of fixed size.  Its fields that bear the name of a quantity are the reading, one
called ``serial`` is the meter, a ``clock`` its wall time.  Frames of a kind become columns at once.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol import plain
from wattwarden.protocol.clock import utc_moment, utc_us_each
from wattwarden.protocol.codec import (
    NOTHING_ASKED,
    Asked,
    Batch,
    Block,
    Claim,
    Codec,
    Columns,
    Field,
    Message,
    ProfileOf,
    Refused,
    refusal,
)
from wattwarden.protocol.columns import Layout
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.explain import explain_struct
from wattwarden.protocol.outline import FRAME, MORE, LengthPrefixed
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.wire import parts_of

SERIAL: Final = "serial"
CLOCK: Final = "clock"
# Three reports of meters that report each 15 minutes.
DEFAULT_IDLE_S: Final = 2700.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What frames of a kind carry, and the answer once the journal has one (b"" for none)."""

    kind: str
    struct: Any
    meaning: str
    answer: bytes = b""
    names: frozenset[str] = field(init=False)
    quantities: tuple[str, ...] = field(init=False)
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset(name for name, _ in parts_of(self.struct) if name)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "quantities", tuple(n for n in QUANTITIES if n in names))
        object.__setattr__(self, "layout", Layout(self.struct))


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """A vendor's frames.

    ``begin`` is where the body begins, ``behind`` how many bytes follow it; ``kind_at`` and
    ``length_at`` are the places of the kind's byte and of the body's length, one byte.  ``sound``
    tells whether the checksum of a whole frame fits; ``wrap`` makes a frame of kind and body.
    """

    name: str
    title: str
    head: bytes
    begin: int
    behind: int
    kind_at: int
    length_at: int
    sound: Callable[[bytes], bool]
    wrap: Callable[[int, bytes], bytes]
    bodies: Mapping[int, Body]
    idle_limit_s: float = DEFAULT_IDLE_S

    def measure(self, buffer: bytes, start: int) -> int:
        """Return the length of a frame as ``LengthPrefixed`` asks for it."""
        kind = buffer[start + self.kind_at : start + self.kind_at + 1]
        length = buffer[start + self.length_at : start + self.length_at + 1]
        if kind and kind[0] not in self.bodies:
            return -1
        if not kind or not length:
            return 0
        size = self.bodies[kind[0]].layout.size
        return self.begin + size + self.behind if size == length[0] else -1

    def body_of(self, frame: bytes) -> Body:
        """Return what a frame is.

        Raises:
            ProtocolError: it is none, or its checksum does not fit.
        """
        if not frame.startswith(self.head) or self.measure(frame, 0) < 0:
            raise ProtocolError(Refusal.UNKNOWN, f"no frame begins like {frame[:8].hex(' ')}")
        size = self.measure(frame, 0)
        if size != len(frame):
            message = f"the frame is {size} bytes by its header, got {len(frame)}"
            raise ProtocolError(Refusal.LENGTH, message, self.length_at)
        if not self.sound(frame):
            place = len(frame) - self.behind
            raise ProtocolError(Refusal.CHECKSUM, "the checksum does not fit", place)
        return self.bodies[frame[self.kind_at]]

    def values_of(self, frame: bytes) -> tuple[Body, dict[str, Any]]:
        """Return what a frame is and says.  Raises ProtocolError."""
        body = self.body_of(frame)
        return body, plain.parse(
            body.struct, frame[self.begin : len(frame) - self.behind], self.begin
        )


def codec_of(declared: Declaration) -> Codec:
    """Make the codec of a declaration."""
    bodies = declared.bodies
    outline = LengthPrefixed(
        head=declared.head,
        most_bytes=declared.begin
        + max(body.layout.size for body in bodies.values())
        + declared.behind,
        measure=declared.measure,
        fits=lambda buffer, start, end: declared.sound(buffer[start:end]),
    )
    readers = _Readers(declared, outline)
    return Codec(
        name=declared.name,
        title=declared.title,
        outline=outline,
        kinds={body.kind: body.meaning for body in bodies.values()},
        recognise=readers.recognise,
        dialogue=lambda _profile_of: _Listening(declared),
        confirm=None,
        acknowledge=readers.acknowledge,
        decode=readers.decode,
        read=readers.read,
        encode=readers.encode,
        explain=readers.explain,
    )


@dataclass(frozen=True, slots=True)
class _Readers:
    declared: Declaration
    outline: LengthPrefixed

    def recognise(self, head: bytes) -> Claim:
        """Know the vendor by a whole sound frame."""
        if not head.startswith(self.declared.head):
            return Claim.MORE if self.declared.head.startswith(head) else Claim.NO
        verdict, _ = self.outline.cut(head, 0, 0)
        return {FRAME: Claim.YES, MORE: Claim.MORE}.get(verdict, Claim.NO)

    def acknowledge(self, batch: Batch) -> list[bytes]:
        """Return the answer that each frame's kind has."""
        return [
            self.declared.bodies[frame[self.declared.kind_at]].answer for frame in batch.frames()
        ]

    def read(self, frame: bytes, profile_of: ProfileOf) -> Message:
        """Read one frame."""
        body, values = self.declared.values_of(frame)
        meter, clock = values.get(SERIAL), values.get(CLOCK)
        at = None
        if clock is not None:
            at = _EPOCH + timedelta(microseconds=utc_moment(clock, profile_of(meter or "").zone))
        return Message(body.kind, meter, at, plain.plain(values))

    def encode(self, message: Message) -> bytes:
        """Make a frame of what ``read`` gives.  Raises ValueError."""
        for code, body in self.declared.bodies.items():
            if body.kind == message.kind:
                return self.declared.wrap(code, plain.build(body.struct, message.fields))
        text = f"no frame is a {message.kind!r}"
        raise ValueError(text)

    def explain(self, frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
        """Name every stretch of a frame, of a broken one as far as it can be followed."""
        del request
        declared = self.declared
        code = frame[declared.kind_at] if len(frame) > declared.kind_at else None
        body = declared.bodies.get(code) if code is not None else None
        head = Field(0, frame[: declared.begin], "head", body.kind if body else "! no such kind")
        if body is None or len(frame) <= declared.begin + declared.behind:
            rest = frame[declared.begin :]
            return (head, Field(declared.begin, rest, "rest")) if rest else (head,)
        end = len(frame) - declared.behind
        verdict = "fits" if declared.sound(frame) else "! does not fit"
        return (
            head,
            *explain_struct(body.struct, frame[declared.begin : end], declared.begin),
            Field(end, frame[end:], "checksum", verdict),
        )

    def decode(self, batch: Batch) -> Columns:
        """Read the frames of a batch, all of a kind at once."""
        groups: dict[str, tuple[Body, list[int]]] = {}
        refused: list[Refused] = []
        for index, frame in enumerate(batch.frames()):
            try:
                body = self.declared.body_of(frame)
            except ProtocolError as error:
                refused.append(refusal(index, error))
                continue
            if body.quantities:
                groups.setdefault(body.kind, (body, []))[1].append(index)
        meters: dict[str, int] = {}
        blocks = [
            self._block(batch, body, frames, meters, refused) for body, frames in groups.values()
        ]
        refused.sort(key=lambda entry: entry.frame)
        return Columns(tuple(meters), tuple(block for block in blocks if block), (), tuple(refused))

    def _block(
        self,
        batch: Batch,
        body: Body,
        frames: list[int],
        meters: dict[str, int],
        refused: list[Refused],
    ) -> Block | None:
        """Read the frames of one kind; note who speaks, and what means nothing."""
        declared, size = self.declared, body.layout.size
        raw = b"".join(
            batch.frame(index)[declared.begin : declared.begin + size] for index in frames
        )
        rows = np.frombuffer(raw, np.uint8).reshape(-1, size)
        columns, good = body.layout.decode(rows)
        bad = np.flatnonzero(~good).tolist()
        refused += (self._refusal(batch, frames[place]) for place in bad)
        index = np.array(frames, np.int32)[good]
        columns = {name: values[good] for name, values in columns.items()}
        meter = self._meters(batch, columns.get(SERIAL), index, meters)
        for place in np.flatnonzero(meter < 0).tolist():
            message = "the frame names no meter, nor did its session"
            refused.append(Refused(int(index[place]), Refusal.UNKNOWN, message))
        known = meter >= 0
        index, meter = index[known], meter[known]
        if not len(index):
            return None
        at, quality = batch.received_at[index], np.full(len(index), Quality.NO_CLOCK, np.int16)
        if CLOCK in columns:
            zones = {place: batch.profile_of(name).zone for name, place in meters.items()}
            at = utc_us_each(columns[CLOCK][known], meter, zones)
            quality = np.zeros(len(index), np.int16)
        values = {name: _typed(name, columns[name][known]) for name in body.quantities}
        return Block(index, meter, "", "instant", at, quality, values)

    def _refusal(self, batch: Batch, index: int) -> Refused:
        """Say what is wrong with a frame that the columns refuse."""
        try:
            self.declared.values_of(batch.frame(index))
        except ProtocolError as error:
            return refusal(index, error)
        return Refused(index, Refusal.DECODE, "a field means nothing")

    def _meters(
        self,
        batch: Batch,
        serials: NDArray[Any] | None,
        index: NDArray[np.int32],
        meters: dict[str, int],
    ) -> NDArray[np.int32]:
        """Return each frame's meter, that of its session where it names none, -1 for neither."""
        names: list[str | None] = [batch.identities[who] for who in batch.session[index].tolist()]
        if serials is not None:
            said = (raw.rstrip(b" ").decode("ascii") for raw in serials.tolist())
            names = [text or known for text, known in zip(said, names, strict=True)]
        numbers = [-1 if name is None else meters.setdefault(name, len(meters)) for name in names]
        return np.array(numbers, np.int32)


def _typed(name: str, values: NDArray[Any]) -> NDArray[Any]:
    whole = QUANTITIES[name].exact
    typed: NDArray[Any] = np.rint(values).astype(np.int64) if whole else values.astype(np.float64)
    return typed


class _Listening:
    """Learns who speaks; nothing is answered at once."""

    __slots__ = ("_declared", "identity", "idle_limit_s")
    asked: Asked = NOTHING_ASKED

    def __init__(self, declared: Declaration) -> None:
        self._declared = declared
        self.identity: str | None = None
        self.idle_limit_s = declared.idle_limit_s

    def receive(self, frames: list[bytes], now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Take the serial of the first frame that has one."""
        for frame in frames:
            if self.identity is None:
                with suppress(ProtocolError):
                    self.identity = self._declared.values_of(frame)[1].get(SERIAL) or None
        return b""

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's
        """Nothing is asked."""
        return b""

    def next_deadline(self) -> int | None:
        """Nothing is asked."""
        return None
