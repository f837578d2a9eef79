"""``wattwarden ledger``: shown, printed, verified, corrected; and what people write into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.ledgers.bodies import Abnormal, LedgerCorrection, Occasion, SpecialPeriod
from wattwarden.alarms.ledgers.entries import Entry, LedgerKind
from wattwarden.alarms.ledgers.sheets import SHEETS, count_text
from wattwarden.storage.ledgers.book import write_ledger
from wattwarden.storage.ledgers.ledger import Chosen
from wattwarden.storage.ledgers.reading import Ledger, read_ledger
from wattwarden.storage.ledgers.verify import LedgerFault, Printed, keepers, unentered
from wattwarden.storage.ledgers.verify import verify as verify_one
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, keep, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.ledgers.writing import (
    NOTHING,
    About,
    MaybeMoment,
    Moment,
)
from wattwarden.tools.options import ALL_TIMES, Span, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import rfc3339

Whose = Annotated[str, Parameter(name="ENTERPRISE", help="Whose ledger, by the enterprise's id.")]
Kinds = Annotated[
    tuple[LedgerKind, ...], Parameter(name="--kind", help="Only this one; repeatable.")
]

app = App(name="ledger", help="See, print, verify and correct the ledgers (台账) of enterprises.")


@app.command
def show(
    enterprise: Whose,
    /,
    *,
    kind: Kinds = (),
    span: Span = ALL_TIMES,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show entries by number; with --json each line holds all that was sealed, and the seal."""
    ledger, _ = _read(_Asked(enterprise, kind, span), reader.person, reader.system, "ledger show")
    if reader.json:
        for entry in ledger.entries:
            print(as_json(_plain(entry, ledger)))
        return
    show_table(
        ("序号", "发生时间", "台账", "内容", "录入人", "录入时间", "备注"),
        [_row(entry, ledger) for entry in ledger.entries],
    )
    print(count_text(ledger.entries, ledger.correctors))


@app.command
def export(
    enterprise: Whose,
    file: Annotated[Path, Parameter(name="FILE", help="The Excel file (.xlsx) to write.")],
    /,
    *,
    kind: Kinds = (),
    span: Span = ALL_TIMES,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Write a ledger as an Excel book to be printed and signed, a sheet a kind.

    The footer names the ledger's end; `wattwarden ledger verify --printed` takes it years later.
    """
    if file.suffix.casefold() != ".xlsx":
        message = f"{file} is no .xlsx"
        raise UsageError(message, "name the file .xlsx")
    ledger, chosen = _read(
        _Asked(enterprise, kind, span), reader.person, reader.system, "ledger export"
    )
    cover = ledger.cover(chosen.since, chosen.until)
    write_ledger(file, cover, ledger.pages(kind))
    told = {"file": str(file), "entries": len(ledger.entries), "seal": cover.seal}
    print(as_json(told) if reader.json else f"{file}: {len(ledger.entries)} entries, {cover.seal}")


@app.command
def verify(
    enterprise: Annotated[
        str | None, Parameter(name="ENTERPRISE", help="Whose; everybody's when left out.")
    ] = None,
    /,
    *,
    printed: Annotated[
        str | None,
        Parameter(help="What the footer of a printed page says, such as 412:9f8e7d6c5b4a3921."),
    ] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> int:
    """Hold ledgers against their seals, the decisions and the readings; 1 if anything is wrong.

    What an import decided is entered by the next pass of the warden: until then it is counted
    apart, as not yet entered.
    """
    page = None if printed is None else _printed(printed)
    if page is not None and enterprise is None:
        raise UsageError("a printed page is one enterprise's", "name the enterprise")
    settings = settings_of(reader.system)

    async def work() -> tuple[int, list[LedgerFault], dict[str, int]]:
        async with reading(settings, reader.person, "ledger verify", Read.LEDGERS) as view:
            # One that has left the registry has its ledger still, for those who see it.
            if enterprise is not None and not view.reader.sees(enterprise):
                await view.enterprise(enterprise)
            named = await keepers(view.connection) if enterprise is None else [enterprise]
            whose = [one for one in named if view.reader.sees(one)]
            found = [await verify_one(view.connection, one, page) for one in whose]
            awaited = {one: await unentered(view.connection, one) for one in whose}
            return len(whose), [fault for faults in found for fault in faults], awaited

    count, faults, awaited = run(work())
    _show_awaited(awaited, json=reader.json)
    if reader.json:
        for fault in faults:
            print(as_json(msgspec.to_builtins(fault)))
    elif faults:
        rows = [(one.enterprise, one.number or "", one.zh, one.en) for one in faults]
        show_table(("enterprise", "序号", "问题", "problem"), rows)
    else:
        print(f"{count} ledgers are as they were entered")
    return 1 if faults else 0


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Details:
    """What else is known of an abnormal condition."""

    cause: Annotated[str, Parameter(help="Why.")] = ""
    measure: Annotated[str, Parameter(help="What was done about it.")] = ""
    reported: Annotated[bool, Parameter(help="The authority was told.", show_default=False)] = False


NO_DETAILS: Final = Details()


@app.command
def correct(
    enterprise: Whose,
    number: Annotated[int, Parameter(name="NUMBER", help="The entry, by its number.")],
    text: Annotated[str, Parameter(name="TEXT", help="What it should have said.")],
    /,
    *,
    by: ActorForm,
    reason: Annotated[str, Parameter(help="Why it said otherwise.")],
    at: MaybeMoment = None,
) -> None:
    """Correct an entry that a person made, by another; both stay. `--at`: when it truly was."""
    keep(
        by,
        "ledger correct",
        lambda desk: LedgerCorrection(
            id=NEW,
            enterprise=enterprise,
            entry=number,
            text=text,
            reason=reason,
            occurred_at=desk.moment_or_none(at),
        ),
    )


@app.command
def add_abnormal(
    condition: Annotated[str, Parameter(name="CONDITION", help="What was abnormal.")],
    /,
    *,
    by: ActorForm,
    start: Moment,
    about: About = NOTHING,
    end: MaybeMoment = None,
    details: Details = NO_DETAILS,
) -> None:
    """Write down an abnormal condition (异常情况) of an enterprise, a line or a unit."""
    scope, subject = about.subject()

    keep(
        by,
        "ledger add-abnormal",
        lambda desk: Abnormal(
            id=NEW,
            scope=scope,
            subject=subject,
            start=desk.moment(start),
            end=desk.moment_or_none(end),
            condition=condition,
            cause=details.cause,
            measure=details.measure,
            reported=details.reported,
        ),
    )


@app.command
def add_special(
    enterprise: Whose,
    measure: Annotated[str, Parameter(name="MEASURE", help="What was done.")],
    /,
    *,
    by: ActorForm,
    occasion: Annotated[Occasion, Parameter(help="Why the period is special.")],
    start: Moment,
    end: MaybeMoment = None,
) -> None:
    """Write down what was done in a special period (特殊时段): one entry a day."""
    keep(
        by,
        "ledger add-special",
        lambda desk: SpecialPeriod(
            id=NEW,
            enterprise=enterprise,
            occasion=occasion,
            start=desk.moment(start),
            end=desk.moment_or_none(end),
            measure=measure,
        ),
    )


class _Asked(NamedTuple):
    """Which entries of whose ledger."""

    enterprise: str
    kinds: tuple[LedgerKind, ...]
    span: Span


def _read(asked: _Asked, person: str | None, system: System, command: str) -> tuple[Ledger, Chosen]:
    """Return what is asked for, and what that was by the system's time."""
    settings = settings_of(system)

    async def work() -> tuple[Ledger, Chosen]:
        async with reading(settings, person, command, Read.LEDGERS) as view:
            chosen = Chosen(asked.kinds, *asked.span.bounds(view.now))
            enterprise = await view.enterprise(asked.enterprise)
            return await read_ledger(view.connection, enterprise, chosen), chosen

    return run(work())


def _show_awaited(awaited: Mapping[str, int], *, json: bool) -> None:
    """Tell how many decisions of each firm the next pass of the warden has still to enter."""
    for firm, decisions in awaited.items():
        if decisions and json:
            print(as_json({"enterprise": firm, "not_yet_entered": decisions}))
        elif decisions:
            print(f"{firm}: 尚有{decisions}项决定待录入 / {decisions} decisions not yet entered")


def _row(entry: Entry, ledger: Ledger) -> tuple[object, ...]:
    number, at, *_, actor, entered_at, remark = ledger.cells(entry)
    title = SHEETS[entry.kind].title
    return (number, f"{at:%Y-%m-%d %H:%M:%S}", title, ledger.said(entry), actor,
            f"{entered_at:%Y-%m-%d %H:%M:%S}", remark)  # fmt: skip


def _plain(entry: Entry, ledger: Ledger) -> dict[str, Any]:
    """An entry as JSON holds it."""
    corrector = ledger.correctors.get(entry.number)
    return {
        "enterprise": entry.enterprise,
        "number": entry.number,
        "kind": entry.kind,
        "source": entry.source,
        "occurred_at": rfc3339(entry.occurred_at),
        "entered_at": rfc3339(entry.entered_at),
        "late": entry.late,
        "actor": entry.actor,
        "corrects": entry.corrects,
        "corrected_by": None if corrector is None else corrector.number,
        "withdrawn": corrector is not None and corrector.withdraws,
        "content": msgspec.to_builtins(entry.content),
        "digest": entry.digest.hex(),
    }


def _printed(text: str) -> Printed:
    number, _, digest = text.strip().partition(":")
    if not (number.isdecimal() and digest and set(digest.lower()) <= set("0123456789abcdef")):
        message = f"{text!r} is no footer of a ledger"
        raise UsageError(message, "it is written 412:9f8e7d6c5b4a3921")
    return Printed(int(number), digest)
