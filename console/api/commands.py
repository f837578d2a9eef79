"""What was wanted of meters, and what became of it."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.console.api.asked import Filters, Text
from wattwarden.console.api.resource import Asked, Found, Resource, cut
from wattwarden.console.api.rows import Row
from wattwarden.storage.commands.entering import meters_of
from wattwarden.storage.commands.listing import (
    PAGE,
    Entered,
    Happened,
    find_command,
    list_commands,
    record_of,
)
from wattwarden.storage.database import Connection


class CommandFilters(Filters):
    """Which commands."""

    state: Annotated[Text | None, Field(description="Only in this state.")] = None


class CommandRow(Row, frozen=True):
    """What was wanted of a meter, and what became of it."""

    id: int
    meter: str
    channel: str
    state: str
    actor: str
    entered_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    command: dict[str, Any]
    reply: dict[str, Any]


class CommandWhole(Row, frozen=True):
    """A command with its record."""

    command: CommandRow
    record: list[Happened]


async def _commands(asked: Asked[CommandFilters]) -> Found[CommandRow]:
    firms = asked.reader.enterprises
    meters = None if firms is None else await meters_of(asked.connection, firms)
    before = None if asked.after is None else int(asked.after[0])
    found = await list_commands(
        asked.connection,
        state=asked.filters.state,
        meters=meters,
        before=before,
        most=min(asked.limit, PAGE) + 1,
    )
    return cut([_command_row(one) for one in found], lambda row: (row.id,), asked.limit)


async def _command(connection: Connection, reader: Reader, identity: str) -> CommandWhole | None:
    found = await find_command(connection, int(identity))
    if found is None:
        return None
    firms = reader.enterprises
    if firms is not None and found.meter not in await meters_of(connection, firms):
        return None
    return CommandWhole(command=_command_row(found), record=await record_of(connection, found.id))


def _command_row(one: Entered) -> CommandRow:
    plain = {name: getattr(one, name) for name in CommandRow.__struct_fields__ if name != "command"}
    return CommandRow(**plain, command=one.body)


COMMANDS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="commands",
        zh="召测与设置记录，最近的在前",
        en="What was wanted of meters, the newest first",
        row=CommandRow,
        needs=Read.COMMANDS,
        filters=CommandFilters,
        key=(0,),
        load=_commands,
        one="command",
        find=_command,
        whole=CommandWhole,
    ),
)
