"""Streams of a restored journal: made anew so that they go on with the numbers they had.

archive  1 … (tail − 1), segments in place        stream  first = tail, its entries, empty beyond
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwarden.storage.backup.errors import BackupError, OccupiedError
from wattwarden.storage.backup.manifest import ShardFact
from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.entry import MSG_ID, Entry
from wattwarden.storage.journal.jetstream import ApiReply, StreamLimits
from wattwarden.storage.journal.journal import DEFAULT_PREFIX, JournalFull
from wattwarden.storage.journal.link import Link
from wattwarden.storage.journal.segment_file import read_segment
from wattwarden.storage.journal.shard import Shard
from wattwarden.storage.journal.streams import check_server, unexpected, wanted_stream

_EXPECTED_LAST: Final = "Nats-Expected-Last-Sequence"


@dataclass(frozen=True, slots=True)
class Tail:
    """A shard, and the files of the entries that its stream begins with."""

    shard: ShardFact
    files: tuple[Path, ...]


async def check_streams(url: str, shards: Sequence[ShardFact], timeout_s: float) -> None:
    """Refuse a server whose streams of these names hold something else.

    Raises:
        OccupiedError: They do.
        StorageError: The server is away, or too old.
    """
    link = await Link.open(url, token=None, name="restore", timeout_s=timeout_s)
    try:
        check_server(link)
        for shard in shards:
            await _is_begun(link, shard, timeout_s)
    finally:
        await link.close()


async def make_streams(
    url: str, tails: Sequence[Tail], limits: Iterable[StreamLimits], timeout_s: float
) -> None:
    """Make the streams of all shards; one that a killed restore began is completed.

    Args:
        url: The server.
        tails: What each stream begins with.
        limits: What each may grow to, the best first; the first that fits is taken.
        timeout_s: Bounds each request.

    Raises:
        OccupiedError: A stream of the name holds something else.
        JournalFull: There is no room, whatever the limits.
        StorageError: The server is away.
    """
    link = await Link.open(url, token=None, name="restore", timeout_s=timeout_s)
    try:
        check_server(link)
        tried = list(limits)
        for tail in tails:
            await _restored(link, tail, tried, timeout_s)
    finally:
        await link.close()


async def _restored(link: Link, tail: Tail, limits: list[StreamLimits], timeout_s: float) -> None:
    begun = await _is_begun(link, tail.shard, timeout_s)
    if begun is None:
        await _make(link, tail.shard, limits, timeout_s)
        begun = tail.shard.tail - 1
    place = Shard(DEFAULT_PREFIX, tail.shard.shard)
    for file in tail.files:
        for entry in read_segment(file):
            if entry.sequence > begun:
                await _append(link, place, entry, timeout_s)


async def _make(link: Link, fact: ShardFact, limits: list[StreamLimits], timeout_s: float) -> None:
    place = Shard(DEFAULT_PREFIX, fact.shard)
    while True:
        wanted: dict[str, Any] = wanted_stream(place, limits[0]) | {"first_seq": fact.tail}
        reply = await jetstream.call(
            link, f"STREAM.CREATE.{place.stream}", wanted, timeout_s=timeout_s
        )
        if reply.error is None:
            return
        error = unexpected(reply, f"stream {place.stream}")
        if not isinstance(error, JournalFull) or len(limits) == 1:
            raise error
        del limits[0]


async def _append(link: Link, place: Shard, entry: Entry, timeout_s: float) -> None:
    headers = {_EXPECTED_LAST: str(entry.sequence - 1)}
    if entry.msg_id:
        headers[MSG_ID] = entry.msg_id
    subject = f"{place.subjects}.{entry.kind}"
    ack = await jetstream.publish(link, subject, entry.payload, headers, timeout_s=timeout_s)
    if ack.error is not None:
        raise jetstream.error_of(ack.error, f"append to {place.stream}")
    if ack.seq != entry.sequence:
        message = f"{place.stream} gave entry {entry.sequence} the number {ack.seq}"
        raise BackupError(message, cure="see that nothing else writes into this journal")


async def _is_begun(link: Link, fact: ShardFact, timeout_s: float) -> int | None:
    """Return up to where a killed restore has come; None where there is no stream.

    Raises:
        OccupiedError: The stream is no restore's of this backup.
    """
    reply: ApiReply = await jetstream.call(
        link, f"STREAM.INFO.{fact.stream}", None, timeout_s=timeout_s
    )
    if reply.error is not None and reply.error.err_code == jetstream.STREAM_NOT_FOUND:
        return None
    if reply.error is not None or reply.state is None:
        raise unexpected(reply, f"stream {fact.stream}")
    state = reply.state
    if state.first_seq == fact.tail and fact.tail - 1 <= state.last_seq <= fact.last:
        return state.last_seq
    message = f"the journal has a stream {fact.stream} already, of {state.messages} entries"
    cure = f"name a NATS server without it, or remove it (nats stream rm {fact.stream})"
    raise OccupiedError(message, cure=cure)
