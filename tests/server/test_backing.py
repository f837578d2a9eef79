"""A whole installation goes into a folder and comes back, row by row, or nothing happens at all."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.storage.conftest import NatsProcess
from tests.storage.store import Hand
from tests.storage.survival import fill, rows_of, shape_of

from wattwarden import __version__
from wattwarden.protocol.envelope import FORMAT, Tick, encode
from wattwarden.server import backing, restoring
from wattwarden.server.backing import Made, Wanted, back_up
from wattwarden.server.last_backup import LastBackup, last_backup
from wattwarden.server.places import Places
from wattwarden.server.restoring import Restored, Source, check_backup, restore
from wattwarden.server.settings import JournalSettings, Settings
from wattwarden.storage.backup.errors import BackupError, DamagedError, OccupiedError
from wattwarden.storage.backup.load import load
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.errors import EngineError, StorageError
from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.journal import Journal, Kind, StreamLimits
from wattwarden.storage.journal.segments import SegmentLimits, export_segment
from wattwarden.storage.migrate import Migration, load_migrations
from wattwarden.storage.rows.partitions import Partitions

SCHEMA = "restored"
PHRASE = "correct horse battery staple"
MAX_BYTES = 64 * 1024**2
LIMITS = StreamLimits(MAX_BYTES // 2)
DAY_FILE = b"PAR1 as it was written"
DAY = 20_780  # 2026-11-23
# Rows of the catalogue of closed days say where their files lie, which is elsewhere now.
MOVED = {"archive_file": {"store", "seen_before"}}


def silent(_done: int, _total: int) -> None:
    """Nobody looks."""


@dataclass
class Installation:
    """A database with a row in every table, a journal with its archive, their data folder."""

    settings: Settings
    kept: Path
    """A backup of it; tests use copies."""

    async def back_up(self, dest: Path, previous: Path | None = None) -> Made:
        return await back_up(self.settings, Wanted(dest, previous, PHRASE), silent)


@dataclass
class Place:
    """Where a copy of the backup is restored to: a schema, a NATS server and a folder, empty."""

    source: Path
    data: Path
    dsn: str
    nats: str

    async def restore(self, passphrase: str | None = PHRASE) -> Restored:
        def read_settings(data: Path) -> Settings:
            journal = JournalSettings(max_bytes=MAX_BYTES)
            return Settings(data=data, dsn=self.dsn, nats=self.nats, journal=journal)

        return await restore(self.data, Source(self.source, passphrase), read_settings, silent)


@pytest.fixture(scope="module")
def there(
    store_server: str, hand: Hand, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    server = NatsProcess(folder, store="200MB")
    server.start()
    data = folder / "data"
    (data / "secrets").mkdir(parents=True)
    (data / "secrets/links.key").write_bytes(bytes(range(32)))
    (data / "secrets/nats-token").write_text("the engine's own")
    (data / "wattwarden.toml").write_text("[gateway]\nmax_sessions = 7\n")
    (data / "clock.json").write_text('{"rate":1,"origin_us":0}')
    made = Installation(Settings(data=data, dsn=store_server, nats=server.url), folder / "kept")
    hand.empty()
    hand.do(lambda connection: populate(connection, data))
    asyncio.run(feed(server.url, data / "archive"))
    asyncio.run(made.back_up(made.kept))
    yield made
    hand.empty()
    server.kill()


@pytest.fixture
def place(
    there: Installation, small_nats: NatsProcess, hand: Hand, tmp_path: Path
) -> Iterator[Place]:
    shutil.copytree(there.kept, tmp_path / "backup")
    hand.do(lambda connection: connection.execute(f"CREATE SCHEMA {SCHEMA}"))
    dsn = f"{there.settings.dsn}&search_path={SCHEMA}"
    yield Place(tmp_path / "backup", tmp_path / "place", dsn, small_nats.url)
    hand.do(lambda connection: connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE"))


async def feed(url: str, archive: Path) -> None:
    """Some twenty entries a shard with a tick among the last; the first shard's first is closed."""
    journal = await Journal.connect(url, limits=LIMITS)
    for shard in (0, 1):
        for number in range(1, 19):
            await journal.append(shard, Kind.FRAMES, b"frames %d" % number, f"c{shard}:{number}")
        tick = encode(Tick(FORMAT, 7, 1_795_000_000, 1))
        await journal.append(shard, Kind.TICK, tick, f"tick:{shard}:7")
        await journal.append(shard, Kind.FRAMES, b"the last", f"c{shard}:19")
    limits = SegmentLimits(max_age=timedelta(days=1), max_bytes=60)
    closed = await export_segment(journal, 0, archive, position=18, limits=limits)
    assert closed is not None
    await journal.close()


async def populate(connection: Connection, data: Path) -> None:
    """Put rows into every table and days of rows into partitions; one closed day lies in a file."""
    tables = set(await shape_of(connection))
    for number in (1, 2, 3):
        await fill(connection, tables, number)
    await Partitions(0).ensure(connection, "reading", [DAY - 2, DAY - 1, DAY])
    await connection.execute(
        "INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 12, 6), (1, 9, 6)"
        " ON CONFLICT (shard) DO UPDATE SET sequence = excluded.sequence"
    )
    await connection.execute("DELETE FROM journal_position WHERE shard > 1")
    days = data / "archive/days"
    days.mkdir(parents=True)
    (days / "day.parquet").write_bytes(DAY_FILE)
    await connection.execute(
        "UPDATE archive_file SET store = $1, path = generation || '.parquet', replaced_at = now()",
        days.as_uri(),
    )
    await connection.execute(
        "UPDATE archive_file SET path = 'day.parquet', sha256 = sha256($1::bytea)"
        " WHERE (kind, day, generation) IN (SELECT kind, day, generation FROM archive_day)",
        DAY_FILE,
    )
    for (sequence,) in await connection.fetch(
        "SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()"
    ):
        await connection.execute(f"SELECT setval('{sequence}', 40)")


async def database_of(dsn: str) -> dict[str, list[str]]:
    """Every row of every table, as text, in order; partitions under their own names."""
    connection = await connect(dsn, name="test")
    found = {}
    for name, rows in (await rows_of(connection)).items():
        moved = MOVED.get(name, set())
        kept = ({k: v for k, v in row.items() if k not in moved} for row in rows)
        found[name] = sorted(map(str, kept))
    for row in await connection.fetch(
        "SELECT tableoid::regclass::text AS part, reading::text AS row FROM reading"
    ):
        found.setdefault(row["part"].split(".")[-1], []).append(row["row"])
    found["sequences"] = [
        str(tuple(row))
        for row in await connection.fetch(
            "SELECT sequencename, last_value FROM pg_sequences"
            " WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1"
        )
    ]
    found["rules"] = [
        str(tuple(row))
        for row in await connection.fetch(
            "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint AS k"
            " JOIN pg_class AS c ON c.oid = k.conrelid WHERE k.convalidated"
            " AND k.connamespace = current_schema()::regnamespace"
            " UNION ALL SELECT c.relname, t.tgname, t.tgenabled::text FROM pg_trigger AS t"
            " JOIN pg_class AS c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal"
            " AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2"
        )
    ]
    await connection.close()
    return found


async def entries_of(url: str, archive: Path) -> list[list[tuple[int, Kind, str, bytes]]]:
    """All that a journal and its archive hold, shard by shard."""
    journal = await Journal.connect(url, limits=LIMITS)
    history, found = History(journal, archive), []
    for shard in range(journal.shards):
        read = await history.read(shard, 0, most=10, most_bytes=10**6)
        while page := await history.read(shard, len(read), most=50, most_bytes=10**6):
            assert page[0].sequence == len(read) + 1
            read += page
        found.append([(one.sequence, one.kind, one.msg_id, one.payload) for one in read])
    await journal.close()
    return found


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_all_that_was_there_is_there_again(there: Installation, place: Place) -> None:
    before = await database_of(str(there.settings.dsn))
    entries = await entries_of(str(there.settings.nats), there.settings.data / "archive")

    await place.restore()

    after = await database_of(place.dsn)
    assert before.keys() == after.keys()
    assert before == after
    assert sum(len(rows) for rows in before.values()) > 200
    assert await entries_of(place.nats, place.data / "archive") == entries
    assert [len(one) for one in entries] == [20, 20]
    assert names_in(place.data) == ["archive", "clock.json", "secrets", "wattwarden.toml"]
    assert (place.data / "secrets/links.key").read_bytes() == bytes(range(32))
    assert names_in(place.data / "secrets") == ["links.key"]
    assert (place.data / "archive/days/day.parquet").read_bytes() == DAY_FILE
    await journal_goes_on(place)
    connection = await connect(place.dsn, name="test")
    catalogue = await connection.fetch(
        "SELECT DISTINCT store, seen_before::text FROM archive_file WHERE path = 'day.parquet'"
    )
    await connection.close()
    assert [tuple(row) for row in catalogue] == [((place.data / "archive/days").as_uri(), "0")]


async def journal_goes_on(place: Place) -> None:
    """Numbers and ticks are counted on, and the archivist closes what follows the segments."""
    journal = await Journal.connect(place.nats, limits=LIMITS)
    tick = await journal.last(1, Kind.TICK)
    assert await journal.append(1, Kind.FRAMES, b"next", "next") == 21
    limits = SegmentLimits(max_age=timedelta(days=1), max_bytes=10)
    archive = place.data / "archive"
    closed = await export_segment(journal, 1, archive, position=20, limits=limits)
    await journal.close()
    assert tick is not None
    assert tick.sequence == 19
    assert closed is not None
    assert (closed.first, closed.previous_sha256 != "") == (19, True)


async def test_a_failed_restore_leaves_nothing_and_the_next_brings_an_older_schema_up_to_date(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = load_migrations()
    more = Migration(len(migrations) + 1, "more", "ALTER TABLE meter ADD COLUMN more text")

    async def spoilt(connection: Connection, root: Path, *rest: Any) -> list[str]:
        (root / "database/evidence.copy.zst").rename(root / "aside")
        return await load(connection, root, *rest)

    monkeypatch.setattr(restoring, "load", spoilt)
    with pytest.raises(StorageError, match="No such file"):
        await place.restore()
    assert not place.data.exists()
    connection = await connect(place.dsn, name="test")
    assert await shape_of(connection) == {}

    # The streams that were begun are its own; the folder of a killed one is cleared away.
    (place.source / "aside").rename(place.source / "database/evidence.copy.zst")
    (place.data / ".restore.part/postgres").mkdir(parents=True)
    (place.data / "wattwarden.toml").write_text("[journal]\nshards = 2\n")
    monkeypatch.setattr(restoring, "load", load)
    monkeypatch.setattr(restoring, "load_migrations", lambda: (*migrations, more))
    done = await place.restore(None)

    assert done.applied == (str(more),)
    assert await connection.fetchval("SELECT count(*) FROM meter WHERE more IS NULL") == 3
    await connection.close()
    # The folder's own settings stay, the backup's lie beside them.
    assert names_in(place.data) == [
        "archive", "clock.json", "wattwarden.toml", "wattwarden.toml.of-backup"
    ]  # fmt: skip
    assert (place.data / "wattwarden.toml").read_text() == "[journal]\nshards = 2\n"
    beside = place.data / "wattwarden.toml.of-backup"
    assert "max_sessions" in beside.read_text()
    assert beside.stat().st_mode & 0o077 == 0, "it may name a server with its password"
    monkeypatch.setattr(restoring, "load_migrations", lambda: migrations[:-1])
    with pytest.raises(BackupError, match=r"has migration .*knows") as raised:
        await place.restore()
    assert __version__ in raised.value.cure


async def test_the_end_of_a_restore_that_was_killed_is_made_up_for(place: Place) -> None:
    building = place.data / ".restore.part"
    (building / "archive").mkdir(parents=True)
    (building / "complete").touch()
    (place.data / "clock.json").write_text("moved before")
    with pytest.raises(EngineError, match="restore that was interrupted"):
        await EmbeddedPostgres(place.data).start()

    assert (await place.restore()).finished

    assert names_in(place.data) == ["archive", "clock.json"]


async def test_what_came_into_the_place_meanwhile_costs_nothing_of_what_was_restored(
    place: Place,
) -> None:
    building = place.data / ".restore.part"
    (building / "archive").mkdir(parents=True)
    (building / "archive/segment").touch()
    (building / "complete").touch()
    (place.data / "archive").mkdir()
    with pytest.raises(OccupiedError, match="archive came while the backup was restored"):
        await place.restore()
    assert (building / "archive/segment").exists()
    (place.data / "archive").rmdir()

    assert (await place.restore()).finished
    assert (place.data / "archive/segment").exists()


async def test_files_that_never_change_are_linked_from_the_backup_before(
    there: Installation, tmp_path: Path
) -> None:
    made = await there.back_up(tmp_path / "second", there.kept)

    assert made.linked == 2
    noted = last_backup(Places(there.settings.data))
    assert noted == LastBackup(str(tmp_path / "second"), made.manifest.ended_at)
    day = "days/day.parquet"
    assert (tmp_path / "second" / day).samefile(there.kept / day)
    assert await check_backup(tmp_path / "second", silent) == made.manifest

    (tmp_path / "second" / day).unlink()
    (tmp_path / "second" / day).write_bytes(DAY_FILE[:-1])
    again = await there.back_up(tmp_path / "third", tmp_path / "second")
    assert again.linked == 1
    assert await check_backup(tmp_path / "third", silent) == again.manifest


async def test_a_backup_that_is_given_up_leaves_nothing(
    there: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def stuck(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(backing, "dump", stuck)
    # Of one that was killed, the next one clears away what is left.
    (tmp_path / "backup.part").mkdir()
    (tmp_path / "backup.part/stray").touch()
    task = asyncio.create_task(there.back_up(tmp_path / "backup"))
    await begun.wait()
    assert "journal" in names_in(tmp_path / "backup.part")
    assert "stray" not in names_in(tmp_path / "backup.part")
    with pytest.raises(EngineError, match="in use by another"):
        await there.back_up(tmp_path / "backup")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert names_in(tmp_path) == []
    with pytest.raises(OccupiedError, match="is there already"):
        await there.back_up(there.kept)


def a_bit(place: Place) -> None:
    victim = place.source / "database/meter.copy.zst"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (a_bit, "meter.copy.zst has"),
        (lambda place: (place.source / "stray").touch(), "stray is not in manifest.json"),
        (lambda place: (place.source / "secrets.sealed").unlink(), "secrets.sealed: No such file"),
        (lambda place: (place.source / "SHA256SUMS").write_text("x"), "SHA256SUMS and manifest"),
    ],
    ids=["bit", "stray", "missing", "sums"],
)
async def test_what_is_damaged_is_found_before_anything_is_written(
    place: Place, spoil: Callable[[Place], object], says: str
) -> None:
    spoil(place)

    with pytest.raises(DamagedError, match=says):
        await place.restore()

    assert not place.data.exists()


async def test_a_place_that_is_not_empty_is_refused(place: Place, hand: Hand) -> None:
    (place.data / "postgres").mkdir(parents=True)
    with pytest.raises(OccupiedError, match="not empty: it holds postgres"):
        await place.restore()
    (place.data / "postgres").rmdir()

    with pytest.raises(BackupError, match="do not open with this passphrase"):
        await place.restore("another passphrase")

    await asyncio.to_thread(hand.do, lambda c: c.execute(f"CREATE TABLE {SCHEMA}.theirs ()"))
    with pytest.raises(OccupiedError, match="holds 1 tables") as raised:
        await place.restore()
    assert "createdb" in raised.value.cure
    await asyncio.to_thread(hand.do, lambda c: c.execute(f"DROP TABLE {SCHEMA}.theirs"))

    journal = await Journal.connect(place.nats, limits=LIMITS)
    await journal.close()
    with pytest.raises(OccupiedError, match="has a stream WATTWARDEN_0 already, of 0 entries"):
        await place.restore()
    assert names_in(place.data) == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (b'nats = "nats://old:4222"\n', "places of the old installation: nats"),
        ("# 用电卫士\n".encode("gbk"), "settings of the backup cannot be read"),
    ],
    ids=["old places", "of another encoding"],
)
async def test_settings_that_are_of_no_use_in_the_new_place_are_not_taken_over(
    there: Installation, place: Place, tmp_path: Path, settings: bytes, fault: str
) -> None:
    file = there.settings.data / "wattwarden.toml"
    before = file.read_bytes()
    file.write_bytes(settings)
    await there.back_up(tmp_path / "led")
    file.write_bytes(before)

    with pytest.raises(BackupError, match=fault) as told:
        await Place(tmp_path / "led", place.data, place.dsn, place.nats).restore()
    assert f"copy {tmp_path / 'led/settings/wattwarden.toml'}" in told.value.cure
    assert not place.data.exists()
