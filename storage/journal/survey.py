"""The journal as it stands, looked at without changing it: how full it is, how large it may grow.

server ──► streams of the shards ──► the fullest one ──► doctor, readiness
──► what the account offers ──► limits to try, the largest first ──► the roles
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.errors import JournalAway
from wattwarden.storage.journal.jetstream import StreamLimits
from wattwarden.storage.journal.journal import (
    DEFAULT_LIMITS,
    DEFAULT_PREFIX,
    DEFAULT_TIMEOUT_S,
)
from wattwarden.storage.journal.link import Link

# A full journal stops every meter's answers.  At the first there is time to find out why, since
# the last fifth of 20 GiB takes hours to fill; at the second minutes are left.
NEARLY_FULL_SHARE: Final = 0.8
FULL_SHARE: Final = 0.95
# The server counts its leases and index files towards the same limit as the streams.
STREAM_SHARE: Final = 0.95
# Two minutes of 1,000 frames a second: a smaller journal bridges no restart of a database.
LEAST_STREAM_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One shard's stream: ``bytes`` used of ``max_bytes``, on ``replicas`` servers."""

    bytes: int
    max_bytes: int
    replicas: int

    @property
    def share(self) -> float:
        """How full it is, 1 being full."""
        return self.bytes / self.max_bytes if self.max_bytes > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.  A shard without a stream is None.

    ``offered_bytes`` is what one server may keep of all our streams together, None where the
    account names no limit: what the server itself has, no client can ask.
    """

    streams: tuple[StreamFacts | None, ...]
    offered_bytes: int | None

    @property
    def fullest(self) -> StreamFacts | None:
        """The shard that will refuse first; None when there is no stream."""
        return max((one for one in self.streams if one), key=lambda one: one.share, default=None)

    def limits(self, replicas: int) -> Iterator[StreamLimits]:
        """Yield the limits that may fit each shard, the largest first.

        Streams that are all there keep theirs.
        """
        shards = len(self.streams)
        found = [one.max_bytes for one in self.streams if one is not None]
        if found and len(found) == shards:
            yield StreamLimits(min(found), replicas)
            return
        offered = DEFAULT_LIMITS.max_bytes
        if self.offered_bytes is not None:
            offered = min(offered, self.offered_bytes)
        whole = round(offered * STREAM_SHARE)
        most = min(whole // shards, *found) if found else whole // shards
        while most >= LEAST_STREAM_BYTES:
            yield StreamLimits(most, replicas)
            most //= 2


class _Bounds(msgspec.Struct, frozen=True):
    """Limits of an account or of one of its tiers; below 1 means none."""

    max_storage: int = -1


class _Tier(msgspec.Struct, frozen=True):
    """What of the limits is spoken for."""

    reserved_storage: int = 0
    limits: _Bounds = _Bounds()


class _Account(_Tier, frozen=True):
    """The answer about the account; with tiers, the limits are theirs."""

    tiers: dict[str, _Tier] = msgspec.field(default_factory=dict)


async def survey(
    url: str,
    *,
    shards: int,
    replicas: int = 1,
    prefix: str = DEFAULT_PREFIX,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Survey:
    """Look at the journal's streams and at what the account offers; changes nothing.

    ``timeout_s`` bounds the connecting and each request.

    Raises:
        JournalAway: no answer.
    """
    link = await Link.open(url, token=None, name="survey", timeout_s=timeout_s)
    try:
        streams = [await _facts(link, f"{prefix}_{index}", timeout_s) for index in range(shards)]
        account = await _account(link, timeout_s)
    finally:
        await link.close()
    found = [one for one in streams if one is not None]
    tier = account.tiers.get(f"R{replicas}")
    copies = 1
    if tier is None:
        # Without tiers the account pays for every copy.
        tier, copies = account, replicas
    if tier.limits.max_storage < 1:
        return Survey(tuple(streams), None)
    ours = sum(one.max_bytes * (one.replicas if tier is account else 1) for one in found)
    room = tier.limits.max_storage - tier.reserved_storage + ours
    return Survey(tuple(streams), max(room, 0) // copies)


async def _facts(link: Link, stream: str, timeout_s: float) -> StreamFacts | None:
    """What is known of a stream, None when there is none."""
    reply = await jetstream.call(link, f"STREAM.INFO.{stream}", None, timeout_s=timeout_s)
    if reply.error is not None and reply.error.err_code == jetstream.STREAM_NOT_FOUND:
        return None
    if reply.error is not None:
        raise jetstream.error_of(reply.error, f"stream {stream}")
    if reply.state is None or reply.config is None:
        text = f"stream {stream}: the answer is empty"
        raise JournalAway(text)
    config = reply.config
    return StreamFacts(reply.state.bytes, int(config["max_bytes"]), int(config["num_replicas"]))


async def _account(link: Link, timeout_s: float) -> _Account:
    answer = await link.request("$JS.API.INFO", b"", timeout_s=timeout_s)
    try:
        return msgspec.json.decode(answer.data, type=_Account)
    except msgspec.DecodeError as error:
        text = f"the account was answered with something else: {error}"
        raise JournalAway(text) from error
