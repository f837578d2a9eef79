"""Whom a decision concerns: the enterprise of what its body refers to, or the whole city."""

from collections.abc import Collection, Sequence
from typing import Final

from wattwarden.alarms.decisions.body import Body, Reference
from wattwarden.alarms.decisions.kinds import BODIES, dangling
from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.database import Connection
from wattwarden.storage.text import is_number

# What bodies call a row of the table of alarms that they refer to.
ALARM: Final = "alarm"


async def owner_of(connection: Connection, body: Body, otherwise: str | None) -> str | None:
    """Return the enterprise that a body concerns; None for the whole city.

    Raises:
        RefusedError: It refers to what is not there.
    """
    (owner,) = await owners_of(connection, [(body, otherwise)])
    return owner


async def owners_of(
    connection: Connection, made: Sequence[tuple[Body, str | None]]
) -> list[str | None]:
    """Return whom each of several bodies concerns; one may refer to another before it.

    A body that refers to nothing concerns whom it is given with.

    Raises:
        RefusedError: Some refer to what is not there; every one is named.
    """
    wanted = {reference for body, _otherwise in made for reference in body.references()}
    known = await _enterprises(connection, [one for one in wanted if one.kind in KINDS])
    known |= await _enterprises_of_alarms(connection, [one for one in wanted if one.kind == ALARM])
    known |= await _enterprises_of_bodies(connection, [one for one in wanted if one.kind in BODIES])
    owners: list[str | None] = []
    problems: list[Problem] = []
    for body, otherwise in made:
        references = body.references()
        missing = [one for one in references if (one.kind, one.id) not in known]
        problems += [dangling(body, one) for one in missing]
        first = references[0] if references else None
        owner = otherwise if first is None else known.get((first.kind, first.id))
        owners.append(owner)
        # Another further on in the same batch may refer to it.
        known[body.kind_name, str(getattr(body, "id", ""))] = owner
    if problems:
        raise RefusedError(problems)
    return owners


async def _enterprises(
    connection: Connection, references: Collection[Reference]
) -> dict[tuple[str, str], str | None]:
    rows = await connection.fetch(
        "SELECT kind, id, CASE kind WHEN 'enterprise' THEN id ELSE body ->> 'enterprise' END"
        " AS enterprise FROM (SELECT DISTINCT ON (kind, id) e.* FROM registry_entry AS e"
        " JOIN unnest($1::text[], $2::text[]) AS wanted (kind, id) USING (kind, id)"
        " ORDER BY kind, id, version DESC) AS newest WHERE NOT removed",
        [one.kind for one in references],
        [one.id for one in references],
    )
    return {(row["kind"], row["id"]): row["enterprise"] for row in rows}


async def _enterprises_of_alarms(
    connection: Connection, references: Collection[Reference]
) -> dict[tuple[str, str], str | None]:
    """Alarms are referred to by their numbers."""
    rows = await connection.fetch(
        "SELECT id, enterprise FROM alarm WHERE id = ANY($1) AND NOT withdrawn",
        [int(one.id) for one in references if is_number(one.id)],
    )
    return {(ALARM, str(row["id"])): row["enterprise"] for row in rows}


async def _enterprises_of_bodies(
    connection: Connection, references: Collection[Reference]
) -> dict[tuple[str, str], str | None]:
    rows = await connection.fetch(
        "SELECT DISTINCT ON (kind, id) kind, id, enterprise FROM (SELECT d.id AS number, d.kind,"
        " d.body ->> 'id' AS id, d.enterprise FROM decision AS d"
        " JOIN unnest($1::text[], $2::text[]) AS wanted (kind, id)"
        " ON d.kind = wanted.kind AND d.body ->> 'id' = wanted.id) AS found"
        " ORDER BY kind, id, number DESC",
        [one.kind for one in references],
        [one.id for one in references],
    )
    return {(row["kind"], row["id"]): row["enterprise"] for row in rows}
