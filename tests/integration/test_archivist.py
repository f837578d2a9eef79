"""Closed segments leave the journal for files, and nothing that was received is missed."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from tests.integration.fleet import Acrel, Fleet, Manner, Meter
from tests.integration.system import System, database, eventually

from wattwarden.server.journal import join_journal
from wattwarden.server.places import as_running, nats_of
from wattwarden.server.settings import Settings
from wattwarden.storage.journal.journal import Journal
from wattwarden.storage.journal.segments import load_chain, verify_segment
from wattwarden.tools.journal_source import JournalRange, journal_shots

pytestmark = pytest.mark.integration

START: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
METERS: Final = 10
SETTINGS: Final = {
    "ARCHIVIST__SEGMENT_BYTES": "20000",
    "ARCHIVIST__INTERVAL_S": "0.1",
    "JOURNAL__SHARDS": "3",
}


def fleet_of(system: System) -> Fleet:
    fleet = Fleet()

    def meter(number: int) -> Meter:
        dialect, manner = Acrel(START), fleet.manners[-1]
        return Meter(dialect, f"ARCHIVE{number}", system.target, "127.0.0.2", manner, number)

    fleet.add(Manner(window=2, pause_s=0.02), meter, range(METERS))
    return fleet


async def segments(archive: Path, most: int) -> None:
    """Wait until there are so many segments."""

    async def found() -> bool:
        return len(segments_of(archive)) >= most

    await eventually(found)


def segments_of(archive: Path) -> list[Path]:
    return list(archive.glob("*/*.json"))


def frames_of(fleet: Fleet) -> set[bytes]:
    return {
        meter.dialect.frame(meter.address, number)
        for meter in fleet.meters
        for number in meter.acked
    }


async def hold_purged_as_archived(journal: Journal, archive: Path) -> None:
    """What a stream has no more is in segments that can be read back, from the first one on."""
    for shard in range(journal.shards):
        folder = archive / journal.stream_name(shard)
        first = (await journal.status(shard)).first
        chain = load_chain(folder)
        for manifest in chain:
            verify_segment(folder / f"{manifest.name}.zst")
        assert chain[0].first == 1
        assert 1 < first <= chain[-1].last + 1


async def forget_all_rows(system: System) -> None:
    """As after a database was set back: the writer notices, and begins where it says."""
    async with database(system.dsn) as connection:
        for _ in range(10):
            # The roles work on: where their order of locking crosses ours, ours is put off.
            with contextlib.suppress(asyncpg.DeadlockDetectedError):
                await connection.execute(
                    "TRUNCATE reading, step_part, tick, session_event, alive, chain_position;"
                    " UPDATE journal_position SET sequence = 0, tick = 0"
                )
                return
    pytest.fail("the tables could not be emptied in ten tries")


async def test_segments_become_files_and_are_read_with_the_rest(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with System(settings=SETTINGS | {"ARCHIVIST__FOLDER": str(archive)}) as system:
        async with fleet_of(system) as fleet:
            await segments(archive, 9)
            await fleet.finish(within_s=10)
        # As somebody who knows the data folder alone: shards and archive are told by the system.
        settings = Settings(data=system.data)
        shots = {shot.raw async for shot in journal_shots(JournalRange(), settings)}
        missing = frames_of(fleet) - shots
        assert not missing, f"{len(missing)} of {fleet.acked}"
        journal = await join_journal(as_running(settings), nats_of(settings))
        try:
            await hold_purged_as_archived(journal, archive)
        finally:
            await journal.close()

        async def rows() -> int:
            count: int = await system.value("SELECT count(*) FROM reading")
            return count

        await eventually(rows, lambda count: count == fleet.acked)
        await forget_all_rows(system)
        await eventually(rows, lambda count: count == fleet.acked, within_s=30)
        host, port = system.target
        replayed = system.run("replay", "--from-journal", "--to", f"{host}:{port}", "--json")
        assert replayed.rows[0]["acked"] >= fleet.acked
        assert await rows() == fleet.acked
        system.hold_log_structured()
