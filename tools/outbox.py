"""``wattwarden outbox``: what was sent to whom and why, what was not, and sending it again."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.registry.nouns import Person
from wattwarden.storage.outbox.listing import (
    Listed,
    Tried,
    Wanted,
    attempts_of,
    count_states,
    list_outbox,
    resend,
)
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.system_time import system_now
from wattwarden.tools.acting import AsReader, View, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import parse_time, rfc3339

app = App(name="outbox", help="See what was sent to whom and why; send again what failed.")

# What fits a few screens; the newest come first.
DEFAULT_ROWS: Final = 50
# What is sent again by hand is worth it for a shift.
AGAIN_FOR: Final = timedelta(hours=8)

State = Literal[
    "waiting", "sending", "asking", "merged", "delivered", "dead", "expired", "silent", "failed"
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Those:
    """Which notices are meant."""

    recipient: Annotated[str | None, Parameter(help="Only this person's, or this stream's.")] = None
    endpoint: Annotated[str | None, Parameter(help="Only those of this endpoint.")] = None
    alarm: Annotated[int | None, Parameter(help="Only those about this alarm.")] = None
    limit: Annotated[int, Parameter(help="At most so many, the newest.")] = DEFAULT_ROWS


ALL_OF_THEM: Final = Those()


@app.command(name="list")
def list_notices(
    *,
    state: Annotated[
        State | None, Parameter(help="Only those in this state; failed: dead or expired.")
    ] = None,
    those: Those = ALL_OF_THEM,
    since: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Only what fell due since then.")
    ] = None,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List notices, the newest first, each with its reason and what came of it."""
    settings = settings_of(system)

    async def work() -> list[Listed]:
        async with reading(settings, person, "outbox list", Read.NOTICES) as view:
            own = await _own(view, those.limit)
            wanted = replace(
                own,
                states=_states(state),
                recipient=those.recipient,
                endpoint=those.endpoint,
                alarm=those.alarm,
                since=None if since is None else parse_time(since, view.now),
            )
            return await list_outbox(view.connection, wanted)

    rows = [_row(one) for one in run(work())]
    if json:
        for row in rows:
            print(as_json(row))
        return
    names = ("id", "at", "alarm", "level", "why", "recipient", "endpoint", "state", "reason")
    shown = (*names, "attempts", "outcome", "title")
    show_table(shown, [[row[name] for name in shown] for row in rows])


@app.command
def show(
    notice: Annotated[int, Parameter(name="NOTICE", help="Its number in the list.")],
    /,
    *,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Show every attempt of a notice, and what its gateway said."""
    settings = settings_of(system)

    async def work() -> list[Tried]:
        async with reading(settings, person, "outbox show", Read.NOTICES) as view:
            own = await _own(view, 1)
            if not await list_outbox(view.connection, replace(own, numbers=[notice])):
                message = f"there is no notice {notice}"
                raise CommandError(message, "see wattwarden outbox list")
            return await attempts_of(view.connection, notice)

    rows = [_attempt(one) for one in run(work())]
    if json:
        for row in rows:
            print(as_json(row))
        return
    shown = ("number", "kind", "endpoint", "started", "ended", "outcome", "reason", "provider_id")
    show_table(shown, [[row[name] for name in shown] for row in rows])


@app.command
def count(
    *, person: AsReader = None, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> None:
    """Count notices by their state."""
    settings = settings_of(system)

    async def work() -> dict[str, int]:
        async with reading(settings, person, "outbox count", Read.NOTICES) as view:
            return await count_states(view.connection, await _own(view, 1))

    counts = run(work())
    if json:
        print(as_json(counts))
        return
    show_table(("state", "notices"), [list(one) for one in sorted(counts.items())])


@app.command
def retry(
    notices: Annotated[tuple[int, ...], Parameter(name="NOTICE", help="Their numbers.")] = (),
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", help="All that failed.")] = False,
    those: Those = ALL_OF_THEM,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Send again what failed or expired, under the ids that receivers may know already."""
    if not (notices or every or those.recipient or those.endpoint or those.alarm):
        raise UsageError("which notices?", "name some, or --recipient, --endpoint, --alarm, --all")
    settings = settings_of(system)

    async def work() -> list[int]:
        async with database(settings, "outbox retry") as connection:
            now = await system_now(connection)
            wanted = Wanted(
                recipient=those.recipient,
                endpoint=those.endpoint,
                alarm=those.alarm,
                numbers=notices or None,
                limit=those.limit,
            )
            return await resend(connection, wanted, now, now + AGAIN_FOR)

    again = run(work())
    if json:
        print(as_json({"again": again}))
        return
    print(f"{len(again)} notices wait again: {', '.join(map(str, again))}" if again else "none")


async def _own(view: View, limit: int) -> Wanted:
    """Return which notices are the reader's to see: a firm's people see those to its people."""
    reader, recipients = view.reader, None
    firm = None if reader.person is None else reader.person.enterprise
    if firm is not None:
        people = await load_kind(view.connection, Person)
        recipients = [one.id for one in people if one.enterprise == firm]
    return Wanted(enterprises=reader.enterprises, recipients=recipients, limit=limit)


def _states(state: State | None) -> tuple[str, ...] | None:
    if state is None:
        return None
    return ("dead", "expired") if state == "failed" else (state,)


def _row(one: Listed) -> dict[str, Any]:
    reason = f"{one.reason}: {one.detail}" if one.detail else one.reason
    moments = {name: rfc3339(getattr(one, name)) for name in ("at", "due", "expires")}
    named = {"message": f"ww_{one.message.hex}", "reason": reason, "merged_into": one.head}
    return {**asdict(one), **moments, **named}


def _attempt(one: Tried) -> dict[str, Any]:
    return {**asdict(one), "started": rfc3339(one.started), "ended": rfc3339(one.ended)}
