"""What one role process does from start to stop.

Each role connects, works, says on standard output that it is ready (one line of JSON), and finishes
what it has in hand when it gets SIGTERM or SIGINT.
"""

import asyncio
import os
import signal
import sys
from functools import partial
from secrets import token_hex

import orjson

from wattwarden import __version__
from wattwarden.codecs import load_codecs
from wattwarden.server.archivist import Archivist
from wattwarden.server.chores import rollup_chore, segment_chores
from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.server.directory import Directory
from wattwarden.server.gateway import Gateway
from wattwarden.server.journal import open_journal
from wattwarden.server.places import Places, archive_of, dsn_of, nats_of
from wattwarden.server.rate import load_rate
from wattwarden.server.settings import Settings
from wattwarden.server.warden import Warden
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.lease import Lease
from wattwarden.storage.profiles import ProfileBook, watch_profiles
from wattwarden.storage.quarantine import Readers
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.position import stored_sequences
from wattwarden.storage.rows.writer import Writer


def report_ready(role: str, **facts: object) -> None:
    """Tell whoever started this process that it is ready."""
    sys.stdout.write(orjson.dumps({"ready": role, "pid": os.getpid(), **facts}).decode() + "\n")
    sys.stdout.flush()


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_gateway(settings: Settings) -> None:
    """Serve the meter port until told to stop."""
    stop = stop_event()
    raise_descriptor_limit()
    places = Places(settings.data)
    dsn = dsn_of(settings)
    journal = await open_journal(settings, nats_of(settings))
    directory = Directory(places.profiles)
    gateway = Gateway(settings, journal, directory, load_rate(settings.data).clock())
    watching = asyncio.create_task(watch_profiles(dsn, places.secrets, directory, stop))
    try:
        listen = await gateway.start()
        report_ready("gateway", listen=listen)
        await _until(stop, watching, *gateway.tasks)
    finally:
        stop.set()
        await gateway.stop()
        await watching
        await journal.close()


async def run_writer(settings: Settings) -> None:
    """Take every shard of the journal into the database until told to stop."""
    stop = stop_event()
    places = Places(settings.data)
    dsn = dsn_of(settings)
    journal = await open_journal(settings, nats_of(settings))
    book = ProfileBook()
    readers = readers_of(settings, book)
    # Behind a database that was set back, the archive has what the journal has no more.
    history = History(journal, archive_of(settings))
    writers = [Writer(shard, history, dsn, readers) for shard in range(journal.shards)]
    work = [
        asyncio.create_task(watch_profiles(dsn, places.secrets, book, stop)),
        *(asyncio.create_task(writer.run(stop)) for writer in writers),
    ]
    report_ready("writer", shards=journal.shards)
    try:
        await _until(stop, *work)
    finally:
        stop.set()
        await asyncio.gather(*work)
        await journal.close()


async def run_archivist(settings: Settings) -> None:
    """Do the archivist's chores until told to stop, as long as no other archivist does them."""
    stop = stop_event()
    dsn = dsn_of(settings)
    journal = await open_journal(settings, nats_of(settings))
    try:
        lease = await Lease.open(journal.link, "archivist", owner=f"archivist-{token_hex(6)}")
        positions = partial(stored_sequences, dsn)
        chores = [
            *segment_chores(journal, positions, archive_of(settings), settings.archivist),
            rollup_chore(dsn),
        ]
        clock = load_rate(settings.data).clock()
        archivist = Archivist(lease, chores, settings.archivist.interval_s, clock)
        report_ready("archivist", chores=[chore.name for chore in chores])
        await archivist.run(stop)
    finally:
        await journal.close()


async def run_warden(settings: Settings) -> None:
    """Fold rows and decisions into states and alarms until told to stop."""
    stop = stop_event()
    warden = Warden(dsn_of(settings), settings.journal.shards)
    report_ready("warden", holder=warden.holder)
    await warden.run(stop)


def readers_of(settings: Settings, book: ProfileBook) -> Readers:
    """Return what the writer and a retry from quarantine read frames with."""
    writer = settings.writer
    return Readers(
        codecs=load_codecs(),
        profile_of=book.of,
        bounds=ClockBounds(retention_days=writer.retention_days),
        admission=Admission(writer.unknown_meters, writer.enrolments_per_peer_hour),
        program=__version__,
    )


async def _until(stop: asyncio.Event, *work: asyncio.Task[None]) -> None:
    """Wait for the order to stop, or for the first part of the work that fails."""
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((waiting, *work), return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            if task.done():
                task.result()
    finally:
        waiting.cancel()
