"""The streams of the journal: made when missing, checked when there, given our limits."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import structlog

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.errors import JournalAway, JournalRefused
from wattwarden.storage.journal.jetstream import ApiReply, StreamLimits
from wattwarden.storage.journal.link import Link
from wattwarden.storage.journal.shard import Shard

Call: TypeAlias = Callable[[str, object], Awaitable[ApiReply]]
"""Asks JetStream's API, by name and body."""

_log: Final = structlog.get_logger(__name__)


def check_server(link: Link) -> None:
    """Check that the server is new enough.

    Raises:
        JournalRefused: It is not.
    """
    version = link.server_version
    if version < jetstream.OLDEST_SERVER:
        found, oldest = (".".join(map(str, v)) for v in (version, jetstream.OLDEST_SERVER))
        text = f"nats-server is {found}, {oldest} is needed"
        raise JournalRefused(text)


async def make_stream(call: Call, shard: Shard, limits: StreamLimits) -> None:
    """Make a shard's stream, or check the one that is there and give it our limits.

    Raises:
        JournalAway: No answer.
        JournalFull: The server has no room for it.
        JournalRefused: The one that is there would lose entries.
    """
    wanted = wanted_stream(shard, limits)
    [subjects] = wanted["subjects"]
    found = await _found_or_made(call, shard, wanted)
    if faults := jetstream.complaints(found, subjects):
        text = f"stream {shard.stream} is no journal: {'; '.join(faults)}"
        raise JournalRefused(text)
    ours = {key: wanted[key] for key in ("max_bytes", "num_replicas", "republish")}
    if any(found.get(key) != value for key, value in ours.items()):
        _log.info("journal limits changed", stream=shard.stream, max_bytes=limits.max_bytes)
        reply = await call(f"STREAM.UPDATE.{shard.stream}", found | ours)
        if reply.error is not None:
            raise unexpected(reply, f"limits of stream {shard.stream}")


def wanted_stream(shard: Shard, limits: StreamLimits) -> dict[str, Any]:
    """Return the configuration of a shard's stream."""
    nudges = f"{shard.nudges}.{{{{wildcard(1)}}}}"
    return jetstream.wanted_config(shard.stream, f"{shard.subjects}.*", nudges, limits)


async def _found_or_made(call: Call, shard: Shard, wanted: dict[str, Any]) -> dict[str, Any]:
    # Asked for first: the server counts a stream's whole size against its limit once more when
    # somebody makes it who has it already.
    reply = await call(f"STREAM.INFO.{shard.stream}", None)
    if reply.error is not None and reply.error.err_code == jetstream.STREAM_NOT_FOUND:
        made = await call(f"STREAM.CREATE.{shard.stream}", wanted)
        # Another role may have been faster.
        again = await call(f"STREAM.INFO.{shard.stream}", None)
        reply = made if again.error is not None else again
    if reply.error is not None or reply.config is None:
        raise unexpected(reply, f"stream {shard.stream}")
    return reply.config


def unexpected(reply: ApiReply, what: str) -> Exception:
    """Return the error that a fault means, or that an answer without content means."""
    if reply.error is not None:
        return jetstream.error_of(reply.error, what)
    text = f"{what}: the answer is empty"
    return JournalAway(text)
