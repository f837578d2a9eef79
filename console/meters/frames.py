"""What a meter sent last, as it came: out of the journal, byte by byte.

journal ─► bites of each shard, the latest first ─► envelopes of the meter's protocol ─► its frames

A look back is bounded, and the page says how far it went; from there one looks further.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Final

import msgspec
from aiohttp import web

from wattwarden.codecs import load_codecs
from wattwarden.console.doors import PARTS, OpenJournal, PageError
from wattwarden.console.meters.fleet import meter_of
from wattwarden.console.meters.shown import READ_S, fields_of, is_strength
from wattwarden.console.moments import asked_moment
from wattwarden.console.visit import Visit
from wattwarden.protocol.codec import Codec, Field, default_profile
from wattwarden.protocol.envelope import Envelope, SessionRow, decode_envelope
from wattwarden.protocol.errors import ProtocolError
from wattwarden.storage.journal.journal import Entry, Journal, Kind
from wattwarden.storage.journal.tail import Reach, Readable, bites_before
from wattwarden.storage.meters import Meter
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.outliving import computing, ending_of

# As many as somebody reads.
MOST_FRAMES: Final = 20
# A meter that was away sends what it kept at once, in frames that are all alike.
MOST_OF_ENVELOPE: Final = 40
# Some two hours of a city of a thousand meters, and of none more than half a second's work.
REACH: Final = Reach(entries=4_000, bytes=8 * 1024 * 1024)
# Behind a gateway only the frame says whose it is, which takes 50 µs to read.
MOST_READ: Final = 4_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: when it came, at which place of the journal and since when, what its bytes say."""

    at: datetime
    stored_at: datetime
    raw: bytes
    request: bytes | None
    peer: str
    place: str
    kind: str
    fields: Sequence[Field]

    @property
    def strength(self) -> str:
        """What it says of the radio's strength, as the meter counts it; "" where it does not."""
        return next((one.value for one in self.fields if is_strength(one.name)), "")


@dataclass(slots=True)
class Seen:
    """What a look back found, the latest first, and from when on it saw everything."""

    frames: list[Frame] = field(default_factory=list)
    since: datetime | None = None

    @property
    def strength(self) -> Frame | None:
        """The last frame that told the radio's strength."""
        return next((one for one in self.frames if one.strength), None)


class Looks:
    """The journal as pages look into it: joined when somebody first looks, one look at a time."""

    def __init__(self, join: OpenJournal | None) -> None:
        self._join = join
        self._journal: Journal | None = None
        self._one = asyncio.Lock()

    async def frames(self, meter: Meter, until: datetime) -> Seen:
        """Return the frames of a meter that were stored before a moment.

        Raises:
            PageError: This console has no journal.
            StorageError: It does not answer.
        """
        if self._join is None:
            raise _NO_JOURNAL
        async with self._one:
            if self._journal is None:
                self._journal = await self._join()
            return await look_back(self._journal, range(self._journal.shards), meter, until)

    async def close(self) -> None:
        """Leave the journal."""
        if self._journal is not None:
            await self._journal.close()


async def look_back(
    journal: Readable, shards: Collection[int], meter: Meter, until: datetime
) -> Seen:
    """Return the frames of a meter stored before a moment, as far back as ``REACH`` goes.

    Raises:
        JournalAway: The journal does not answer.
        StorageError: The machine has no room for another process.
    """
    seen = Seen()
    for shard in shards:
        picker = Picker(meter, shard)
        async for bite in bites_before(journal, shard, until, REACH):
            await asyncio.to_thread(picker.outlive, bite)
            if picker.is_done:
                break
        seen.frames += picker.frames
        if picker.since is not None:
            seen.since = max(seen.since or picker.since, picker.since)
    seen.frames.sort(key=lambda one: (one.stored_at, one.at), reverse=True)
    if len(seen.frames) > MOST_FRAMES:
        # An envelope is shown whole, so that the page before begins with the next one.
        seen.since = seen.frames[MOST_FRAMES - 1].stored_at
        seen.frames = [one for one in seen.frames if one.stored_at >= seen.since]
    return seen


class Picker:
    """Picks a meter's frames out of a shard's entries."""

    def __init__(self, meter: Meter, shard: int) -> None:
        self.frames: list[Frame] = []
        self.since: datetime | None = None
        self._meter = meter
        self._shard = shard
        self._codec = load_codecs().get(meter.codec)
        self._left = MOST_READ

    @property
    def is_done(self) -> bool:
        """Whether enough was found, or looked at."""
        return len(self.frames) >= MOST_FRAMES or self._left <= 0

    def outlive(self, bite: Sequence[Entry]) -> None:
        """Take a bite, unread where reading ends the process, as it did a child."""
        if ending_of(partial(self.take, bite), READ_S):
            self._codec = None
        with computing():
            self.take(bite)

    def take(self, bite: Sequence[Entry]) -> None:
        """Look at a bite, from its end."""
        for entry in reversed(bite):
            if entry.kind is Kind.FRAMES:
                self.frames += islice(self._of(entry), MOST_OF_ENVELOPE)
            self.since = entry.stored_at
            if self.is_done:
                return

    def _of(self, entry: Entry) -> Iterator[Frame]:
        """Yield the meter's frames of an envelope, the latest first."""
        envelope = _envelope(entry)
        if envelope is None or envelope.codec != self._meter.codec:
            return
        batch = envelope.batch()
        rows = zip(
            batch.frames(),
            batch.received_at.tolist(),
            batch.session.tolist(),
            batch.request.tolist(),
            strict=True,
        )
        for number, (raw, at, session, request) in reversed(list(enumerate(rows))):
            sender = envelope.sessions[session]
            if not self._is_theirs(sender, raw):
                continue
            asked = envelope.requests[request] if request >= 0 else None
            yield Frame(
                at=moment_of(at),
                stored_at=entry.stored_at,
                raw=raw,
                request=asked,
                peer=sender.peer,
                place=f"{self._shard}/{entry.sequence}/{number}",
                kind=_kind(self._codec, raw),
                fields=fields_of(self._codec, raw, asked),
            )

    def _is_theirs(self, sender: SessionRow, raw: bytes) -> bool:
        if sender.identity == self._meter.address:
            return True
        if self._codec is None or self._left <= 0:
            return False
        self._left -= 1
        try:
            return self._codec.read(raw, default_profile).meter == self._meter.address
        except ProtocolError:
            return False


def _envelope(entry: Entry) -> Envelope | None:
    """Return an envelope; None where an entry is none, which the writer has told already."""
    try:
        return decode_envelope(entry.payload)
    except (msgspec.DecodeError, ValueError):
        return None


def _kind(codec: Codec | None, raw: bytes) -> str:
    """Return what kind of frame it is; "" where its codec cannot tell."""
    if codec is None:
        return ""
    try:
        return codec.read(raw, default_profile).kind
    except ProtocolError:
        return ""


async def show(visit: Visit) -> web.StreamResponse:
    """Show what a meter sent last, or before a moment that is asked for."""
    async with visit.reading() as (connection, _reader):
        meter = await meter_of(visit, connection)
    before = asked_moment(visit.asked("before"))
    seen = await visit.request.app[LOOKS].frames(meter, before or _END)
    return visit.page("meters/frames.html", {"meter": meter, "seen": seen, "before": before})


async def keep_looks(app: web.Application) -> AsyncIterator[None]:
    """Hold the journal while the application lives."""
    looks = app[LOOKS] = Looks(app[PARTS].journal)
    yield
    await looks.close()


# Journals run by a clock of their own, which may be ahead of the system's time.
_END: Final = datetime.max.replace(tzinfo=UTC)
LOOKS: Final = web.AppKey("looks into the journal", Looks)
_NO_JOURNAL: Final = PageError(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "no journal",
    "本机没有连接日志，不能查看原始报文",
    "this console has no journal to look into",
)
