"""The contract between a wire protocol and everything else: one frozen record of functions.

Codec(name, outline, recognise, dialogue, confirm, acknowledge, decode, read, encode, explain)

head of a connection ─ recognise ─► Codec
frames of a session  ─ dialogue ──► replies that need not wait (login, heartbeat, clock)
frames of an envelope ─ confirm, acknowledge ─► replies that wait for the journal
frames of an envelope ─ decode ──► Columns ─► rows
one frame            ─ read, explain ─► people;  encode ─► simulators
one command          ─ ask ──► questions, and how their answers are known
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum, StrEnum
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.access import OPEN, Access
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import Outline
from wattwarden.protocol.zone import CHINA

if TYPE_CHECKING:
    from wattwarden.protocol.command import Command, Peer, Question

DEFAULT_ZONE: Final[tzinfo] = CHINA


class Claim(Enum):
    """Whether a codec knows the first bytes of a connection."""

    YES = "yes"
    NO = "no"
    MORE = "more bytes are needed to tell"


class ClockPolicy(StrEnum):
    """What is done about the clock of a meter; None elsewhere: what it is off is measured."""

    TRUST = "trust"
    """Its time counts as it stands, however late it comes."""
    SYNC = "sync"
    """It is set right where the protocol can; what it is off meanwhile is measured."""
    SERVER = "server"
    """The time of the receipt counts in place of its own."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is configured for one meter.

    ``options`` holds the settings that a codec names in its own docstring; ``key`` is secret and
    never leaves memory.
    """

    zone: tzinfo = DEFAULT_ZONE
    cycle_s: int | None = None
    key: bytes | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0
    clock: ClockPolicy | None = None
    # The address of the gateway's where the meter dials in, by its name; None for the meter port.
    listener: str | None = None
    # What it has to show before it is believed.
    access: Access = OPEN


DEFAULT_PROFILE: Final = Profile()
ProfileOf = Callable[[str], Profile]
"""The profile of a meter's address."""


def default_profile(_address: str) -> Profile:
    """Return the profile of a meter nobody has configured."""
    return DEFAULT_PROFILE


Asked = Mapping[int, bytes]
"""What frames answer or continue, by their index: of most frames nothing."""
NOTHING_ASKED: Final[Asked] = MappingProxyType({})


def tabulate(asked: Asked, count: int) -> tuple[NDArray[np.int32], tuple[bytes, ...]]:
    """Return what ``count`` frames answer as ``Batch`` has it: request and requests."""
    request = np.full(count, -1, np.int32)
    if not asked:
        return request, ()
    numbers: dict[bytes, int] = {}
    for index, text in asked.items():
        request[index] = numbers.setdefault(text, len(numbers))
    return request, tuple(numbers)


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames of one codec, back to back, with what decoding may need.

    ``offsets`` int64[n + 1] into ``data``; ``received_at`` int64[n] microseconds UTC; ``session``
    int32[n] into ``identities``; ``request`` int32[n] into ``requests``, what the frame answers or
    continues, -1 where nothing was asked.
    """

    data: bytes
    offsets: NDArray[np.int64]
    received_at: NDArray[np.int64]
    session: NDArray[np.int32]
    identities: tuple[str | None, ...]
    request: NDArray[np.int32]
    requests: tuple[bytes, ...] = ()
    profile_of: ProfileOf = default_profile

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def frame(self, index: int) -> bytes:
        """Return the bytes of one frame."""
        return self.data[self.offsets[index] : self.offsets[index + 1]]

    def frames(self) -> list[bytes]:
        """Return the bytes of every frame."""
        bounds = self.offsets.tolist()
        data = self.data
        return [data[begin:end] for begin, end in pairwise(bounds)]

    @classmethod
    def of(
        cls,
        frames: Sequence[bytes],
        received_at: int,
        *,
        identity: str | None = None,
        profile_of: ProfileOf = default_profile,
        asked: Asked = NOTHING_ASKED,
    ) -> "Batch":
        """Put frames of one session, received at one moment, into a batch."""
        count = len(frames)
        offsets = np.zeros(count + 1, np.int64)
        np.cumsum([len(frame) for frame in frames], out=offsets[1:])
        request, requests = tabulate(asked, count)
        return cls(
            data=b"".join(frames),
            offsets=offsets,
            received_at=np.full(count, received_at, np.int64),
            session=np.zeros(count, np.int32),
            identities=(identity,),
            request=request,
            requests=requests,
            profile_of=profile_of,
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of one shape: n rows that have the same quantities.

    ``frame`` int32[n] which frame of the batch; ``meter`` int32[n] into ``Columns.meters``; ``at``
    int64[n] microseconds UTC; ``quality`` int16[n]; ``values`` by quantity name, float64[n] with
    NaN or int64[n] with ``MISSING`` where a single value is absent.  ``channel`` is up to
    MAX_CHANNEL_BYTES of ASCII, ``period`` one of ``PERIODS``.
    """

    frame: NDArray[np.int32]
    meter: NDArray[np.int32]
    channel: str
    period: str
    at: NDArray[np.int64]
    quality: NDArray[np.int16]
    values: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class FactorBlock:
    """Readings that are no electricity: n rows with the same list of codes (``layout``).

    ``values`` float32[n, codes] with NaN where the text was no number; ``flags`` uint8[n, codes],
    the ASCII letter that the meter gave each code, 0 for none.
    """

    frame: NDArray[np.int32]
    meter: NDArray[np.int32]
    channel: str
    period: str
    at: NDArray[np.int64]
    quality: NDArray[np.int16]
    layout: tuple[str, ...]
    values: NDArray[np.float32]
    flags: NDArray[np.uint8]


PERIODS: Final[dict[str, str]] = {
    "instant": "i",
    "minute": "m",
    "hour": "h",
    "day": "d",
    "runtime": "r",
}
"""What span a reading stands for, and the letter that the store keeps for it."""

MAX_CHANNEL_BYTES: Final = 8  # the width of the key column; "1-1" and "12-247" are what meters send


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame of the batch that gave no row, or not all of its rows."""

    frame: int
    kind: Refusal
    message: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Columns:
    """What a batch means.  Frames in neither rows nor ``refused`` carry no readings by nature.

    ``meters`` holds addresses; a frame whose meter is not known by any means is refused.
    ``announced`` are frames, by their addresses, of meters that said who they are and may never
    have readings of their own.
    """

    meters: tuple[str, ...]
    blocks: tuple[Block, ...] = ()
    factors: tuple[FactorBlock, ...] = ()
    refused: tuple[Refused, ...] = ()
    announced: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One frame in readable form: what ``read`` gives and ``encode`` takes.

    ``fields`` holds every field of the frame under the protocol's own name, as JSON can carry it.
    """

    kind: str
    meter: str | None = None
    at: datetime | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A stretch of a frame for people: where, which bytes, what it is called, what it says."""

    offset: int
    raw: bytes
    name: str
    value: str = ""
    unit: str = ""


class Dialogue(Protocol):
    """One connection's conversation.  Reads no clock: ``now`` is microseconds UTC.

    ``identity`` is the address by which the peer is known, None until it has said so.
    """

    identity: str | None
    idle_limit_s: float

    @property
    def asked(self) -> Asked:
        """What the frames last received answer or continue, for whoever decodes them later."""

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take frames in order; return what is to be sent at once (b"" for nothing)."""

    def tick(self, now: int) -> bytes:
        """Return what is to be sent because time passed (polls), b"" for nothing."""

    def next_deadline(self) -> int | None:
        """Return when ``tick`` has work, or None."""


@dataclass(frozen=True, slots=True)
class Routine:
    """Segments of many connections, back to back, of which nothing is wanted but to be kept.

    ``data`` is all of their bytes; ``lengths`` has one entry a frame, ``counts`` one a segment: how
    many frames it brought.
    """

    data: bytes
    lengths: list[int]
    counts: list[int]

    @classmethod
    def of(cls, data: bytes, lengths: list[int], segments: Sequence[bytes]) -> "Routine | None":
        """Tell how many frames each segment brought; None where a frame goes on in the next."""
        if len(lengths) == len(segments) and lengths == list(map(len, segments)):
            return cls(data, lengths, [1] * len(segments))
        ends = {end: number for number, end in enumerate(accumulate(lengths), 1)}
        numbers = [ends.get(end, 0) for end in accumulate(map(len, segments))]
        if 0 in numbers:
            return None
        return cls(data, lengths, [after - before for before, after in pairwise([0, *numbers])])


@dataclass(frozen=True, slots=True, eq=False)
class Codec:
    """A wire protocol.  ``kinds`` documents the slugs that ``read`` gives as ``Message.kind``.

    ``confirm`` returns bool[n]: False where the checksum, left open while framing, does not fit;
    None when framing has confirmed every frame already.  ``acknowledge`` returns, for each frame,
    the bytes to send once the journal has it (b"" for none).  ``read`` raises ProtocolError.

    ``is_awaited`` tells of a frame whether its sender may wait for what ``acknowledge`` gives, and
    so for the journal; None where each may.  What answers a poll has time.

    ``routine`` takes segments, each of another connection that is in step and has said who it is.
    It gives None unless every one is whole frames of which ``Dialogue.receive`` would answer none,
    ask nothing and learn nothing, and whose checksums fit, or are for ``confirm`` to check.  Where
    it is None, every segment goes through its session.

    ``knowing`` gives the codec that also knows how the meters with these profiles, by address, say
    who they are; None where frames tell that by themselves.

    ``is_guessed`` is whether the first bytes of a connection tell the protocol: one that anything
    could be stands behind another, or is asked last where bytes have no other owner.
    ``is_datagram`` is whether its frames may also come over UDP, each datagram whole frames.
    ``is_opening`` is whether the first bytes of a connection alone say it: amid others they may be
    anything, such as the card's number within a broken frame.

    ``mend`` gives a master's request with the checksum that it ought to have, where nothing else
    is wrong with it, and None for all else: papers misprint them, and who reads one wants to know
    what it asks.  No connection asks for that.

    ``ask`` makes the questions of a command, as ``protocol.line`` puts them, and raises
    CannotAskError; None where nothing can be asked.  Dialogues of codecs that have it are
    ``asking.Asking``.
    """

    name: str
    title: str
    outline: Outline
    kinds: Mapping[str, str]
    recognise: Callable[[bytes], Claim]
    dialogue: Callable[[ProfileOf], Dialogue]
    confirm: Callable[[Batch], NDArray[np.bool_]] | None
    acknowledge: Callable[[Batch], list[bytes]]
    decode: Callable[[Batch], Columns]
    read: Callable[[bytes, ProfileOf], Message]
    encode: Callable[[Message], bytes]
    explain: Callable[[bytes, bytes | None], tuple[Field, ...]]
    routine: Callable[[Sequence[bytes]], Routine | None] | None = None
    is_guessed: bool = True
    knowing: "Callable[[Mapping[str, Profile]], Codec] | None" = None
    is_datagram: bool = False
    is_opening: bool = False
    ask: "Callable[[Command, Peer], tuple[Question, ...]] | None" = None
    is_awaited: Callable[[bytes], bool] | None = None
    mend: Callable[[bytes], bytes | None] | None = None


def refusal(index: int, error: ProtocolError) -> Refused:
    """Turn the error of one frame into its entry in ``Columns.refused``."""
    return Refused(index, error.kind, error.message, error.offset)
