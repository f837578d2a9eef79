"""What one role process does from start to stop; the warden's is ``warden_role``.

Each role connects, works, says on standard output that it is ready (one line of JSON), and finishes
what it has in hand when it gets SIGTERM or SIGINT.  While it still connects, it gives that up.
"""

import asyncio
import os
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from wattwarden.server.archivist import Archivist, Chore
from wattwarden.server.chores import (
    RetentionCounters,
    firm_days_chore,
    retention_chore,
    rollup_chore,
    segment_chores,
)
from wattwarden.server.day_chores import ArchiveCounters, days_chore
from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.server.directory import Directory
from wattwarden.server.downlink import Downlink
from wattwarden.server.gateway import Gateway
from wattwarden.server.inherited import inherited
from wattwarden.server.journal import open_journal
from wattwarden.server.lifetime import give_up, report_ready, stop_event, unless, until
from wattwarden.server.meter_chores import MeterChoreCounters, clock_chore, recall_chore
from wattwarden.server.metrics.listener import RoleTold, watched
from wattwarden.server.metrics.of_archivist import archivist_watch
from wattwarden.server.metrics.of_frames import gateway_watch, writer_watch
from wattwarden.server.places import Places, archive_of, days_store_of, dsn_of, nats_of
from wattwarden.server.rate import load_rate
from wattwarden.server.readers import readers_of
from wattwarden.server.reload import obey_reloads
from wattwarden.server.root_chores import roots_chore
from wattwarden.server.settings import Settings
from wattwarden.server.shards import Shards
from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.journal import Journal
from wattwarden.storage.journal.lease import Lease
from wattwarden.storage.profiles import ProfileBook, watch_profiles
from wattwarden.storage.rows.position import stored_sequences
from wattwarden.storage.rows.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattwarden.server.aside.signing import Signed


async def run_gateway(settings: Settings) -> None:
    """Serve the meter port until told to stop."""
    stop = stop_event()
    raise_descriptor_limit()
    sockets = inherited(os.environ, os.getpid())
    places = Places(settings.data)
    dsn = dsn_of(settings)
    journal = await unless(stop, open_journal(settings, nats_of(settings)))
    if journal is None:
        return
    directory = Directory(places.profiles, places.secrets)
    clock = load_rate(settings.data).clock()
    gateway = Gateway(settings, journal, directory, clock, sockets)
    downlink = Downlink(gateway.port, gateway.name, dsn, clock.now_us)
    directory.follow(downlink.know)
    downlink.look_too(gateway.tracing.take_up)
    watching = asyncio.create_task(watch_profiles(dsn, places.secrets, directory, stop))
    asking = asyncio.create_task(downlink.run())
    try:
        listen = await unless(stop, gateway.start())
        if listen is None:
            return
        told = RoleTold(gateway_watch(gateway, downlink.counters, journal, clock))
        obey_reloads(settings, gateway.renew)
        async with watched(settings, "gateway", told) as metrics:
            report_ready("gateway", listen=listen, metrics=metrics, **gateway.doors)
            await until(stop, watching, asking, *gateway.tasks)
    finally:
        stop.set()
        await give_up(asking)
        await gateway.stop()
        await watching
        await journal.close()


async def run_writer(settings: Settings) -> None:
    """Take the shards of the journal that are ours into the database until told to stop."""
    stop = stop_event()
    places = Places(settings.data)
    dsn = dsn_of(settings)
    journal = await unless(stop, open_journal(settings, nats_of(settings)))
    if journal is None:
        return
    book = ProfileBook()
    readers = readers_of(settings, book)
    # Behind a database that was set back, the archive has what the journal has no more.
    history = History(journal, archive_of(settings))
    writers: dict[int, Writer] = {}

    def writer_of(shard: int) -> Writer:
        before, made = writers.get(shard), Writer(shard, history, dsn, readers)
        if before is not None:
            # What is counted never shrinks.
            made.counters.add(before.counters)
            made.round_frames, made.round_s = before.round_frames, before.round_s
        writers[shard] = made
        return made

    shards = Shards(dsn, journal.shards, f"writer-{token_hex(6)}", writer_of)
    work = [
        asyncio.create_task(watch_profiles(dsn, places.secrets, book, stop, needed=True)),
        asyncio.create_task(take_when_known(shards, book, stop)),
    ]
    told = RoleTold(writer_watch(writers, shards, journal))

    def renew() -> None:
        nonlocal readers
        readers = readers_of(settings, book)
        for one in writers.values():
            one.admit(readers.admission)

    obey_reloads(settings, renew)
    try:
        async with watched(settings, "writer", told) as metrics:
            report_ready("writer", shards=journal.shards, metrics=metrics)
            await until(stop, *work)
    finally:
        stop.set()
        await asyncio.gather(*work)
        await journal.close()


class Takes(Protocol):
    """What takes shards until ``stop`` is set."""

    async def run(self, stop: asyncio.Event) -> None:
        """Take them."""


async def take_when_known(shards: Takes, book: ProfileBook, stop: asyncio.Event) -> None:
    """Take shards as soon as profiles are known.

    Before that a meter's readings would get another zone and other scales, and those that are
    sealed would be refused.
    """
    await unless(stop, book.known.wait())
    if not stop.is_set():
        await shards.run(stop)


async def run_archivist(settings: Settings) -> None:
    """Do the archivist's chores until told to stop, as long as no other archivist does them."""
    stop = stop_event()
    dsn = dsn_of(settings)
    journal = await unless(stop, open_journal(settings, nats_of(settings)))
    if journal is None:
        return
    try:
        owner = f"archivist-{token_hex(6)}"
        lease = await unless(
            stop,
            Lease.open(journal.link, "archivist", owner=owner, replicas=settings.journal.replicas),
        )
        if lease is None:
            return
        counters = RetentionCounters(), MeterChoreCounters(), ArchiveCounters()
        chores = _chores(settings, journal, *counters)
        clock = load_rate(settings.data).clock()
        archivist = Archivist(lease, chores, settings.archivist.interval_s, clock)

        def renew() -> None:
            archivist.interval_s = settings.archivist.interval_s

        obey_reloads(settings, renew)
        told = RoleTold(archivist_watch(archivist, *counters, dsn))
        async with watched(settings, "archivist", told) as metrics:
            report_ready("archivist", chores=[chore.name for chore in chores], metrics=metrics)
            await archivist.run(stop)
    finally:
        await journal.close()


async def _sign(settings: Settings) -> "Sequence[Signed]":
    # Proofs know the alarms: a break there must not keep the other chores from being done.
    from wattwarden.server.aside.signing import sign_aside  # noqa: PLC0415  see above

    return await sign_aside(settings)


def _chores(
    settings: Settings,
    journal: Journal,
    forgotten: RetentionCounters,
    asked: MeterChoreCounters,
    archived: ArchiveCounters,
) -> list[Chore]:
    """Return what an archivist does, in the order in which it does it."""
    dsn, archive = dsn_of(settings), archive_of(settings)
    secrets, stamps = Places(settings.data).secrets, settings.archivist.time_stamp_url
    return [
        *segment_chores(journal, partial(stored_sequences, dsn), archive, settings.archivist),
        rollup_chore(dsn),
        firm_days_chore(dsn),
        recall_chore(dsn, asked),
        clock_chore(dsn, asked),
        retention_chore(dsn, settings.archivist, forgotten),
        days_chore(dsn, settings.archivist, days_store_of(settings), archived),
        roots_chore(dsn, journal, archive, secrets, partial(_sign, settings), stamps),
    ]
