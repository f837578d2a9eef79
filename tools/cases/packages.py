"""Packages of evidence on the command line: made, verified; roots and keys by which they hold."""

import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.server.packages import evidence_source, wanted_of
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.storage.proof.container import MAX_PACKAGE_BYTES, ContainerError
from wattwarden.storage.proof.export import DEFAULT_DAYS, NoSuchAlarmError, export
from wattwarden.storage.proof.keys import Signer, fingerprint, open_signer
from wattwarden.storage.proof.keys import rotate as rotated
from wattwarden.storage.proof.refold import MAX_DAYS
from wattwarden.storage.proof.roots import load_roots, sign_days
from wattwarden.storage.proof.statement import Root, follows
from wattwarden.storage.proof.verdict import Report, Standing
from wattwarden.storage.proof.verify import verify
from wattwarden.storage.warden.listing import find_alarm
from wattwarden.tools.acting import TO_THE_OPERATOR, ReaderForm, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import as_running, database, nats_of, run, settings_of
from wattwarden.tools.times import rfc3339

PublicKey = Annotated[
    str | None,
    Parameter(help="The agency's public key, 64 hexadecimal digits: no other is trusted."),
]

_MARKS: Final = {Standing.PROVEN: "✔", Standing.FAILED: "✘", Standing.OPEN: "·"}
_PUBLIC_DIGITS: Final = 64


def package(
    alarm: Annotated[int, Parameter(name="ALARM", help="The alarm's number.")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Write the package here.")],
    days: Annotated[
        int, Parameter(help="At most so many days, of an alarm that goes on for longer.")
    ] = DEFAULT_DAYS,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> int:
    """Make the package of evidence about an alarm; it can be verified without this system.

    It holds the frames as they were received, under signed daily roots; what they say; what was
    judged, by which rules, from which state; what people decided, and who was told.
    """
    if not 0 < days <= MAX_DAYS:
        message = f"--days is 1 to {MAX_DAYS}"
        raise UsageError(message, "states before a day are kept so long")
    settings = as_running(settings_of(reader.system))
    _secrets(settings)
    nats_of(settings)
    wanted = wanted_of(settings, alarm, days)

    async def work() -> bytes:
        async with (
            evidence_source(settings) as source,
            reading(settings, reader.person, "evidence", Read.PACKAGES) as view,
        ):
            found = await find_alarm(view.connection, alarm)
            if found is None or not view.reader.sees(found[0].enterprise):
                raise _no_such(alarm)
            return await export(view.connection, source, wanted)

    try:
        data = run(work())
    except NoSuchAlarmError as error:
        raise _no_such(alarm) from error
    except ContainerError as error:
        message = f"the package would be too much: {error}"
        raise CommandError(message, "take fewer days, such as --days 7") from error
    try:
        out.write_bytes(data)
    except OSError as error:
        message = f"{out}: {error.strerror}"
        raise CommandError(message, "name a file in a folder that you may write to") from error
    report = verify(data)
    if reader.json:
        print(as_json({"file": str(out), "bytes": len(data), **report_row(report)}))
    else:
        print(f"{out}: {len(data)} bytes")
        show_report(report)
    return 0 if report.is_whole else 1


def verify_package(file: Path, key: str | None, *, json: bool) -> int:
    """Verify a package; the exit status is 1 when a point failed.

    Raises:
        CommandError: It cannot be read, or is larger than any package.
    """
    pinned = None if key is None else key.replace(" ", "").lower()
    if pinned is not None and (len(pinned) != _PUBLIC_DIGITS or not _is_hex(pinned)):
        message = f"--key is a public key of {_PUBLIC_DIGITS} hexadecimal digits"
        raise UsageError(message, "wattwarden evidence key prints the system's")
    try:
        size = file.stat().st_size
        if size > MAX_PACKAGE_BYTES:
            message = f"{file} has {size} bytes, MAX_PACKAGE_BYTES is {MAX_PACKAGE_BYTES}"
            raise CommandError(message, "it is no package of evidence")
        data = file.read_bytes()
    except OSError as error:
        message = f"{file}: {error.strerror}"
        raise CommandError(message, "name a package that wattwarden evidence has made") from error
    # A million frames are a million objects, none of them in a circle.
    gc.disable()
    try:
        report = verify(data, pinned)
    finally:
        gc.enable()
    if json:
        print(as_json(report_row(report)))
    else:
        show_report(report)
    return 0 if report.is_whole else 1


def roots(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> int:
    """List the signed daily roots, after checking how they hang together; 1 where they do not."""
    settings = settings_of(system)

    async def work() -> list[Root]:
        async with database(settings, "evidence roots") as connection:
            return await load_roots(connection)

    found = run(work())
    rows = [_root_row(root, before) for root, before in zip(found, [None, *found], strict=False)]
    if json:
        for row in rows:
            print(as_json(row))
    else:
        show_table(
            ("day", "root", "records", "frames", "time-stamp", "whole"),
            [
                (row["day"], row["sha256"][:16], row["records"], row["frames"],
                 "yes" if row["time_stamped"] else "-", "yes" if row["whole"] else "NO")
                for row in rows
            ],
        )  # fmt: skip
    return 0 if all(row["whole"] for row in rows) else 1


def sign(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Sign the days that are over now, as the archivist does by itself every hour."""
    settings = as_running(settings_of(system))
    _secrets(settings)
    nats_of(settings)

    async def work() -> list[Root]:
        async with (
            evidence_source(settings) as source,
            database(settings, "evidence sign") as connection,
        ):
            return await sign_days(
                connection, source.shards, source.journal, source.signer, source.wall
            )

    for root in run(work()):
        if json:
            print(as_json({"day": root.statement.day.isoformat(), "sha256": root.digest}))
        else:
            print(f"{root.statement.day} {root.digest}")


def key(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Print the first public key, to be published, and those that followed it."""
    _show_keys(open_signer(_secrets(settings_of(system)), datetime.now(UTC)), json=json)


def rotate(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Put a new signing key in the place of the one in use, which vouches for it."""
    _show_keys(rotated(_secrets(settings_of(system)), datetime.now(UTC)), json=json)


def show_report(report: Report) -> None:
    """Print what a package proves, point by point."""
    for point in report.points:
        print(f"{_MARKS[point.standing]} {point.name}: {point.standing}")
        print(f"    {point.zh}\n    {point.en}")
    if report.is_whole:
        print("核验通过，未证明之处见上 / verified; what is not proven stands above")
    else:
        print("核验不通过 / NOT verified")


def report_row(report: Report) -> dict[str, Any]:
    """Return a report as JSON holds it."""
    return {
        "verified": report.is_whole,
        "points": [
            {"name": one.name, "standing": one.standing.value, "zh": one.zh, "en": one.en}
            for one in report.points
        ],
    }


def _secrets(settings: Settings) -> Path:
    secrets = Places(settings.data).secrets
    if not secrets.is_dir():
        message = f"no secrets folder {secrets}"
        raise CommandError(message, "run this where the system runs, or name its --data")
    return secrets


def _root_row(root: Root, before: Root | None) -> dict[str, Any]:
    statement = root.statement
    return {
        "day": statement.day.isoformat(),
        "sha256": root.digest,
        "records": statement.records,
        "frames": statement.frames,
        "made_at": rfc3339(statement.made_at),
        "key": statement.key,
        "time_stamped": root.token is not None,
        "whole": root.is_signed and (before is None or follows(root, before)),
    }


def _show_keys(signer: Signer, *, json: bool) -> None:
    for record in signer.keys:
        print_of = fingerprint(record.public)
        at = rfc3339(record.made_at)
        if json:
            print(as_json({"public": record.public, "fingerprint": print_of, "made_at": at}))
        else:
            print(f"{record.public}  {print_of}  since {at}")


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)


def _no_such(alarm: int) -> CommandError:
    message = f"没有报警{alarm} / there is no alarm {alarm}"
    return CommandError(message, "see wattwarden alarms list")
