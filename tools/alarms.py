"""``wattwarden alarms`` and ``wattwarden states``: what the warden found."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import App, Parameter

from wattwarden.storage.warden.listing import (
    Chosen,
    ListedAlarm,
    find_alarm,
    list_alarms,
    units_now,
)
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import rfc3339

app = App(name="alarms", help="See what was found, and why.")


@app.command(name="list")
def list_found(
    *,
    open_only: Annotated[
        bool, Parameter(name="--open", help="Only those that go on.", show_default=False)
    ] = False,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    span: Span = ALL_TIMES,
    limit: Annotated[int, Parameter(help="At most so many, the latest first.")] = 100,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List alarms, the latest first; with --json each line holds the explanation as well."""
    if limit < 1:
        raise UsageError("--limit is above 0", "such as --limit 20")
    settings = settings_of(system)
    since, until = span.bounds(datetime.now(UTC))

    async def work() -> list[ListedAlarm]:
        async with database(settings, "alarms list") as connection:
            return await list_alarms(connection, Chosen(open_only, enterprise, since, until), limit)

    alarms = run(work())
    if json:
        for alarm in alarms:
            print(as_json(_plain(alarm)))
        return
    show_table(
        ("id", "rule", "subject", "enterprise", "began", "raised", "ended", "late", "what"),
        [
            (
                alarm.id,
                alarm.rule,
                alarm.subject,
                alarm.enterprise,
                rfc3339(alarm.began),
                rfc3339(alarm.raised),
                rfc3339(alarm.ended) if alarm.ended else "",
                "late" if alarm.found_late else "",
                alarm.explanation["zh"],
            )
            for alarm in alarms
        ],
    )


@app.command
def show(
    number: Annotated[int, Parameter(name="ID", help="Its number, as list shows it.")],
    /,
    *,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show one alarm: what was seen, which limits it crossed, and what changed it later."""
    settings = settings_of(system)

    async def work() -> Any:
        async with database(settings, "alarms show") as connection:
            return await find_alarm(connection, number)

    found = run(work())
    if found is None:
        message = f"there is no alarm {number}"
        raise CommandError(message, "see wattwarden alarms list")
    alarm, corrections = found
    if json:
        print(as_json({**_plain(alarm), "corrections": [asdict(one) for one in corrections]}))
        return
    _tell(alarm)
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
    for name in ("began", "raised", "ended"):
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
