"""``wattwarden alarms`` and ``wattwarden states``: what was found, and what became of it."""

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.case import Level, State
from wattwarden.alarms.cases.districts import firms_of
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Region
from wattwarden.alarms.states.codes import NAMES_ZH, UnitState
from wattwarden.storage.cases.listing import Listed, list_cases
from wattwarden.storage.cases.load import Chosen, load_case
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.warden.listing import ListedAlarm, find_alarm, find_alarms, units_now
from wattwarden.tools.acting import TO_THE_OPERATOR, ReaderForm, View, reading
from wattwarden.tools.cases import acts
from wattwarden.tools.cases.naming import Naming, load_naming
from wattwarden.tools.cases.shown import (
    HEADINGS,
    case_row,
    done_row,
    show_totals,
    table_row,
    tell_case,
    totals,
)
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import ALL_TIMES, Span
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local, rfc3339

app = App(name="alarms", help="See what was found, and why; say what is done about it.")
for deed in (
    acts.ack,
    acts.handle,
    acts.plan,
    acts.rectify,
    acts.verify,
    acts.reject,
    acts.close,
    acts.declare,
    acts.escalate,
    acts.comment,
):
    app.command(deed)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are listed; all that is given."""

    standing: Annotated[
        bool, Parameter(name="--open", help="Only those that go on.", show_default=False)
    ] = False
    todo: Annotated[
        bool, Parameter(help="Only those in which something is left to do.", show_default=False)
    ] = False
    overdue: Annotated[
        bool, Parameter(help="Only those whose deadline has passed.", show_default=False)
    ] = False
    untold: Annotated[
        bool,
        Parameter(name="--all", help="Also those of which another says more.", show_default=False),
    ] = False
    state: Annotated[
        tuple[State, ...], Parameter(help="Only in this state.", show_default=False)
    ] = ()
    level: Annotated[
        tuple[Literal[1, 2, 3, 4], ...], Parameter(help="Only of this level.", show_default=False)
    ] = ()
    grade: Annotated[
        tuple[str, ...],
        Parameter(name="--class", help="Only of this class, A to F.", show_default=False),
    ] = ()
    rule: Annotated[tuple[str, ...], Parameter(help="Only of this rule.", show_default=False)] = ()
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None
    district: Annotated[str | None, Parameter(help="Only of this region or agency, by its id.")] = (
        None
    )


ALL_CASES = Wanted()


@app.command(name="list")
def list_found(
    *,
    wanted: Wanted = ALL_CASES,
    span: Span = ALL_TIMES,
    limit: Annotated[int, Parameter(help="At most so many, the latest first.")] = 100,
    count: Annotated[
        bool, Parameter(name="--totals", help="Only how many there are.", show_default=False)
    ] = False,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List alarms with their cases, the latest first; with --json the explanations as well."""
    if limit < 1:
        raise UsageError("--limit is above 0", "such as --limit 20")
    settings = settings_of(reader.system)

    async def work() -> tuple[Listed, dict[int, ListedAlarm], Naming]:
        async with reading(settings, reader.person, "alarms list", Read.ALARMS) as view:
            chosen = await _chosen(view, wanted, span)
            listed = await list_cases(view.connection, chosen, now=view.now, limit=limit)
            numbers = [case.id for case in listed.cases] if reader.json and not count else []
            alarms = await find_alarms(view.connection, numbers)
            return listed, alarms, await load_naming(view.connection)

    listed, alarms, naming = run(work())
    counted = totals(listed.tallies)
    if reader.json and count:
        print(as_json(counted))
    elif reader.json:
        for case in listed.cases:
            print(as_json(_plain(alarms[case.id]) | case_row(case)))
    else:
        if not count:
            show_table(HEADINGS, [table_row(case, naming) for case in listed.cases])
        show_totals(counted)


async def _chosen(view: View, wanted: Wanted, span: Span) -> Chosen:
    await _check_enterprise(view, wanted.enterprise)
    since, until = span.bounds(view.now)
    firms = view.reader.within(wanted.enterprise)
    if wanted.district is not None:
        within = await _firms(view.connection, wanted.district)
        firms = within if firms is None else firms & within
    return Chosen(
        enterprises=firms,
        rules=wanted.rule or None,
        since=since,
        until=until,
        states=wanted.state or None,
        levels=[Level(level) for level in wanted.level] or None,
        grades=wanted.grade or None,
        overdue=wanted.overdue,
        open=wanted.todo,
        standing=wanted.standing,
        untold=wanted.untold,
    )


async def _check_enterprise(view: View, name: str | None) -> None:
    """Refuse the id of an enterprise that is not in the registry, or not for who looks."""
    known = [one.id for one in await load_kind(view.connection, Enterprise)]
    if name is not None and name not in (known := list(filter(view.reader.sees, known))):
        near = get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        message = f"there is no enterprise {name}"
        raise CommandError(message, f"{meant}see wattwarden registry show enterprise")


async def _firms(connection: Connection, district: str) -> frozenset[str]:
    regions = {one.id: one for one in await load_kind(connection, Region)}
    agencies = {one.id: one for one in await load_kind(connection, Agency)}
    return frozenset(firms_of(district, await load_kind(connection, Enterprise), regions, agencies))


@app.command
def show(
    number: Annotated[int, Parameter(name="ID", help="Its number, as list shows it.")],
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show one alarm: what was seen, what changed it later, and what was done about it."""
    settings = settings_of(reader.system)

    async def work() -> Any:
        async with reading(settings, reader.person, "alarms show", Read.ALARMS) as view:
            case = await load_case(view.connection, number, now=view.now)
            seen = case is not None and view.reader.sees(case.enterprise)
            found = await find_alarm(view.connection, number)
            return found, case if seen else None, await load_naming(view.connection)

    found, case, naming = run(work())
    if found is None or case is None:
        message = f"there is no alarm {number}"
        raise CommandError(message, "see wattwarden alarms list")
    alarm, corrections = found
    if reader.json:
        changed = {"corrections": [asdict(one) for one in corrections]}
        names = ("at", "actor", "deed", "state", "reason")
        done = [dict(zip(names, done_row(one), strict=True)) for one in case.history]
        print(as_json({**_plain(alarm), **case_row(case), **changed, "history": done}))
        return
    _tell(alarm, naming)
    tell_case(case)
    for one in corrections:
        print(f"corrected at step {one.step}: {one.before} → {one.after}")


def states(
    enterprise: Annotated[
        str | None, Parameter(name="ENTERPRISE", help="Its id; all when left out.")
    ] = None,
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Print what units do now, and since when."""
    settings = settings_of(reader.system)

    async def work() -> Any:
        async with reading(settings, reader.person, "states", Read.STATES) as view:
            await _check_enterprise(view, enterprise)
            units = await units_now(view.connection, enterprise, view.now)
            seen = [unit for unit in units if view.reader.sees(unit.enterprise)]
            return seen, await load_naming(view.connection)

    units, naming = run(work())
    if reader.json:
        for unit in units:
            print(as_json({**asdict(unit), "since": rfc3339(unit.since)}))
        return
    show_table(
        ("enterprise", "unit", "state", "since"),
        [
            (
                naming.of("enterprise", one.enterprise),
                naming.of("unit", one.unit),
                NAMES_ZH[UnitState[one.state.upper()]],
                local(one.since),
            )
            for one in units
        ],
    )


def _plain(alarm: ListedAlarm) -> dict[str, Any]:
    """An alarm as JSON holds it."""
    values = asdict(alarm)
    for name in ("began", "raised", "ended", "graded"):
        values[name] = rfc3339(values[name]) if values[name] else None
    return values


def _tell(alarm: ListedAlarm, naming: Naming) -> None:
    explanation = alarm.explanation
    ended = local(alarm.ended) if alarm.ended else "goes on"
    print(f"{alarm.rule} {naming.subject(alarm.subject)} {alarm.kind}".rstrip())
    line = naming.of("line", alarm.line) if alarm.line else "-"
    print(f"  enterprise {naming.of('enterprise', alarm.enterprise)}  line {line}")
    print(f"  began {local(alarm.began)}  raised {local(alarm.raised)}  ended {ended}")
    if alarm.withdrawn:
        print("  late readings took it back")
    elif alarm.found_late:
        print("  found or changed by late readings")
    if alarm.suppressed_by:
        print(f"  not told to people: {alarm.suppressed_by} says more")
    print(f"  {explanation['zh']}\n  {explanation['en']}")
    for title in ("signals", "thresholds"):
        for name, signal in sorted(explanation[title].items()):
            value = "-" if signal["value"] is None else f"{signal['value']:g}"
            print(f"    {title[:-1]:<10} {name:<28} {value:>12} {signal['unit']}")
    for name, seconds in sorted(explanation["windows"].items()):
        print(f"    window     {name:<28} {seconds:>12g} s")
    print(f"  rules {alarm.version}")
