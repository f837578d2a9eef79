"""Presets, responses, calendars and their plans as they stand."""

from collections.abc import Collection, Sequence

import msgspec

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.decisions.bodies import Plan, WarningLevel
from wattwarden.alarms.responses.bodies import Calendar, Preset, Response, ResponseStep
from wattwarden.alarms.responses.course import Course, Deed, course_of
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, in_force, told


async def load_presets(
    connection: Connection,
    level: WarningLevel | None = None,
    enterprise: str | None = None,
    *,
    enterprises: Collection[str] | None = None,
) -> list[Preset]:
    """Return the presets in force, of a level, an enterprise or some where they are given.

    Raises:
        StorageError: The database is away.
    """
    bodies = [one.body for one in await in_force(connection, Preset.kind_name, enterprises)]
    return [
        body
        for body in bodies
        if isinstance(body, Preset)
        and body.enabled
        and level in (None, body.level)
        and enterprise in (None, body.enterprise)
    ]


async def load_responses(connection: Connection, identity: str | None = None) -> list[Course]:
    """Return responses as they stand, oldest first; with ``identity`` that one alone.

    Raises:
        StorageError: The database is away.
    """
    where = None if identity is None else {"id": identity}
    about = None if identity is None else {"response": identity}
    issued = await told(connection, [Response.kind_name], where=where)
    deeds: dict[str, list[Deed]] = {}
    for one in await told(connection, [ResponseStep.kind_name], where=about):
        if isinstance(one.body, ResponseStep):
            deed = Deed(one.entered_at, one.actor, one.body)
            deeds.setdefault(one.body.response, []).append(deed)
    return [
        course_of(one.body, one.entered_at, one.actor, deeds.get(one.body.id, ()))
        for one in issued
        if isinstance(one.body, Response)
    ]


async def load_calendars(connection: Connection) -> list[Calendar]:
    """Return the calendars as they stand, withdrawn ones too.

    Raises:
        StorageError: The database is away.
    """
    bodies = [one.body for one in await in_force(connection, Calendar.kind_name)]
    return [body for body in bodies if isinstance(body, Calendar)]


async def calendars_for(connection: Connection, reader: Reader) -> list[Calendar]:
    """Return the calendars, withdrawn ones too, that are for somebody; of exempt firms theirs.

    Raises:
        StorageError: The database is away.
    """
    return [
        msgspec.structs.replace(body, exempt=tuple(filter(reader.sees, body.exempt)))
        for entered in await in_force(connection, Calendar.kind_name)
        if isinstance(body := entered.body, Calendar)
        and (reader.concerns(body.industry) if body.industry else reader.sees(entered.enterprise))
    ]


async def plans_of(
    connection: Connection, origin: str, enterprises: Collection[str] | None = None
) -> list[tuple[Plan, str]]:
    """Return the newest of each plan of a response or calendar, with its enterprise.

    With ``enterprises`` only theirs.

    Raises:
        StorageError: The database is away.
    """
    kinds, where = [Plan.kind_name], {"origin": origin}
    return newest_plans(await told(connection, kinds, enterprises=enterprises, where=where))


def newest_plans(entered: Sequence[Entered]) -> list[tuple[Plan, str]]:
    """Return the newest plan of each id, with its enterprise."""
    plans = {
        one.body.id: (one.body, one.enterprise or "")
        for one in entered
        if isinstance(one.body, Plan)
    }
    return list(plans.values())
