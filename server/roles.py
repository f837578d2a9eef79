"""What one role process does from start to stop.

Each role connects, works, says on standard output that it is ready (one line of JSON), and finishes
what it has in hand when it gets SIGTERM or SIGINT.
"""

import asyncio
import os
import signal
import sys
from typing import Final

import orjson
import structlog

from wattwarden import __version__
from wattwarden.codecs import load_codecs
from wattwarden.server.clock import Clock
from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.server.directory import Directory
from wattwarden.server.gateway import Gateway
from wattwarden.server.places import Addresses, Places, addresses
from wattwarden.server.settings import Settings
from wattwarden.storage.engines.nats_address import recall
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import DEFAULT_LIMITS, Durability, Journal, StreamLimits
from wattwarden.storage.profiles import ProfileBook, watch_profiles
from wattwarden.storage.quarantine import Readers
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.writer import Writer

ENGINE_WAIT_S: Final = 60.0
ENGINE_PAUSE_S: Final = 0.2
STREAM_SHARE: Final = 0.95

_log: Final = structlog.get_logger(__name__)


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


async def open_journal(settings: Settings, where: Addresses) -> Journal:
    """Connect to the journal, waiting a while for an engine that is just starting.

    Raises:
        StorageError: it stayed away, or cannot serve as a journal.
    """
    embedded = settings.nats is None
    limits = stream_limits(settings)
    durability = Durability.CONFIGURED if embedded else Durability.UNKNOWN
    give_up = asyncio.get_running_loop().time() + ENGINE_WAIT_S
    told = ""
    while True:
        try:
            return await Journal.connect(
                where.nats,
                shards=settings.journal.shards,
                limits=limits,
                durability=durability,
                timeout_s=settings.journal.append_timeout_s,
            )
        except StorageError as error:
            if not error.retryable or asyncio.get_running_loop().time() > give_up:
                raise
            if str(error) != told:
                told = str(error)
                _log.info("waiting for the journal", reason=told)
            await asyncio.sleep(ENGINE_PAUSE_S)


def stream_limits(settings: Settings) -> StreamLimits:
    """Divide what the journal may take of the disk among the shards."""
    whole = settings.journal.max_bytes
    if whole is None and settings.nats is None:
        remembered = recall(settings.data)
        # The server counts its leases and index files towards the same limit.
        whole = round(remembered.store_limit_bytes * STREAM_SHARE) if remembered else None
    whole = whole or DEFAULT_LIMITS.max_bytes
    return StreamLimits(whole // settings.journal.shards, settings.journal.replicas)


async def run_gateway(settings: Settings) -> None:
    """Serve the meter port until told to stop."""
    stop = stop_event()
    raise_descriptor_limit()
    places = Places(settings.data)
    where = addresses(settings)
    journal = await open_journal(settings, where)
    directory = Directory(places.profiles)
    gateway = Gateway(settings, journal, directory, Clock())
    watching = asyncio.create_task(watch_profiles(where.dsn, places.secrets, directory, stop))
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
    where = addresses(settings)
    journal = await open_journal(settings, where)
    book = ProfileBook()
    readers = readers_of(settings, book)
    writers = [Writer(shard, journal, where.dsn, readers) for shard in range(journal.shards)]
    work = [
        asyncio.create_task(watch_profiles(where.dsn, places.secrets, book, stop)),
        *(asyncio.create_task(writer.run(stop)) for writer in writers),
    ]
    report_ready("writer", shards=journal.shards)
    try:
        await _until(stop, *work)
    finally:
        stop.set()
        await asyncio.gather(*work)
        await journal.close()


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
