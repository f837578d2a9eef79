"""What the commands of enforcement share: options, and one way to show."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.life import Life, Said
from wattwarden.alarms.registry.nouns import Person
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import Kind
from wattwarden.storage.enforcement.seen import READ_OF, find_seen, load_seen
from wattwarden.storage.registry.records import load_kind
from wattwarden.tools.acting import ReaderForm, View, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import rfc3339

Enterprise = Annotated[str, Parameter(name="ENTERPRISE", help="An enterprise's id.")]
OfEnterprise = Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")]
Thing = Annotated[str, Parameter(name="ID", help="Its id, as list shows it.")]
AlarmNumbers = Annotated[
    tuple[int, ...], Parameter(name="--alarm", help="An alarm's number; repeatable.")
]
TaskId = Annotated[str, Parameter(name="--task", help="The task that it serves.")]
Note = Annotated[str, Parameter(help="What is to be said about it.")]
At = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help='When: RFC 3339, "2026-11-22 03:00" (Asia/Shanghai), a date, now, or -2h.',
    ),
]
FileDigests = Annotated[
    tuple[str, ...],
    Parameter(name="--file", help="SHA-256 of a file kept as evidence; repeatable."),
]
NOW: Final = "now"

B = TypeVar("B", bound=Body)
T = TypeVar("T", bound=Body)
L = TypeVar("L")


def listed(
    reader: ReaderForm, command: str, kind: Kind[B, T, L], enterprise: str | None
) -> tuple[list[L], Mapping[str, str]]:
    """Return things as they stand for who looks, oldest first, and what people are called.

    Raises:
        CommandError: These are not for their role.
    """
    settings, read = settings_of(reader.system), READ_OF[kind.thing]

    async def work() -> tuple[list[L], Mapping[str, str]]:
        async with reading(settings, reader.person, command, read) as view:
            found = await load_seen(view.connection, kind, view.reader, enterprise)
            return found, await names(view.connection)

    return run(work())


async def one(view: View, kind: Kind[B, T, L], identity: str) -> L:
    """Return one thing as it stands.

    Raises:
        CommandError: There is none of this id for who looks.
    """
    found = await find_seen(view.connection, kind, view.reader, identity)
    if found is None:
        message = f"there is no {kind.thing.kind_name} {identity}"
        raise CommandError(message, "see the list")
    return found


async def names(connection: Connection) -> Mapping[str, str]:
    """Return what people are called, by their ids."""
    known = {person.id: person.name for person in await load_kind(connection, Person)}
    return known | {SYSTEM: "系统"}


def texts(numbers: Iterable[int]) -> tuple[str, ...]:
    """Return alarms' numbers as bodies name them."""
    return tuple(map(str, numbers))


def life_row(life: Life[Any, Any, Any]) -> dict[str, Any]:
    """Return a thing as JSON holds it: its body, its state, and its steps."""
    return {
        "id": life.id,
        "state": str(life.state),
        "state_zh": life.machine.states_zh[life.state],
        "entered_at": rfc3339(life.told.at),
        "entered_by": life.told.actor,
        "body": msgspec.to_builtins(life.told.body),
        "steps": [step_row(step) for step in life.steps],
    }


def step_row(step: Said[Any]) -> dict[str, Any]:
    """Return a step as JSON holds it."""
    return {
        "decision": step.number,
        "actor": step.actor,
        "at": rfc3339(step.at),
        "body": msgspec.to_builtins(step.body),
    }


def show(
    rows: Sequence[dict[str, Any]],
    headings: Sequence[str],
    cells: Sequence[Sequence[object]],
    *,
    json: bool,
) -> None:
    """Print things: one JSON object a line, or a table."""
    if not json:
        show_table(headings, cells)
        return
    for row in rows:
        print(as_json(row))
