"""``wattwarden calendars``: production at off-peak times (错峰生产)."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.responses.bodies import WEEKDAYS_ZH, Calendar, Span, Weekday
from wattwarden.storage.responses.activate import Activated, keep_calendar
from wattwarden.storage.responses.load import calendars_for, load_calendars
from wattwarden.tools.acting import ActorForm, AsReader, Desk, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.orders import (
    A_STOP,
    Ordered,
    activate,
    measure_text,
    subject_of,
)
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local

CalendarId = Annotated[str, Parameter(name="CALENDAR", help="Its id, as list shows it.")]

app = App(name="calendars", help="Keep off-peak calendars of industries and firms.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """When a calendar holds, and whose it is."""

    span: Annotated[
        tuple[str, ...], Parameter(help="From/to, such as 2026-11-15/2027-03-15; repeatable.")
    ]
    industry: Annotated[str, Parameter(help="Of all firms of this industry.")] = ""
    subject: Annotated[
        str | None, Parameter(help="Of one alone: enterprise:ID, line:ID or unit:ID.")
    ] = None
    exempt: Annotated[
        tuple[str, ...], Parameter(help="An enterprise that is let be; repeatable.")
    ] = ()
    weekday: Annotated[
        tuple[Weekday, ...], Parameter(help="Only on these days of the week; repeatable.")
    ] = ()
    id: Annotated[str, Parameter(help="The one whose place it takes.")] = NEW


@app.command
def add(
    name: Annotated[str, Parameter(name="NAME", help="What people call it.")],
    /,
    *,
    by: ActorForm,
    terms: Terms,
    ordered: Ordered = A_STOP,
) -> None:
    """Keep a calendar, new or in the place of another, and activate its plans.

    An industry's calendar that is kept again takes in firms that have come since.
    """
    chosen = None if terms.subject is None else subject_of(terms.subject)
    fields = ordered.fields()

    async def work(desk: Desk) -> Activated:
        body = Calendar(
            id=terms.id,
            name=name,
            spans=tuple(_span(text, desk) for text in terms.span),
            industry=terms.industry,
            scope=None if chosen is None else chosen.scope,
            subject="" if chosen is None else chosen.id,
            weekdays=terms.weekday,
            exempt=terms.exempt,
            **fields,
        )
        return await keep_calendar(desk.connection, body, desk.person, desk.now)

    activate(by, "calendars add", work)


@app.command(name="list")
def list_calendars(
    *, person: AsReader = None, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> None:
    """List calendars that are in force; a firm sees its own and those of its industry."""
    settings = settings_of(system)

    async def work() -> list[Calendar]:
        async with reading(settings, person, "calendars list", Read.CALENDARS) as view:
            found = await calendars_for(view.connection, view.reader)
            return [one for one in found if one.enabled]

    found = run(work())
    if json:
        for one in found:
            print(as_json(msgspec.to_builtins(one)))
        return
    show_table(
        ("编号", "名称", "对象", "措施", "时段", "星期", "每日", "豁免"),
        [
            (
                one.id,
                one.name,
                one.industry or f"{one.scope}:{one.subject}",
                measure_text(one.measure, one.reduction),
                "; ".join(f"{local(part.start)} — {local(part.end)}" for part in one.spans),
                "、".join(WEEKDAYS_ZH[day] for day in one.weekdays),
                f"{one.from_hour}-{one.to_hour}" if one.from_hour else "",
                "、".join(one.exempt),
            )
            for one in found
        ],
    )


@app.command
def withdraw(
    calendar: CalendarId,
    /,
    *,
    by: ActorForm,
) -> None:
    """Take a calendar back: its plans end now."""

    async def work(desk: Desk) -> Activated:
        for one in await load_calendars(desk.connection):
            if one.id == calendar and one.enabled:
                body = msgspec.structs.replace(one, enabled=False)
                return await keep_calendar(desk.connection, body, desk.person, desk.now)
        message = f"there is no calendar {calendar}"
        raise CommandError(message, "see wattwarden calendars list")

    activate(by, "calendars withdraw", work)


def _span(text: str, desk: Desk) -> Span:
    start, slash, end = text.partition("/")
    if not slash:
        message = f"{text!r} is no span"
        raise UsageError(message, "write 2026-11-15/2027-03-15")
    return Span(start=desk.moment(start), end=desk.moment(end))
