"""``wattwarden backup`` and ``restore``: a whole installation as one folder, and back."""

import asyncio
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from cyclopts import App, Parameter, validators

from wattwarden.server.backing import Made, Wanted, back_up
from wattwarden.server.nightly import back_up_next as follow
from wattwarden.server.restoring import Restored, Source, check_backup
from wattwarden.server.restoring import restore as restored
from wattwarden.server.settings import Settings
from wattwarden.storage.backup.manifest import Manifest, ShardFact
from wattwarden.storage.backup.sealed import check_passphrase
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, share_progress
from wattwarden.tools.running import (
    as_running,
    dsn_of,
    nats_of,
    run,
    settings_of,
    settings_with,
)
from wattwarden.tools.times import rfc3339

app = App(name="backup", help="Back up the whole installation while it runs; verify backups.")

SecretsKey = Annotated[
    Path | None,
    Parameter(
        name="--secrets-key",
        help="File whose first line is the passphrase of the secrets; without it they stay out.",
    ),
]
Folder = Annotated[Path, Parameter(name="SOURCE", help="The folder that wattwarden backup made.")]

NO_SECRETS: Final = (
    "not inside: the secrets folder (keys of links, meters, channels); keep a copy of it elsewhere,"
    " or give --secrets-key"
)
# Two weeks of nights: a fault that shows on a Monday was made within them.
KEPT_BACKUPS: Final = 14
ENVIRONMENT: Final = "not inside: settings given by the environment or by flags"

_T = TypeVar("_T")


@app.default
def backup(
    dest: Annotated[Path, Parameter(name="DEST", help="A folder that does not exist yet.")],
    /,
    *,
    previous: Annotated[
        Path | None,
        Parameter(help="The backup before: files that never change are linked, not copied."),
    ] = None,
    secrets_key: SecretsKey = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Back up the whole installation while it runs.

    Everything acknowledged before it begins is inside: rows, journal, closed days of a folder,
    evidence, settings.  Ctrl-C leaves nothing.
    """
    settings = _as_running(system)
    wanted = Wanted(dest.absolute(), previous, _passphrase(secrets_key))
    with share_progress() as tell:
        made = _run(back_up(settings, wanted, tell))
    facts = _facts(dest, made.manifest) | {"linked": made.linked}
    if json:
        print(as_json(facts))
        return
    _show_made(dest, made, previous)


@app.command(name="next")
def back_up_next(
    folder: Annotated[Path, Parameter(name="FOLDER", help="Where one backup follows another.")],
    /,
    *,
    keep: Annotated[
        int,
        Parameter(help="How many stay, this one among them.", validator=validators.Number(gte=1)),
    ] = KEPT_BACKUPS,
    secrets_key: SecretsKey = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Make the next backup of a folder, named by its moment, and remove all but the last ones.

    Files that never change are shared with the one before.  For timers: wattwarden-backup.timer
    runs it each night.  Nothing is removed unless the new one is whole.
    """
    settings = _as_running(system)
    passphrase = _passphrase(secrets_key)
    with share_progress() as tell:
        done = _run(
            follow(
                folder.absolute(),
                keep,
                passphrase,
                lambda wanted: back_up(settings, wanted, tell),
                datetime.now(UTC),
            )
        )
    gone = [str(one) for one in done.gone]
    facts = _facts(done.dest, done.made.manifest) | {"linked": done.made.linked, "gone": gone}
    if json:
        print(as_json(facts))
        return
    _show_made(done.dest, done.made, done.previous)
    for one in gone:
        console().print(f"removed: {one}", highlight=False)


def _as_running(system: System) -> Settings:
    """Return the settings of the running system; where it cannot be reached, that is said first."""
    settings = as_running(settings_of(system))
    for find in (dsn_of, nats_of):
        find(settings)
    return settings


@app.command(name="verify")
def verify(source: Folder, /, *, json: AsJson = False) -> None:
    """Read a backup whole and compare it with what was written; nothing is restored.

    The exit status is 1 when a file is missing, too many or not as it was.
    """
    with share_progress() as tell:
        manifest = _run(check_backup(source, tell))
    if json:
        print(as_json(_facts(source, manifest)))
        return
    console().print(f"{source} is as it was written: {_told(manifest)}", highlight=False)
    for line in _left_out(manifest):
        console().print(line, highlight=False)


def restore(
    source: Folder,
    /,
    *,
    secrets_key: SecretsKey = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Make an installation of a backup, in a folder (--data) that is new or empty.

    The backup is read whole and compared before anything is written.  One of an older version is
    brought to this one.  Ctrl-C leaves nothing; start it with wattwarden up when it is done.
    """
    settings = settings_of(system)

    def read_settings(data: Path) -> Settings:
        return settings_with(data=data, dsn=system.dsn, nats=system.nats)

    wanted = Source(source.absolute(), _passphrase(secrets_key))
    with share_progress() as tell:
        done = _run(restored(settings.data, wanted, read_settings, tell))
    if json:
        print(as_json(msgspec.to_builtins(done)))
    else:
        _show_restored(done)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a command that takes away what it has begun, also when it is told to end."""

    async def ended() -> _T:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        return await task

    try:
        return run(ended())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _passphrase(file: Path | None) -> str | None:
    """Read a passphrase.

    Raises:
        CommandError: There is none in the file.
    """
    if file is None:
        return None
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"--secrets-key {file} cannot be read: {error}"
        raise CommandError(message, "name a file whose first line is the passphrase") from error
    return check_passphrase(lines[0].strip() if lines else "")


def _show_made(dest: Path, made: Made, previous: Path | None) -> None:
    shared = f", {made.linked} files shared with {previous}" if previous is not None else ""
    console().print(f"{dest}: {_told(made.manifest)}{shared}", highlight=False)
    for line in _left_out(made.manifest):
        console().print(line, highlight=False)


def _facts(folder: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "backup": str(folder),
        "program": manifest.program,
        "began_at": rfc3339(manifest.began_at),
        "ended_at": rfc3339(manifest.ended_at),
        "schema": manifest.schema[-1].number if manifest.schema else 0,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "shards": [
            {
                "shard": one.shard,
                "position": one.position,
                "last": one.last,
                "holes": [list(hole) for hole in one.holes],
            }
            for one in manifest.shards
        ],
        "days": len(manifest.days),
        "days_elsewhere": manifest.days_elsewhere,
        "settings": list(manifest.settings),
        "secrets": list(manifest.secrets),
        "files": len(manifest.files),
        "bytes": manifest.bytes,
    }


def _told(manifest: Manifest) -> str:
    sealed = f", {len(manifest.secrets)} secrets, sealed" if manifest.secrets else ""
    return (
        f"{manifest.rows:,} rows of {len(manifest.tables)} tables,"
        f" {len(manifest.days)} closed days, journal of {len(manifest.shards)} shards,"
        f" {len(manifest.settings)} settings files{sealed}; {manifest.bytes:,} bytes"
    )


def _left_out(manifest: Manifest) -> list[str]:
    """Say what is not inside."""
    lines = [] if manifest.secrets else [NO_SECRETS]
    lines += [
        f"not inside: {count} files of closed days in {store}; keep that store"
        for store, count in manifest.days_elsewhere.items()
    ]
    lines += [_lost(one, first, last) for one in manifest.shards for first, last in one.holes]
    return [*lines, ENVIRONMENT]


def _lost(shard: ShardFact, first: int, last: int) -> str:
    """Say what it means that a stretch of the journal had been lost before the backup."""
    means = (
        "their readings are in the database, the frames as received are not"
        if last <= shard.position
        else "frames among them may never have become readings"
    )
    return (
        f"lost before this backup: entries {first} to {last} of {shard.stream}; {means}:"
        " docs/backup.md, Lost segments"
    )


def _show_restored(done: Restored) -> None:
    out = console()
    if done.finished:
        out.print(f"{done.data}: the rest of a restore that was interrupted is in place")
    else:
        since = f", {len(done.applied)} migrations since" if done.applied else ""
        out.print(f"{done.data}: {done.rows:,} rows{since}", highlight=False)
        if done.lost:
            lost = f"{done.lost} entries of the journal had been lost before the backup"
            out.print(f"{lost}: wattwarden backup verify names them", highlight=False)
        if not done.secrets:
            out.print(f"bring the old secrets folder to {done.data}/secrets first", highlight=False)
    out.print(f"start it: wattwarden up --data {done.data}", highlight=False)
