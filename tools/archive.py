"""``wattwarden archive``: days that lie in files."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

from cyclopts import App, Parameter

from wattwarden.server.places import days_store_of
from wattwarden.server.settings import Settings
from wattwarden.storage.archive.catalogue import (
    ArchiveFile,
    ListedFile,
    Waits,
    list_files,
    pin_days,
)
from wattwarden.storage.archive.export import Closed, Exporter, closed_days
from wattwarden.storage.archive.files import verify as verified
from wattwarden.storage.archive.giveback import GivenBack, give_back
from wattwarden.storage.archive.keeping import archiving, sweep
from wattwarden.storage.archive.store import Store
from wattwarden.storage.errors import StorageError
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, row_progress, show_table
from wattwarden.tools.running import as_running, database, dsn_of, run, settings_of
from wattwarden.tools.times import rfc3339

# A question is settled within a week; whoever needs longer says so.
PIN_DAYS: Final = 7
# Whoever needs a day for longer keeps it longer: hot_days.
MOST_PIN_DAYS: Final = 366
HEADINGS: Final = ("day", "kind", "rows", "bytes", "generation", "stands", "sha256", "path")

Became = ArchiveFile | Waits | StorageError | None
"""What became of a closed day: its file, why it waits, why it failed; None where it was empty."""
T = TypeVar("T")

Day = Annotated[date, Parameter(name="DAY", help="UTC days, such as 2026-11-22; else all.")]

app = App(name="archive", help="See, make, verify and give back days that lie in files.")


@app.command(name="list")
def list_days(*day: Day, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """List the files of closed days, with what they hold and where they lie.

    A file stands when its day is read from it; the others are of days that were given back.
    """
    settings = _settings(system)

    async def work() -> list[ListedFile]:
        async with database(settings, "archive list") as connection:
            return await list_files(connection)

    listed = [one for one in run(work()) if not day or one.file.day in day]
    if json:
        for one in listed:
            print(as_json(_row(one)))
        return
    show_table(
        HEADINGS,
        [
            (
                one.file.day,
                one.file.kind,
                f"{one.file.rows:,}",
                f"{one.file.bytes:,}",
                one.file.generation,
                "yes" if one.current else "no",
                one.file.sha256.hex()[:12],
                f"{one.file.store}/{one.file.path}",
            )
            for one in listed
        ],
    )


@app.command(name="run")
def run_now(
    *,
    hot_days: Annotated[
        int | None, Parameter(help="Keep so many days in the database; else as it is set.")
    ] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Take every closed day into the store now, and say what keeps the others.

    The archivist does the same by itself, a day at a time. The exit status is 1 when a day failed;
    the others go all the same.
    """
    settings = _settings(system)
    kept = settings.archivist.hot_days if hot_days is None else hot_days
    if kept < 0:
        raise UsageError("--hot-days is 0 or more", "such as --hot-days 30")

    async def work() -> tuple[list[tuple[Closed, Became]], list[str]]:
        now = datetime.now(UTC)
        place = days_store_of(settings)
        async with archiving(dsn_of(settings)) as connection:
            with row_progress(None) as tell:
                exporter = Exporter(connection, Store(place), tell=tell)
                closed = await closed_days(connection, now, kept)
                done = [(one, await _tried(exporter.archive(one, now))) for one in closed]
            swept = await _tried(sweep(connection, now, settings.archivist.archive_days, place))
        tried = (*(what for _, what in done), swept)
        return done, [one.message for one in tried if isinstance(one, StorageError)]

    done, faults = run(work())
    _show_run(done, json=json)
    if faults:
        raise CommandError("; ".join(faults), "see wattwarden doctor, and run it again")


@app.command
def verify(*day: Day, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Read files again, whole: each one's hash, its rows, and the values of each column.

    The exit status is 1 when one of them is not what was written.
    """
    settings = _settings(system)

    async def work() -> list[tuple[ArchiveFile, str]]:
        async with database(settings, "archive verify") as connection:
            files = [one.file for one in await list_files(connection)]
        chosen = [one for one in files if not day or one.day in day]
        with row_progress(sum(one.rows for one in chosen)) as tell:
            return [await _verified(one, tell) for one in chosen]

    found = run(work())
    if json:
        for file, fault in found:
            print(as_json({"day": str(file.day), "kind": file.kind, "fault": fault or None}))
    bad = [fault for _, fault in found if fault]
    if bad:
        raise CommandError("; ".join(bad), "bring these files back from a copy of the store")
    if not json:
        console().print(f"{len(found)} files are as they were written", highlight=False)


@app.command
def restore(
    *day: Day,
    days: Annotated[
        int, Parameter(name="--for-days", help="Keep them in the database so long.")
    ] = PIN_DAYS,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Put days back into the database, for a while; their files stay.

    Reading does not need it: archived days are read from their files.
    """
    if not day:
        raise UsageError("no day named", "such as wattwarden archive restore 2026-08-01")
    if not 0 < days <= MOST_PIN_DAYS:
        message = f"--for-days is from 1 to {MOST_PIN_DAYS}"
        raise UsageError(message, "such as --for-days 7")
    settings = _settings(system)

    async def work() -> list[tuple[ArchiveFile, GivenBack]]:
        async with archiving(dsn_of(settings)) as connection:
            listed = await list_files(connection)
            files = [one.file for one in listed if one.current and one.file.day in day]
            if missing := sorted(set(day) - {one.day for one in files}):
                names = ", ".join(map(str, missing))
                message = f"{names}: not in files"
                raise CommandError(message, "see wattwarden archive list")
            until = datetime.now(UTC) + timedelta(days=days)
            await pin_days(connection, sorted(set(day)), until)
            with row_progress(sum(one.rows for one in files)) as tell:
                return [(one, await give_back(connection, one, tell=tell)) for one in files]

    for file, back in run(work()):
        if json:
            row = {"day": str(file.day), "kind": file.kind, "rows": back.rows}
            print(as_json(row | {"complements": back.complements, "revised": back.revised}))
        else:
            console().print(f"{file.day} {file.kind}: {back.rows:,} rows are back", highlight=False)


def _settings(system: System) -> Settings:
    return as_running(settings_of(system))


async def _tried(work: Awaitable[T]) -> T | StorageError:
    """Return what came of it, or why nothing did."""
    try:
        return await work
    except StorageError as error:
        return error


async def _verified(file: ArchiveFile, tell: Callable[[int], object]) -> tuple[ArchiveFile, str]:
    """Verify one; say what is wrong with it, "" for nothing."""
    try:
        await asyncio.to_thread(verified, Store(file.store), file)
    except StorageError as error:
        return file, error.message
    tell(file.rows)
    return file, ""


def _show_run(done: Sequence[tuple[Closed, Became]], *, json: bool) -> None:
    for closed, what in done:
        row: dict[str, Any] = {"day": str(closed.day), "kind": closed.kind}
        match what:
            case ArchiveFile():
                said = f"{what.rows:,} rows, {what.bytes:,} bytes in {what.path}"
                row |= {"rows": what.rows, "bytes": what.bytes, "path": what.path}
            case Waits(why):
                said = f"waits: {why}"
                row |= {"waits": why}
            case StorageError():
                said = f"failed: {what.message}"
                row |= {"fault": what.message}
            case None:
                said = "nothing was in it"
                row |= {"rows": 0}
        if json:
            print(as_json(row))
        else:
            console().print(f"{closed.day} {closed.kind}: {said}", highlight=False)
    if not done and not json:
        console().print("no day has closed since", highlight=False)


def _row(one: ListedFile) -> dict[str, Any]:
    file = one.file
    return {
        "day": str(file.day),
        "kind": file.kind,
        "generation": file.generation,
        "stands": one.current,
        "rows": file.rows,
        "bytes": file.bytes,
        "first_at": rfc3339(file.first_at),
        "last_at": rfc3339(file.last_at),
        "written_at": rfc3339(file.written_at),
        "sha256": file.sha256.hex(),
        "store": file.store,
        "path": file.path,
    }
