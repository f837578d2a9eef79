"""``wattwarden alarms`` and ``wattwarden states``: what was found, and what became of it."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from wattwarden.alarms.cases.case import Case, Level, State
from wattwarden.alarms.cases.districts import firms_of
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Region
from wattwarden.storage.cases.load import Chosen, load_case, load_cases
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.system_time import system_now
from wattwarden.storage.warden.listing import ListedAlarm, find_alarm, find_alarms, units_now
from wattwarden.tools.cases import acts
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
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import rfc3339

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
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List alarms with their cases, the latest first; with --json the explanations as well."""
    if limit < 1:
        raise UsageError("--limit is above 0", "such as --limit 20")
    settings = settings_of(system)

    async def work() -> tuple[list[Case], dict[int, ListedAlarm]]:
        async with database(settings, "alarms list") as connection:
            cases = await _chosen(connection, wanted, span)
            numbers = [case.id for case in cases[:limit]] if json and not count else []
            return cases, await find_alarms(connection, numbers)

    cases, alarms = run(work())
    counted = totals(cases)
    if json and count:
        print(as_json(counted))
    elif json:
        for case in cases[:limit]:
            print(as_json(_plain(alarms[case.id]) | case_row(case)))
    else:
        if not count:
            show_table(HEADINGS, [table_row(case) for case in cases[:limit]])
        show_totals(counted)


async def _chosen(connection: Connection, wanted: Wanted, span: Span) -> list[Case]:
    now = await system_now(connection)
    since, until = span.bounds(now)
    firms = None if wanted.enterprise is None else {wanted.enterprise}
    if wanted.district is not None:
        within = await _firms(connection, wanted.district)
        firms = within if firms is None else firms & within
    chosen = Chosen(
        enterprises=firms,
        rules=wanted.rule or None,
        since=since,
        until=until,
        states=wanted.state or None,
        levels=[Level(level) for level in wanted.level] or None,
        grades=wanted.grade or None,
        overdue=wanted.overdue,
        open=wanted.todo,
        untold=wanted.untold,
    )
    cases = await load_cases(connection, chosen, now=now)
    return [case for case in cases if case.cleared is None or not wanted.standing]


async def _firms(connection: Connection, district: str) -> set[str]:
    regions = {one.id: one for one in await load_kind(connection, Region)}
    agencies = {one.id: one for one in await load_kind(connection, Agency)}
    return set(firms_of(district, await load_kind(connection, Enterprise), regions, agencies))


@app.command
def show(
    number: Annotated[int, Parameter(name="ID", help="Its number, as list shows it.")],
    /,
    *,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show one alarm: what was seen, what changed it later, and what was done about it."""
    settings = settings_of(system)

    async def work() -> Any:
        async with database(settings, "alarms show") as connection:
            case = await load_case(connection, number, now=await system_now(connection))
            return await find_alarm(connection, number), case

    found, case = run(work())
    if found is None or case is None:
        message = f"there is no alarm {number}"
        raise CommandError(message, "see wattwarden alarms list")
    alarm, corrections = found
    if json:
        changed = {"corrections": [asdict(one) for one in corrections]}
        names = ("at", "actor", "deed", "state", "reason")
        done = [dict(zip(names, done_row(one), strict=True)) for one in case.history]
        print(as_json({**_plain(alarm), **case_row(case), **changed, "history": done}))
        return
    _tell(alarm)
    tell_case(case)
    for one in corrections:
        print(f"corrected at step {one.step}: {one.before} → {one.after}")


def states(
    enterprise: Annotated[
        str | None, Parameter(name="ENTERPRISE", help="Its id; all when left out.")
    ] = None,
    /,
    *,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Print what units do now, and since when."""
    settings = settings_of(system)

    async def work() -> Any:
        async with database(settings, "states") as connection:
            return await units_now(connection, enterprise)

    units = run(work())
    if json:
        for unit in units:
            print(as_json({**asdict(unit), "since": rfc3339(unit.since)}))
        return
    show_table(
        ("enterprise", "unit", "state", "since"),
        [(unit.enterprise, unit.unit, unit.state, rfc3339(unit.since)) for unit in units],
    )


def _plain(alarm: ListedAlarm) -> dict[str, Any]:
    """An alarm as JSON holds it."""
    values = asdict(alarm)
    for name in ("began", "raised", "ended", "graded"):
        values[name] = rfc3339(values[name]) if values[name] else None
    return values


def _tell(alarm: ListedAlarm) -> None:
    explanation = alarm.explanation
    ended = rfc3339(alarm.ended) if alarm.ended else "goes on"
    print(f"{alarm.rule} {alarm.subject} {alarm.kind}".rstrip())
    print(f"  enterprise {alarm.enterprise}  line {alarm.line or '-'}")
    print(f"  began {rfc3339(alarm.began)}  raised {rfc3339(alarm.raised)}  ended {ended}")
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
