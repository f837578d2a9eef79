"""``wattwarden evidence``: packages that prove an alarm, and files that show something."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.storage.cases.evidence import (
    Arrived,
    KeptFile,
    altered_files,
    files_seen,
    load_file,
)
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    ActorForm,
    AsReader,
    ReaderForm,
    at_desk,
    entered_row,
    reading,
)
from wattwarden.tools.cases import packages
from wattwarden.tools.cases.files import read_file
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local, rfc3339

app = App(
    name="evidence",
    help="Make and verify packages that prove an alarm; keep and show files that do.",
)
app.default(packages.package)
for deed in (packages.roots, packages.sign, packages.key, packages.rotate):
    app.command(deed)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file, and each time that somebody sent it."""

    file: KeptFile | None
    sent: list[Entered]


@app.command
def add(
    subject: Annotated[str, Parameter(name="SUBJECT", help="What it is about: an alarm's number.")],
    file: Annotated[Path, Parameter(name="FILE", help="The file.")],
    /,
    *,
    by: ActorForm,
    about: Annotated[
        str, Parameter(help="What the subject is: alarm, task, unit, enterprise…")
    ] = "alarm",
    note: Annotated[str, Parameter(help="What it shows.")] = "",
) -> None:
    """Keep a file; one that is older than the alarm it should prove something about is refused."""
    arrived = Arrived(read_file(file), file.name, about, subject, note)
    entered = at_desk(
        by,
        "evidence add",
        lambda desk: keep_evidence(desk.connection, arrived, desk.person, desk.now),
    )
    _show(entered, json=by.json)


@app.command(name="list")
def list_files(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List who sent which file, when, and about what, oldest first."""
    settings = settings_of(reader.system)

    async def work() -> list[Entered]:
        async with reading(settings, reader.person, "evidence list", Read.EVIDENCE) as view:
            return await files_seen(view.connection, view.reader, enterprise=enterprise)

    for one in run(work()):
        _show(one, json=reader.json)


@app.command
def show(
    digest: Annotated[str, Parameter(name="SHA256", help="The file's hash.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Write the file here.")] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show who sent a file, when, and about what; with --out the file itself."""
    settings = settings_of(reader.system)

    async def work() -> _Found:
        async with reading(settings, reader.person, "evidence show", Read.EVIDENCE) as view:
            sent = await files_seen(view.connection, view.reader, digest=digest)
            return _Found(await load_file(view.connection, digest) if sent else None, sent)

    found = run(work())
    if found.file is None:
        message = f"there is no file {digest}"
        raise CommandError(message, "see wattwarden evidence list")
    for one in found.sent:
        _show(one, json=reader.json)
    if out is not None:
        out.write_bytes(found.file.data)


@app.command
def verify(
    file: Annotated[
        Path | None,
        Parameter(name="PACKAGE", help="A package; without one, all files that are kept."),
    ] = None,
    /,
    *,
    key: packages.PublicKey = None,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Verify a package: what it proves and what not; needs no system, no network.

    Without one, compare all files that are kept with the hashes that were sealed. The exit status
    is 1 if something failed or differs.
    """
    if file is not None:
        return packages.verify_package(file, key, json=json)
    settings = settings_of(system)

    async def work() -> list[str]:
        async with reading(settings, person, "evidence verify", Read.AUDIT) as view:
            altered = await altered_files(view.connection)
            return [
                one for one in altered if await files_seen(view.connection, view.reader, digest=one)
            ]

    altered = run(work())
    if json:
        print(as_json({"altered": altered}))
    else:
        for digest in altered:
            print(f"{digest} is gone, or not what was sealed")
        if not altered:
            print("all files are what was sealed")
    return 1 if altered else 0


def _show(entered: Entered, *, json: bool) -> None:
    body = entered.body
    assert isinstance(body, Evidence)  # noqa: S101  by its kind
    row = _row(entered, body)
    if json:
        print(as_json(row))
        return
    taken = f", taken {local(body.taken_at)}" if body.taken_at else ""
    received = local(body.received_at)
    print(f"{body.id} {body.sha256}")
    print(f"  {body.name}  {body.media}  {body.size} bytes  about {body.about} {body.subject}")
    print(f"  received {received} from {entered.actor}{taken}  {body.note}".rstrip())


def _row(entered: Entered, body: Evidence) -> dict[str, Any]:
    return {
        **entered_row(entered),
        "sha256": body.sha256,
        "about": body.about,
        "subject": body.subject,
        "name": body.name,
        "media": body.media,
        "size": body.size,
        "received_at": rfc3339(body.received_at),
        "taken_at": None if body.taken_at is None else rfc3339(body.taken_at),
        "note": body.note,
    }
