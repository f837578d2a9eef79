"""How roles and tools open the journal: with the limits that fit it, or exactly as it is.

limit set          that one
embedded server    a share of what it was given
server of others   what the streams have, else the largest that it takes
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from wattwarden.server.places import NotRunningError, as_running, nats_of
from wattwarden.server.settings import Settings
from wattwarden.storage.engines.nats_address import recall
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import (
    DEFAULT_LIMITS,
    Durability,
    Journal,
    JournalFull,
    JournalRefused,
    StreamLimits,
)
from wattwarden.storage.journal.survey import STREAM_SHARE, StreamFacts, survey

ENGINE_WAIT_S: Final = 60.0
ENGINE_PAUSE_S: Final = 0.2
# Whoever asks how full it is, a person or a load balancer, waits for the answer.
LOOK_TIMEOUT_S: Final = 1.0

_log: Final = structlog.get_logger(__name__)


async def open_journal(settings: Settings, url: str) -> Journal:
    """Connect as a role does, waiting a while for an engine that is just starting.

    Raises:
        StorageError: it stayed away, or cannot serve as a journal.
    """
    give_up = asyncio.get_running_loop().time() + ENGINE_WAIT_S
    told = ""
    while True:
        try:
            return await _open(settings, url, await limits_for(settings, url))
        except StorageError as error:
            if not error.retryable or asyncio.get_running_loop().time() > give_up:
                raise
            if str(error) != told:
                told = str(error)
                _log.info("waiting for the journal", reason=told)
            await asyncio.sleep(ENGINE_PAUSE_S)


async def join_journal(settings: Settings, url: str) -> Journal:
    """Connect to a journal that roles have made, and leave its limits as they are.

    Raises:
        StorageError: it is away, or nobody has made one of so many shards there.
    """
    found = await survey(url, shards=settings.journal.shards)
    streams = [one for one in found.streams if one is not None]
    if len(streams) < settings.journal.shards:
        text = f"{len(streams)} of the journal's {settings.journal.shards} shards are there"
        raise JournalRefused(text)
    limits = StreamLimits(min(one.max_bytes for one in streams), streams[0].replicas)
    return await _open(settings, url, [limits])


async def fullest_shard(settings: Settings) -> StreamFacts | None:
    """Return how full the running system's journal is at its fullest; None when none is known.

    Raises:
        StorageError: it does not answer.
    """
    try:
        settings = as_running(settings)
        url = nats_of(settings)
    except NotRunningError:
        return None
    found = await survey(url, shards=settings.journal.shards, timeout_s=LOOK_TIMEOUT_S)
    return found.fullest


async def _open(settings: Settings, url: str, limits: Iterable[StreamLimits]) -> Journal:
    """Connect with the first of these limits for which there is room."""
    durability = Durability.CONFIGURED if settings.nats is None else Durability.UNKNOWN
    refused: StorageError = JournalFull("the server of the journal offers no room")
    for one in limits:
        try:
            return await Journal.connect(
                url,
                shards=settings.journal.shards,
                limits=one,
                durability=durability,
                timeout_s=settings.journal.append_timeout_s,
            )
        except JournalFull as error:
            refused = error
    raise refused


async def limits_for(settings: Settings, url: str) -> Iterable[StreamLimits]:
    """Return the limits that each shard may have, the best first.

    Raises:
        StorageError: a server of somebody else's, which was asked, does not answer.
    """
    shards, replicas = settings.journal.shards, settings.journal.replicas
    whole = settings.journal.max_bytes
    if whole is None and settings.nats is not None:
        return (await survey(url, shards=shards, replicas=replicas)).limits(replicas)
    if whole is None:
        remembered = recall(settings.data)
        whole = (
            round(remembered.store_limit_bytes * STREAM_SHARE)
            if remembered is not None
            else DEFAULT_LIMITS.max_bytes
        )
    return (StreamLimits(whole // shards, replicas),)
