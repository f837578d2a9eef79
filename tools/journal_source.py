"""Shots from the journal: what the running system once received, archived segments included."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Codec, default_profile
from wattwarden.protocol.envelope import Envelope, decode_envelope
from wattwarden.protocol.errors import ProtocolError
from wattwarden.server.journal import join_journal
from wattwarden.server.places import archive_of
from wattwarden.server.settings import Settings
from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.journal import Entry, Kind
from wattwarden.tools.errors import CommandError
from wattwarden.tools.running import as_running, nats_of
from wattwarden.tools.shots import Group, Shot
from wattwarden.tools.times import to_us

# A read that keeps the loop responsive: some thousand frames.
READ_ENTRIES: Final = 64
READ_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class JournalRange:
    """Which frames: received from ``since`` to before ``until``, of ``meters`` (empty: of all).

    A meter is ``codec:address`` or an address.
    """

    since: datetime | None = None
    until: datetime | None = None
    meters: frozenset[str] = frozenset()


async def journal_shots(wanted: JournalRange, settings: Settings) -> AsyncIterator[Shot]:
    """Yield the frames that were in the journal when this began, in order of receipt.

    Raises:
        CommandError: no journal is known.
        StorageError: it does not answer, or an archived segment is damaged.
    """
    settings = as_running(settings)
    journal = await join_journal(settings, nats_of(settings))
    try:
        history = History(journal, archive_of(settings))
        choice = _Choice(wanted)
        streams = [
            choice.shots(entries_of(history, shard, wanted.since))
            for shard in range(journal.shards)
        ]
        async for shot in merged(streams):
            yield shot
    finally:
        await journal.close()


async def merged(streams: list[AsyncIterator[Shot]]) -> AsyncIterator[Shot]:
    """Merge streams by time; each keeps its own order."""
    heads = [await anext(stream, None) for stream in streams]
    while True:
        waiting = [(head.at or 0, place) for place, head in enumerate(heads) if head is not None]
        if not waiting:
            return
        _, place = min(waiting)
        head = heads[place]
        heads[place] = await anext(streams[place], None)
        if head is not None:
            yield head


async def entries_of(history: History, shard: int, since: datetime | None) -> AsyncIterator[Entry]:
    """Yield a shard's entries, at rest or not, up to where it ends now.

    Those of ``since`` are among them, and some before.
    """
    last = await history.last(shard)
    after = 0 if since is None else await history.before(shard, since)
    while after < last:
        page = await history.read(shard, after, most=READ_ENTRIES, most_bytes=READ_BYTES)
        if not page:
            return
        for entry in page:
            yield entry
        after = page[-1].sequence


class _Bounds(NamedTuple):
    """Microseconds UTC, the second excluded."""

    since: float
    until: float


class _Choice:
    """Picks the frames that are wanted out of entries."""

    def __init__(self, wanted: JournalRange) -> None:
        since, until = wanted.since, wanted.until
        self._bounds = _Bounds(
            float("-inf") if since is None else to_us(since),
            float("inf") if until is None else to_us(until),
        )
        self._meters = wanted.meters
        self._codecs = load_codecs()

    async def shots(self, entries: AsyncIterator[Entry]) -> AsyncIterator[Shot]:
        async for entry in entries:
            if entry.kind is Kind.FRAMES:
                for shot in self.of_envelope(envelope_of(entry)):
                    yield shot

    def of_envelope(self, envelope: Envelope) -> Iterator[Shot]:
        """Yield the wanted frames of an envelope; bytes that no codec knew are left out."""
        codec = self._codecs.get(envelope.codec)
        if codec is None:
            return
        batch = envelope.batch()
        columns = zip(
            batch.frames(), batch.received_at.tolist(), batch.session.tolist(), strict=True
        )
        for frame, at, session in columns:
            row = envelope.sessions[session]
            if self._bounds.since <= at < self._bounds.until and self._is_wanted(
                codec, row.identity, frame
            ):
                group: Group = (codec.name, row.identity)
                if row.identity is None:
                    group = (envelope.chain.rpartition(".")[0], row.epoch)
                yield Shot(frame, group, at)

    def _is_wanted(self, codec: Codec, identity: str | None, frame: bytes) -> bool:
        if not self._meters:
            return True
        names = {identity, f"{codec.name}:{identity}"}
        if names & self._meters:
            return True
        try:
            meter = codec.read(frame, default_profile).meter
        except ProtocolError:
            return False
        return meter in self._meters or f"{codec.name}:{meter}" in self._meters


def envelope_of(entry: Entry) -> Envelope:
    """Return the envelope of an entry.

    Raises:
        CommandError: It is none.
    """
    try:
        return decode_envelope(entry.payload)
    except (msgspec.DecodeError, ValueError) as error:
        message = f"entry {entry.sequence} of the journal is no envelope: {error}"
        raise CommandError(
            message, "replay what lies around it with --since and --until"
        ) from error
