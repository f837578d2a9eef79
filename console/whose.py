"""Whose the things are that addresses name: looked up once, before a handler runs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from wattwarden.alarms.registry.nouns import Enterprise, Line, Unit
from wattwarden.storage.backtests import find_backtest
from wattwarden.storage.commands.entering import enterprises_of
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.text import is_number

# Meters' numbers are integers of four bytes.
MAX_METER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Owned:
    """A thing that is there; ``enterprise`` None: the city's."""

    enterprise: str | None


Owner: TypeAlias = Callable[[Connection, str], Awaitable[Owned | None]]
"""Tells whose the thing of an id is; None where there is none."""


async def _enterprise(connection: Connection, identity: str) -> Owned | None:
    found = await load_record(connection, Enterprise, identity)
    return None if found is None else Owned(found.id)


async def _line(connection: Connection, identity: str) -> Owned | None:
    found = await load_record(connection, Line, identity)
    return None if found is None else Owned(found.enterprise)


async def _unit(connection: Connection, identity: str) -> Owned | None:
    found = await load_record(connection, Unit, identity)
    return None if found is None else Owned(found.enterprise)


async def _alarm(connection: Connection, identity: str) -> Owned | None:
    if not is_number(identity):
        return None
    with errors("reading whose an alarm is"):
        row = await connection.fetchrow("SELECT enterprise FROM alarm WHERE id = $1", int(identity))
    return None if row is None else Owned(row["enterprise"] or None)


def _decided(*kinds: str) -> Owner:
    """Return what tells whose the things of decisions of some kinds are, by the bodies' ids."""

    async def owner(connection: Connection, identity: str) -> Owned | None:
        found = await told(connection, kinds, where={"id": identity})
        return Owned(found[0].enterprise) if found else None

    return owner


async def _command(connection: Connection, identity: str) -> Owned | None:
    if not is_number(identity):
        return None
    with errors("reading whose a command is"):
        meter = await connection.fetchval("SELECT meter FROM command WHERE id = $1", int(identity))
    return None if meter is None else await _meter(connection, str(meter))


async def _notice(connection: Connection, identity: str) -> Owned | None:
    if not is_number(identity):
        return None
    with errors("reading whose a notice is"):
        row = await connection.fetchrow(
            "SELECT enterprise FROM outbox WHERE id = $1", int(identity)
        )
    return None if row is None else Owned(row["enterprise"] or None)


async def _meter(connection: Connection, identity: str) -> Owned | None:
    if not is_number(identity) or int(identity) > MAX_METER:
        return None
    with errors("reading whose a meter is"):
        name = await connection.fetchval(
            "SELECT codec || ':' || address FROM meter WHERE id = $1", int(identity)
        )
    if name is None:
        return None
    firms = await enterprises_of(connection, name)
    # One that several firms share, or none has, is the city's.
    return Owned(firms[0] if len(firms) == 1 else None)


async def _backtest(connection: Connection, identity: str) -> Owned | None:
    found = await find_backtest(connection, int(identity)) if is_number(identity) else None
    return None if found is None else Owned(found.enterprise)


OWNERS: Final[Mapping[str, Owner]] = {
    "enterprise": _enterprise,
    "line": _line,
    "unit": _unit,
    "alarm": _alarm,
    "meter": _meter,
    "command": _command,
    "backtest": _backtest,
    "notice": _notice,
    **{
        kind: _decided(kind)
        for kind in (
            "assistance",
            "calendar",
            "clue",
            "declaration",
            "finding",
            "focus",
            "inspection",
            "plan",
            "station",
            "task",
        )
    },
}
# Parameters that name nothing of a firm: files of ours, one's own sessions, what administrators
# alone see; what the city tells all firms or an industry, of which handlers know for whom it is.
NOBODYS: Final = frozenset(
    {
        "file",
        "session",
        "token",
        "person",
        "invitation",
        "held",
        "kind",
        "record",
        "response",
        "document",
        "reminder",
    }
)
