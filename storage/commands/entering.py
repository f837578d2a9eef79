"""The way by which people ask meters: may they, and can the meter be asked that?

person ─► right and scope, of every enterprise with a point on the meter ─► enter
Command ─► codec ─► CannotAskError before anything is queued
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.alarms.acting.rights import COMMAND_RIGHT, refusal
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.codecs import load_codecs
from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import DEFAULT_PROFILE, Profile
from wattwarden.protocol.command import CannotAskError, Command, Peer, check, only_reports
from wattwarden.storage.commands.queue import enter
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.meters import Meter
from wattwarden.storage.moments import us_of
from wattwarden.storage.profiles import ProfileBody, read_profile
from wattwarden.storage.registry.records import load_kind, load_record

# No meter keeps more of the past, and no clock of a meter is further ahead.
OLDEST: Final = timedelta(days=3_653)
NEWEST: Final = timedelta(days=1)
# Which enterprises have points on which meters, by the registry as it is entered now.
_POINTS: Final = (
    "WITH newest AS (SELECT DISTINCT ON (kind, id) kind, id, body FROM registry_entry"
    " WHERE kind IN ('point', 'unit', 'outlet') ORDER BY kind, id, version DESC),"
    " points AS (SELECT p.body ->> 'meter' AS meter, o.body ->> 'enterprise' AS enterprise"
    " FROM newest AS p JOIN newest AS o ON o.kind <> 'point'"
    " AND o.id = coalesce(p.body ->> 'unit', p.body ->> 'outlet') WHERE p.kind = 'point')"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a meter, of which channel, how long it may wait."""

    meter: Meter
    command: Command
    expires_at: datetime
    channel: str = ""


async def check_wish(connection: Connection, wish: Wish, secrets: Path, now: datetime) -> None:
    """Refuse what the meter's codec cannot ask, before it waits for the meter.

    Raises:
        CannotAskError: why, and what to do instead.
        StorageError: The database is away.
    """
    check(wish.command)
    _check_span(wish.command, now)
    codec = load_codecs().get(wish.meter.codec)
    if codec is None or codec.ask is None:
        raise only_reports(wish.meter.codec)
    identity, body = await _session_of(connection, wish.meter)
    profile = DEFAULT_PROFILE if body is None else _profile_of(body, wish.meter.version, secrets)
    now_us = us_of(now)
    codec.ask(wish.command, Peer(wish.meter.address, identity, profile, now_us, 0, wish.channel))


async def enter_as(connection: Connection, wish: Wish, person: str, now: datetime) -> int:
    """Queue a command of a person who may; return its id.

    Raises:
        RefusedError: They may not, told in both languages.
        CannotAskError: Too many commands wait for the meter.
        StorageError: The database is away.
    """
    await permit(connection, wish.meter.name, wish.command, person)
    return await enter(
        connection,
        wish.meter.id,
        wish.command,
        actor=person,
        now=now,
        expires_at=wish.expires_at,
        channel=wish.channel,
    )


async def permit(connection: Connection, meter: str, command: Command, person: str) -> Person:
    """Return the person, if they may do that to whoever has a point on the meter.

    Raises:
        RefusedError: They may not, or there is no such person.
        StorageError: The database is away.
    """
    found = await load_record(connection, Person, person)
    if found is None:
        zh, en = f"档案中没有人员 {person}", f"there is no person {person}"
        raise RefusedError([Problem("person", person, "", zh, en)])
    agencies = {one.id: one for one in await load_kind(connection, Agency)}
    firms = [
        await load_record(connection, Enterprise, identity)
        for identity in await enterprises_of(connection, meter)
    ]
    # A meter of nobody's is the city's.
    for firm in firms or [None]:
        against = refusal(found, COMMAND_RIGHT[command.verb], firm, agencies)
        if against is not None:
            raise RefusedError([Problem("command", "", "", against.zh, against.en)])
    return found


async def enterprises_of(connection: Connection, meter: str) -> list[str]:
    """Return the enterprises that have points on a meter (``codec:address``), by id.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking whose a meter is"):
        rows = await connection.fetch(
            f"{_POINTS} SELECT DISTINCT enterprise FROM points WHERE meter = $1 ORDER BY 1",  # noqa: S608  # a query of ours
            meter,
        )
    return [row["enterprise"] for row in rows]


async def meters_of(connection: Connection, enterprises: frozenset[str]) -> set[str]:
    """Return the meters (``codec:address``) on which enterprises have points.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for the meters of enterprises"):
        rows = await connection.fetch(
            f"{_POINTS} SELECT DISTINCT meter FROM points WHERE enterprise = ANY($1)",  # noqa: S608  # a query of ours
            sorted(enterprises),
        )
    return {row["meter"] for row in rows}


def _check_span(command: Command, now: datetime) -> None:
    first, last = us_of(now - OLDEST), us_of(now + NEWEST)
    since = first if command.since is None else command.since
    until = last if command.until is None else command.until
    if not first <= since <= until <= last:
        message = Both(
            "补召时段不在近十年内", "the stretch of time is not within the last ten years"
        )
        cure = Both("请写近期的起止时刻", "name since and until as moments of the recent past")
        raise CannotAskError(message, cure)


async def _session_of(connection: Connection, meter: Meter) -> tuple[str, ProfileBody | None]:
    """Return by whose connection a meter is reached, and that one's configuration."""
    with errors("looking how a meter is reached"):
        row = await connection.fetchrow(
            "SELECT m.address, p.body FROM meter AS m JOIN LATERAL (SELECT body FROM meter_profile"
            " WHERE meter = m.id ORDER BY version DESC LIMIT 1) AS p ON true"
            " WHERE m.codec = $1 AND p.body @> $2 ORDER BY m.address LIMIT 1",
            meter.codec,
            msgspec.json.encode({"options": {"meters": [{"address": meter.address}]}}).decode(),
        )
    if row is None:
        return meter.address, meter.profile
    return row["address"], msgspec.json.decode(row["body"], type=ProfileBody)


def _profile_of(body: ProfileBody, version: int, secrets: Path) -> Profile:
    profile, _ = read_profile(msgspec.json.encode(body).decode(), version, secrets)
    return profile
