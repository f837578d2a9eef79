"""What was heard of a meter in the past: from the journal, which has all of it.

What was answered is not journalled, nor how long that took.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Final

from wattwarden.protocol.envelope import Envelope, decode_occurrences
from wattwarden.server.draft import UNKNOWN
from wattwarden.server.places import archive_of
from wattwarden.server.settings import Settings
from wattwarden.server.trace import MOST_BYTES, Happened, Target, What
from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.journal import Entry, Journal, Kind
from wattwarden.tools.journal_source import entries_of, envelope_of
from wattwarden.tools.times import to_us

# What is looked for without a word on since when: closed segments hold an hour each, and a city's
# day of them is read in a minute.
SPANS: Final = (timedelta(hours=2), timedelta(days=1))


async def last_of(
    journal: Journal, settings: Settings, target: Target, most: int, now: datetime
) -> list[Happened]:
    """Return the last happenings of a meter within a day.

    Raises:
        StorageError: The journal does not answer, or an archived segment is damaged.
        CommandError: An entry is no envelope.
    """
    found: list[Happened] = []
    for span in SPANS:
        found = await since_of(journal, settings, target, most, now - span)
        if len(found) >= most:
            break
    return found


async def since_of(
    journal: Journal, settings: Settings, target: Target, most: int, since: datetime
) -> list[Happened]:
    """Return the happenings of a meter since a moment, the last so many, in order.

    Raises:
        StorageError: The journal does not answer, or an archived segment is damaged.
        CommandError: An entry is no envelope.
    """
    history = History(journal, archive_of(settings))
    found: list[Happened] = []
    for shard in range(journal.shards):
        kept: deque[Happened] = deque(maxlen=most)
        async for one in _of_shard(entries_of(history, shard, since), target, since):
            kept.append(one)
        found += kept
    return sorted(found, key=lambda one: one.at)[-most:]


async def _of_shard(
    entries: AsyncIterator[Entry], target: Target, since: datetime
) -> AsyncIterator[Happened]:
    begin = to_us(since)
    async for entry in entries:
        if entry.stored_at < since:
            continue
        for one in _of_entry(entry, target):
            if one.at >= begin:
                yield one


def _of_entry(entry: Entry, target: Target) -> Iterator[Happened]:
    if entry.kind is Kind.FRAMES:
        yield from _of_envelope(envelope_of(entry), target)
    elif entry.kind is Kind.SESSION:
        for row in decode_occurrences(entry.payload).rows:
            if target.is_of(row.codec, row.identity, row.peer):
                yield Happened(
                    at=row.at,
                    what=row.what,
                    peer=row.peer,
                    codec=row.codec,
                    identity=row.identity,
                    reason=row.reason,
                )


def _of_envelope(envelope: Envelope, target: Target) -> Iterator[Happened]:
    is_noise = envelope.codec == UNKNOWN
    if is_noise:
        # Whose bytes they are is known, and not what: any codec's meter of that address.
        addresses = frozenset(name.rpartition(":")[2] for name in target.names)
        target = Target(addresses, target.host)
    wanted = {
        number
        for number, row in enumerate(envelope.sessions)
        if target.is_of(envelope.codec, row.identity, row.peer)
    }
    if not wanted:
        return
    batch = envelope.batch()
    columns = zip(batch.frames(), batch.received_at.tolist(), batch.session.tolist(), strict=True)
    for index, (frame, at, session) in enumerate(columns):
        if session in wanted:
            row = envelope.sessions[session]
            number = int(batch.request[index])
            yield Happened(
                at=at,
                what=What.NOISE if is_noise else What.HEARD,
                peer=row.peer,
                codec=None if is_noise else envelope.codec,
                identity=row.identity,
                data=frame[:MOST_BYTES],
                size=len(frame),
                reason=envelope.reasons[index] if is_noise and envelope.reasons else "",
                request=envelope.requests[number] if number >= 0 else None,
            )
