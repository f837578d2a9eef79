"""``wattwarden share export``: what an agency may see, as a file for its own systems."""

import os
from pathlib import Path
from typing import IO, Annotated, Any

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read, oversees
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.statistics.plain import plain
from wattwarden.storage.statistics.share import Wanted, shared
from wattwarden.tools.acting import AsReader, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.statistics.commands import bounds

app = App(name="share", help="Share what an agency may see, read-only.")


@app.command
def export(
    file: Annotated[Path, Parameter(name="FILE", help="Where to; what is there is replaced.")],
    /,
    *,
    agency: Annotated[str, Parameter(help="Its firms, and those of agencies below it.")],
    span: Span = ALL_TIMES,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Write JSON lines: registry, states, alarms and statistics of an agency's firms alone.

    Of the last 30 days, or from --since to --until. No person, telephone or other agency's firm is
    in it. The file appears when it is complete, readable by its owner alone.
    """
    settings = settings_of(system)

    async def work(opened: IO[str]) -> int:
        count = 0
        async with reading(settings, person, "share export", Read.SHARES) as view:
            period = bounds(span, view.now)
            registry = await load_registry(view.connection)
            if agency not in registry.agency:
                message = f"there is no agency {agency}"
                raise CommandError(message, "see wattwarden registry show agency")
            who = view.reader.person
            if who is not None and not oversees(who, agency, registry.agency):
                name = registry.agency[agency].name
                message = f"{name}不在{who.name}的管辖范围内 / {agency} is not {who.id}'s to share"
                raise CommandError(message)
            async for record in shared(view.connection, registry, Wanted(agency, period)):
                opened.write(_line(record))
                count += 1
        return count

    # Complete or not at all: a reader never meets half a file.
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            count = run(work(opened))
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    if json:
        print(as_json({"file": str(file), "agency": agency, "records": count}))
    else:
        print(f"{file}: {count} records for {agency}")


def _line(record: dict[str, Any]) -> str:
    return as_json(plain(record)) + "\n"
