"""``wattwarden commands``: what was wanted of meters, by whom, and what became of it."""

from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.protocol.command import Command, Verb
from wattwarden.storage.commands.entering import meters_of, permit
from wattwarden.storage.commands.listing import (
    PAGE,
    Entered,
    Happened,
    cancel,
    find_command,
    list_commands,
    record_of,
)
from wattwarden.storage.system_time import system_now
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    AsPerson,
    ReaderForm,
    View,
    reading,
    refused,
)
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, meter_name, meter_of, run, settings_of
from wattwarden.tools.times import local, rfc3339

app = App(name="commands", help="See what was asked of meters, and what became of it (召测记录).")

MeterArgument = Annotated[
    str,
    Parameter(
        name="METER",
        help="codec:address, codec:address/channel, or the address alone if it is unique.",
    ),
]
Number = Annotated[int, Parameter(name="ID", help="The command's number.")]
State = Literal["queued", "sent", "answered", "refused", "expired", "cancelled"]

STATES_ZH: Final = {
    "queued": "等待设备上线",
    "sent": "已下发,等待应答",
    "answered": "已应答",
    "refused": "被拒绝",
    "expired": "已过期",
    "cancelled": "已撤销",
}
_NEXT: Final = {
    "queued": "the meter is away, or its gateway: it is asked when it dials in;"
    " wattwarden commands show {id}, or cancel {id}",
    "sent": "wattwarden commands show {id} tells when the answer has come",
    "expired": "see that the meter is online (wattwarden meters show {meter}), and ask again",
}


@app.command(name="list")
def list_all(
    meter: Annotated[str | None, Parameter(name="METER", help="Only this meter's.")] = None,
    /,
    *,
    state: Annotated[State | None, Parameter(help="Only those in this state.")] = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest.")] = PAGE,
    form: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List commands, the newest first."""
    settings = settings_of(form.system)

    async def work() -> list[Entered]:
        async with reading(settings, form.person, "commands list", Read.COMMANDS) as view:
            number = None
            if meter is not None:
                number = (await meter_of(view.connection, meter_name(meter))).id
            return await list_commands(
                view.connection,
                meter=number,
                state=state,
                meters=await _seen(view),
                most=limit,
            )

    found = run(work())
    if form.json:
        for one in found:
            print(as_json(command_row(one)))
        return
    show_table(
        ("id", "meter", "wanted", "by", "entered", "state", "answer"),
        [_cells(one) for one in found],
    )


@app.command
def show(number: Number, /, *, form: ReaderForm = TO_THE_OPERATOR) -> int:
    """Show one command with all that happened to it; the exit status is 1 when it failed."""
    settings = settings_of(form.system)

    async def work() -> tuple[Entered, list[Happened]]:
        async with reading(settings, form.person, "commands show", Read.COMMANDS) as view:
            found = await find_command(view.connection, number)
            seen = await _seen(view)
            if found is None or (seen is not None and found.meter not in seen):
                raise _no_such(number)
            return found, await record_of(view.connection, number)

    found, record = run(work())
    if form.json:
        happened = [
            {"at": rfc3339(one.at), "what": one.what, "by": one.actor, "detail": one.detail}
            for one in record
        ]
        print(as_json(command_row(found) | {"record": happened}))
    else:
        show_command(found)
        show_table(("at", "what", "by"), [(rfc3339(one.at), one.what, one.actor) for one in record])
    return 0 if found.is_open or found.state == "answered" else 1


@app.command(name="cancel")
def cancel_one(
    number: Number,
    /,
    *,
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Take back a command that still waits for its meter."""
    settings = settings_of(system)

    async def work() -> Entered:
        async with database(settings, "commands cancel") as connection:
            found = await find_command(connection, number)
            if found is None:
                raise _no_such(number)
            command = Command(Verb(found.body["verb"]))
            try:
                await permit(connection, found.meter, command, person)
            except RefusedError as error:
                raise refused(error) from error
            now = await system_now(connection)
            await cancel(connection, number, actor=person, now=now)
            return await find_command(connection, number) or found

    found = run(work())
    if json:
        print(as_json(command_row(found)))
    else:
        show_command(found)


def command_row(one: Entered) -> dict[str, Any]:
    """Return a command as JSON holds it."""
    return {
        "id": one.id,
        "meter": one.meter,
        "channel": one.channel,
        "verb": one.body.get("verb"),
        "items": one.body.get("items", []),
        "values": one.body.get("values", {}),
        "by": one.actor,
        "entered_at": rfc3339(one.entered_at),
        "expires_at": rfc3339(one.expires_at),
        "state": one.state,
        "gateway": one.gateway,
        "sent_at": None if one.sent_at is None else rfc3339(one.sent_at),
        "finished_at": None if one.finished_at is None else rfc3339(one.finished_at),
        "reply": one.reply,
    }


def show_command(one: Entered) -> None:
    """Print a command, what came of it, and what to do next."""
    print(f"command {one.id}: {_named(one)} {_wanted(one)}: {one.state} {STATES_ZH[one.state]}")
    values = one.reply.get("values") or {}
    if values:
        show_table(("item", "value"), [(name, _text(value)) for name, value in values.items()])
    if one.reply.get("message"):
        print(f"  {one.reply['message']}")
    if one.state in _NEXT:
        print(f"  {_NEXT[one.state].format(id=one.id, meter=one.meter)}")


async def _seen(view: View) -> set[str] | None:
    """Return the meters whose commands a reader may see, None for all."""
    if view.reader.enterprises is None:
        return None
    return await meters_of(view.connection, view.reader.enterprises)


def _no_such(number: int) -> CommandError:
    message = f"没有这条命令 {number} / there is no command {number}"
    return CommandError(message, "see wattwarden commands list")


def _cells(one: Entered) -> tuple[object, ...]:
    return (
        one.id,
        _named(one),
        _wanted(one),
        one.actor,
        local(one.entered_at),
        f"{one.state} {STATES_ZH[one.state]}",
        _answer(one),
    )


def _named(one: Entered) -> str:
    return f"{one.meter}/{one.channel}" if one.channel else one.meter


def _wanted(one: Entered) -> str:
    settings = [f"{name}={value}" for name, value in one.body.get("values", {}).items()]
    return " ".join([str(one.body.get("verb")), *one.body.get("items", []), *settings])


def _answer(one: Entered) -> str:
    values = one.reply.get("values") or {}
    told = ", ".join(f"{name} {_text(value)}" for name, value in values.items())
    return "; ".join(part for part in (told, one.reply.get("message", "")) if part)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    return str(value)
