"""An installation made from a backup, in an empty place: whole, or not at all.

    manifest ─► schema known? ─► every file's hash ─► place empty? ─► engines, in a folder aside
    ─► segments, closed days, streams ─► rows, one transaction ─► settings, secrets ─► in place

Nothing is written before all of the backup was read and found as it was written.
"""

import contextlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from wattwarden.server.backing import SEALED, SETTINGS
from wattwarden.server.journal import limits_for
from wattwarden.server.places import Places, archive_of, days_store_of
from wattwarden.server.settings import Settings
from wattwarden.storage.archive.store import Store
from wattwarden.storage.backup.days import put_days
from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import PRIVATE_FILE, FileFact, copy_checked, disk_errors
from wattwarden.storage.backup.journal import segments_of, tail_of
from wattwarden.storage.backup.load import check_empty, check_schema, load
from wattwarden.storage.backup.manifest import Manifest, load_manifest, verify
from wattwarden.storage.backup.place import SETTINGS_FILE, Place, check_folder, restoring
from wattwarden.storage.backup.sealed import put_secrets, unseal
from wattwarden.storage.backup.share import Share, TellShare
from wattwarden.storage.backup.streams import Tail, check_streams, make_streams
from wattwarden.storage.database import connect
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations

# Where the folder has settings of its own, those of the backup lie beside them.
SETTINGS_BESIDE: Final = "wattwarden.toml.of-backup"
# Settings that say where things of the old installation are: a copy must not meet it there.
OLD_PLACES: Final = (("dsn",), ("nats",), ("archivist", "folder"), ("archivist", "days_store"))


@dataclass(frozen=True, slots=True)
class Source:
    """A backup, and by what its secrets are opened; None: they stay where they are."""

    root: Path
    passphrase: str | None = None


class Restored(msgspec.Struct, frozen=True):
    """What became of a restore: ``applied`` migrations that came since, by name.

    ``finished``: only the end of a killed restore was missing.  ``lost``: entries of the journal
    that were lost before the backup.
    """

    data: str
    rows: int
    applied: tuple[str, ...]
    secrets: int
    finished: bool = False
    lost: int = 0


@dataclass(frozen=True, slots=True)
class _Work:
    """What a restore goes by."""

    source: Source
    manifest: Manifest
    known: dict[str, FileFact]
    place: Place
    settings: Settings
    share: Share


async def check_backup(root: Path, tell: TellShare) -> Manifest:
    """Read a backup whole and hold it against its manifest.

    Raises:
        BackupError: It is none, of a newer program, or damaged.
    """
    manifest = load_manifest(root)
    share = Share(tell, manifest.bytes)
    with disk_errors(f"reading {root}"):
        await share.aside(verify, root, manifest, share)
    return manifest


async def restore(
    data: Path, source: Source, read_settings: Callable[[Path], Settings], tell: TellShare
) -> Restored:
    """Make an installation of a backup.

    Args:
        data: Its folder: new, empty, or with its settings file only.
        source: The backup.
        read_settings: Reads the settings of a data folder.
        tell: Hears how far it is.

    Raises:
        BackupError: The backup cannot be used, or the place is not empty; nothing was changed.
        StorageError: Something was away or full; what was begun is taken away again.
    """
    check_schema(load_manifest(source.root), load_migrations())
    manifest = await check_backup(source.root, tell)
    secrets = _secrets(source)
    with restoring(data) as place:
        if place is None:
            return Restored(str(data), manifest.rows, (), 0, finished=True)
        _place_settings(source.root, manifest, place)
        settings = read_settings(place.building)
        _check_shards(settings, manifest)
        known = {one.path: one for one in manifest.files}
        share = Share(tell, manifest.bytes)
        work = _Work(source, manifest, known, place, settings, share)
        applied = await _build(work)
        if secrets:
            put_secrets(Places(place.building).secrets, secrets)
    done = tuple(applied)
    return Restored(str(data), manifest.rows, done, len(secrets), lost=manifest.lost)


async def _build(work: _Work) -> list[str]:
    """Start engines where none were given, and fill them."""
    building = work.place.building
    async with contextlib.AsyncExitStack() as stack:
        dsn, nats = work.settings.dsn, work.settings.nats
        if dsn is None:
            postgres = EmbeddedPostgres(building)
            stack.push_async_callback(postgres.stop)
            dsn = await postgres.start()
        if nats is None:
            server = EmbeddedNats(building)
            stack.push_async_callback(server.stop)
            nats = await server.start()
        return await _filled(work, dsn, nats)


async def _filled(work: _Work, dsn: str, nats: str) -> list[str]:
    settings, manifest, root = work.settings, work.manifest, work.source.root
    timeout_s = settings.journal.append_timeout_s
    connection = await connect(dsn, name="restore", command_timeout_s=None)
    try:
        await check_empty(connection)
        await check_streams(nats, manifest.shards, timeout_s)
        days_store = await work.share.aside(_put_files, work)
        tails = [
            Tail(shard, tuple(root / path for path in tail_of(shard, work.known)))
            for shard in manifest.shards
        ]
        limits = await limits_for(settings, nats)
        await make_streams(nats, tails, limits, timeout_s)
        return await load(connection, root, manifest, load_migrations(), days_store, work.share)
    finally:
        connection.terminate()


def _put_files(work: _Work) -> str:
    """Put segments and closed days where the settings want them; return the days' store."""
    final = work.settings.model_copy(update={"data": work.place.data})
    archive, store = archive_of(final), Store(days_store_of(final))
    if not archive.is_relative_to(work.place.data):
        check_folder(archive)
    for shard in work.manifest.shards:
        for path in segments_of(shard, work.known):
            target = _within(work.place, archive) / shard.stream / Path(path).name
            copy_checked(work.source.root / path, target, work.known[path], work.share)
    here = store
    if store.folder is not None:
        if not store.folder.is_relative_to(archive):
            check_folder(store.folder)
        here = Store(_within(work.place, store.folder).as_uri())
    put_days(work.source.root, work.manifest, here, work.share)
    return store.url


def _within(place: Place, final: Path) -> Path:
    """Return where something is built that is to lie at ``final``."""
    if final.is_relative_to(place.data):
        return place.building / final.relative_to(place.data)
    return final


def _place_settings(root: Path, manifest: Manifest, place: Place) -> None:
    """Bring the backup's settings, and let those of the folder be in force where it has any."""
    own = place.data / SETTINGS_FILE
    for name in manifest.settings:
        content = (root / SETTINGS / name).read_bytes()
        is_beside = name == SETTINGS_FILE and own.exists()
        if name == SETTINGS_FILE and not is_beside:
            _check_places(root, place.data, content)
        _write_private(place.building / (SETTINGS_BESIDE if is_beside else name), content)
    if own.exists():
        _write_private(place.building / SETTINGS_FILE, own.read_bytes())


def _write_private(file: Path, content: bytes) -> None:
    """Write settings for their owner alone: they may name a server with its password."""
    file.touch(PRIVATE_FILE)
    file.write_bytes(content)


def _check_places(root: Path, data: Path, content: bytes) -> None:
    """Refuse settings that lead to where the old installation has its things."""
    put_own = f"copy {root / SETTINGS / SETTINGS_FILE} to {data / SETTINGS_FILE},"
    try:
        read = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"the settings of the backup cannot be read: {error}"
        raise BackupError(message, cure=f"{put_own} correct it, and restore again") from error
    named = [".".join(path) for path in OLD_PLACES if _at(read, path) is not None]
    if named:
        message = (
            f"the settings of the backup name places of the old installation: {', '.join(named)}"
        )
        cure = f"{put_own} put the new places in, and restore again"
        raise BackupError(message, cure=cure)


def _at(settings: dict[str, Any], path: tuple[str, ...]) -> object:
    found: Any = settings
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _check_shards(settings: Settings, manifest: Manifest) -> None:
    if settings.journal.shards != len(manifest.shards):
        message = (
            f"the backup has {len(manifest.shards)} shards,"
            f" the settings say {settings.journal.shards}"
        )
        cure = f"set shards = {len(manifest.shards)} under [journal]"
        raise BackupError(message, cure=cure)


def _secrets(source: Source) -> dict[str, bytes]:
    """Open the secrets before anything is written."""
    if source.passphrase is None:
        return {}
    if not (source.root / SEALED).exists():
        message = "the backup holds no secrets"
        cure = "leave out --secrets-key, and bring the secrets folder from where you keep it"
        raise BackupError(message, cure=cure)
    return unseal((source.root / SEALED).read_bytes(), source.passphrase)
