"""``wattwarden registry check | show``: what is stored, and what is wrong with it."""

from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.registry.check import check as problems_of
from wattwarden.alarms.registry.check import remarks
from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.books.exchange import load_known
from wattwarden.storage.books.sheets import SHEETS
from wattwarden.storage.registry.meters import unknown_meters
from wattwarden.storage.registry.registry import first_altered, history, load_registry
from wattwarden.storage.registry.sealing import first_broken
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of

# Columns that say most, for a list that fits a terminal.
_LISTED = 7


def check(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> int:
    """Check what is stored: that it holds together, that nobody altered it, and what is missing.

    Errors make the exit status 1. Remarks, such as a point whose meter never reported, a unit that
    nobody meters, or required equipment that is missing, do not.
    """
    settings = settings_of(system)

    async def work() -> tuple[list[Problem], list[Problem]]:
        async with database(settings, "registry check") as connection:
            registry = await load_registry(connection)
            meters = [point.meter for point in registry.point.values()]
            unknown = await unknown_meters(connection, meters)
            sealed = [
                *_chain(await first_broken(connection), "decision"),
                *_chain(await first_altered(connection), "registry"),
            ]
        found = [*sealed, *problems_of(registry)]
        return found, sorted([*remarks(registry), *_silent(registry, unknown)])

    problems, noted = run(work())
    rows = [("error", one) for one in problems] + [("remark", one) for one in noted]
    if json:
        for level, one in rows:
            print(as_json({"level": level} | msgspec.to_builtins(one)))
    elif rows:
        headings = ("", "kind", "id", "field", "问题", "problem")
        show_table(headings, [(level, p.kind, p.id, p.field, p.zh, p.en) for level, p in rows])
    else:
        print("nothing is wrong")
    return 1 if problems else 0


def show(
    kind: Annotated[str, Parameter(name="KIND", help="A kind, such as unit or 设施.")],
    identity: Annotated[str | None, Parameter(name="ID", help="One record, with history.")] = None,
    /,
    *,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show the records of a kind, or one record with the decisions that made its versions."""
    sheet = next((one for one in SHEETS.values() if kind in (one.kind, one.zh)), None)
    if sheet is None:
        message = f"there is no kind {kind}"
        raise UsageError(message, f"it is one of {', '.join(SHEETS)}")
    settings = settings_of(system)

    async def work() -> tuple[dict[str, Any], list[int]]:
        async with database(settings, "registry show") as connection:
            records = dict((await load_known(connection))[sheet.kind])
            versions = []
            if identity is not None and sheet.kind in KINDS:
                versions = [made for _, made in await history(connection, sheet.kind, identity)]
            return records, versions

    records, versions = run(work())
    if identity is not None:
        if identity not in records:
            message = f"there is no {sheet.kind} {identity}"
            raise CommandError(message, f"see wattwarden registry show {sheet.kind}")
        row = msgspec.to_builtins(records[identity]) | ({"decisions": versions} if versions else {})
        print(as_json(row)) if json else show_table(("", ""), list(row.items()))
        return
    if json:
        for _, record in sorted(records.items()):
            print(as_json(msgspec.to_builtins(record)))
        return
    columns = sheet.columns[:_LISTED]
    show_table(
        [column.zh for column in columns],
        [[getattr(one, column.field) for column in columns] for _, one in sorted(records.items())],
    )


def _chain(broken: int | None, what: str) -> list[Problem]:
    if broken is None:
        return []
    en = "it, or one before it, is not what was entered"
    return [Problem(what, str(broken), "digest", "与录入时不一致", en)]


def _silent(registry: Registry, unknown: set[str]) -> list[Problem]:
    return [
        Problem("point", point.id, "meter", "仪表从未上报", f"{point.meter} never reported")
        for point in registry.point.values()
        if point.meter in unknown
    ]
