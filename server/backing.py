"""A backup of the running installation: database, journal, closed days, settings, secrets.

    snapshot of the database ─► closed days ─► journal, up to now ─► rows, as of the snapshot
    ─► settings, secrets ─► manifest ─► the folder gets its name

The journal is read after the snapshot was taken, so that it reaches beyond the database's position:
whatever was acknowledged before the backup began is a row in it, or an entry that becomes one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from wattwarden import __version__
from wattwarden.server.journal import join_journal
from wattwarden.server.last_backup import LastBackup, note_backup
from wattwarden.server.places import Places, archive_of, dsn_of, nats_of
from wattwarden.server.settings import Settings
from wattwarden.storage.backup.days import take_days
from wattwarden.storage.backup.draft import drafted
from wattwarden.storage.backup.dump import Snapshot, dump, last_values, measure_tables, snapshot
from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.journal import take_shard
from wattwarden.storage.backup.manifest import (
    FORMAT,
    Manifest,
    ShardFact,
    load_manifest,
    write_manifest,
)
from wattwarden.storage.backup.sealed import read_secrets, seal
from wattwarden.storage.backup.share import Share, TellShare

SETTINGS: Final = "settings"
SEALED: Final = "secrets.sealed"
# Of the data folder: what operators wrote, and how fast its time runs.
SETTINGS_FILES: Final = ("wattwarden.toml", "forward.toml", "clock.json")

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a backup goes, the one before it, and by what secrets are sealed; None: left out."""

    dest: Path
    previous: Path | None = None
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made; ``linked`` files it shares with the one before."""

    manifest: Manifest
    linked: int


async def back_up(settings: Settings, wanted: Wanted, tell: TellShare) -> Made:
    """Make a backup while everything runs.

    Args:
        settings: As the running system has them.
        wanted: What is wanted.
        tell: Hears how far it is.

    Raises:
        BackupError: It cannot be made as asked.
        StorageError: Database, journal or disk are away; nothing is left of it.
    """
    previous = None
    if wanted.previous is not None:
        before = load_manifest(wanted.previous)
        previous = (wanted.previous, {one.path: one for one in before.files})
    with drafted(wanted.dest) as root:
        folder = BackupFolder(root, Share(tell), previous)
        began_at = datetime.now(UTC)
        async with snapshot(dsn_of(settings)) as held:
            manifest = await _taken(settings, wanted, held, folder, began_at)
        write_manifest(folder, manifest)
    _note(settings, LastBackup(str(wanted.dest), manifest.ended_at, manifest.lost))
    return Made(manifest, folder.linked)


def _note(settings: Settings, done: LastBackup) -> None:
    """Leave word for whoever looks after the installation."""
    if settings.data.is_dir():
        try:
            note_backup(Places(settings.data), done)
        except OSError as error:
            _log.warning("the backup is made, and not noted", reason=str(error))


async def _taken(
    settings: Settings,
    wanted: Wanted,
    held: Snapshot,
    folder: BackupFolder,
    began_at: datetime,
) -> Manifest:
    share = folder.share
    share.total = await measure_tables(held)
    days, elsewhere = await take_days(held.connection, folder)
    shards = await _shards(settings, held, folder)
    tables = await dump(dsn_of(settings), held, folder)
    kept = _take_settings(settings.data, folder)
    secrets = await share.aside(_take_secrets, settings.data, wanted.passphrase, folder)
    return Manifest(
        format=FORMAT,
        program=__version__,
        began_at=began_at,
        ended_at=datetime.now(UTC),
        schema=held.schema,
        tables=tuple(tables),
        sequences=await last_values(held),
        shards=shards,
        days=days,
        days_elsewhere=elsewhere,
        settings=kept,
        secrets=secrets,
        files=tuple(folder.files[path] for path in sorted(folder.files)),
    )


async def _shards(
    settings: Settings, held: Snapshot, folder: BackupFolder
) -> tuple[ShardFact, ...]:
    journal = await join_journal(settings, nats_of(settings))
    try:
        for shard in range(journal.shards):
            folder.share.total += (await journal.status(shard)).bytes
        archive = archive_of(settings)
        return tuple(
            [
                await take_shard(journal, shard, archive, held.positions.get(shard, 0), folder)
                for shard in range(journal.shards)
            ]
        )
    finally:
        await journal.close()


def _take_settings(data: Path, folder: BackupFolder) -> tuple[str, ...]:
    """Take the files that are there; return their names."""
    there = [name for name in SETTINGS_FILES if (data / name).is_file()]
    for name in there:
        folder.write(f"{SETTINGS}/{name}", (data / name).read_bytes())
    return tuple(there)


def _take_secrets(data: Path, passphrase: str | None, folder: BackupFolder) -> tuple[str, ...]:
    if passphrase is None:
        return ()
    secrets = read_secrets(Places(data).secrets)
    folder.write(SEALED, seal(secrets, passphrase))
    return tuple(secrets)
