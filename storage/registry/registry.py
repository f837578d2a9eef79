"""The registry in the database: every version of every record, by the decision that made it."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.decisions.chain import canonical
from wattwarden.alarms.decisions.kinds import AnyBody, decode_body
from wattwarden.alarms.registry.changes import Change, changed, summary
from wattwarden.alarms.registry.check import check
from wattwarden.alarms.registry.nouns import KINDS, Noun, Point
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.registry.thresholds import Named, Thresholds, undecided, wanted_of
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.decisions import Decision, Entered
from wattwarden.storage.registry.entering import enter, enter_all
from wattwarden.storage.registry.holding import hold_slices


async def load_registry(connection: Connection, step: int | None = None) -> Registry:
    """Return all records in force: at a step, so as a fold of it sees them, or now entered.

    Raises:
        StorageError: The database is away, or a record was written by a newer program.
    """
    with errors("reading the registry"):
        rows = await connection.fetch(
            "SELECT kind, body FROM (SELECT DISTINCT ON (e.kind, e.id) e.* FROM registry_entry AS e"
            " JOIN decision AS d ON d.id = e.decision WHERE $1::integer IS NULL OR d.step <= $1"
            " ORDER BY e.kind, e.id, e.version DESC) AS newest WHERE NOT removed"
            ' ORDER BY id COLLATE "C"',
            step,
        )
    registry = Registry()
    for row in rows:
        try:
            registry.put(row["kind"], decode_record(row["kind"], row["body"]))
        except ValueError as error:
            message = f"a record of the registry cannot be read by this program: {error}"
            raise StorageError(message, retryable=False) from error
    return registry


async def save_registry(
    connection: Connection,
    changes: Sequence[Change],
    actor: str,
    *,
    now: datetime,
    enterprise: str | None = None,
    decided: Thresholds | None = None,
) -> Entered | None:
    """Keep changes of the registry as one decision; None when there are none.

    Args:
        connection: May be in a transaction, whose end then decides.
        changes: Records as they shall be; a record that is so already makes a version all the same.
        actor: Who decides.
        now: When.
        enterprise: The only one that the changes concern, where that is known; else the whole city
            is held.
        decided: Numbers of single records upon which two people decided; others stay as they are.

    Raises:
        RefusedError: The registry would not hold together, or somebody alone changes what is judged
            by; every problem is named.
        StorageError: The database is away.
    """
    if not changes:
        return None
    with errors("saving the registry"):
        async with connection.transaction():
            # Held first: what is checked below must still be so when it is written.
            await hold_slices(connection, None)
            problems = [
                *_reserved(changes),
                *check(changed(await load_registry(connection), changes)),
                *undecided(changes, await _known(connection, changes), decided),
            ]
            if problems:
                raise RefusedError(problems)
            decision = Decision(summary(changes), actor, now, enterprise=enterprise)
            entered = await enter(connection, decision)
            await _add_versions(connection, changes, entered.id)
    return entered


async def save_all(
    connection: Connection,
    changes: Sequence[Change],
    bodies: Sequence[AnyBody],
    actor: str,
    *,
    now: datetime,
) -> list[Entered]:
    """Keep changes of the registry and then decisions that may refer to them, all or nothing.

    Raises:
        RefusedError: The registry would not hold together, or a decision refers to nothing in it.
        StorageError: The database is away.
    """
    with errors("saving the registry"):
        async with connection.transaction():
            saved = await save_registry(connection, changes, actor, now=now)
            entered = await enter_all(connection, [Decision(body, actor, now) for body in bodies])
    return entered if saved is None else [saved, *entered]


async def history(
    connection: Connection, kind: str, identity: str
) -> list[tuple[Noun | None, int]]:
    """Return every version of a record, oldest first, with its decision; None where removed."""
    with errors(f"reading the history of {kind} {identity}"):
        rows = await connection.fetch(
            "SELECT body, decision FROM registry_entry WHERE kind = $1 AND id = $2"
            " ORDER BY version",
            kind,
            identity,
        )
    return [
        (None if row["body"] is None else decode_record(kind, row["body"]), row["decision"])
        for row in rows
    ]


async def history_held(
    connection: Connection, kind: str, identity: str
) -> list[tuple[Noun | None, int]]:
    """Return the versions of a record, as ``history``, that stays so until the transaction ends.

    Raises:
        StorageError: The database is away.
    """
    with errors("holding the registry"):
        await hold_slices(connection, None)
    return await history(connection, kind, identity)


async def points_moved(connection: Connection, decision: int) -> list[tuple[Point, datetime]]:
    """Return points that a decision changed, and from when on the readings there count otherwise.

    A point that is now known from an earlier moment on, or that measures otherwise, counts from its
    beginning; one that only ended, from its end.
    """
    with errors(f"reading the points of decision {decision}"):
        rows = await connection.fetch(
            "SELECT e.body, p.body AS before FROM registry_entry AS e LEFT JOIN registry_entry AS p"
            " ON p.kind = e.kind AND p.id = e.id AND p.version = e.version - 1"
            " WHERE e.decision = $1 AND e.kind = 'point' ORDER BY e.id",
            decision,
        )
    moved = []
    for row in rows:
        versions = [
            msgspec.json.decode(body, type=Point) for body in row.values() if body is not None
        ]
        since = _otherwise_since(versions)
        if since is not None:
            moved.append((versions[0], since))
    return moved


def _otherwise_since(versions: Sequence[Point]) -> datetime | None:
    """Return from when on a point's versions differ in what they make of readings."""
    bare = {msgspec.structs.replace(one, valid_to=None, video="") for one in versions}
    if len(versions) == 1 or len(bare) > 1:
        return min(one.valid_from for one in versions)
    ends = [one.valid_to for one in versions if one.valid_to is not None]
    return min(ends) if len({one.valid_to for one in versions}) > 1 else None


async def first_altered(connection: Connection) -> int | None:
    """Return the first decision whose records in the registry are not those that it sealed."""
    with errors("verifying the registry"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            made = await connection.fetch(
                "SELECT id, body FROM decision WHERE kind = 'registry' ORDER BY id"
            )
            for row in made:
                entries = await connection.fetch(
                    "SELECT kind, id, body FROM registry_entry WHERE decision = $1", row["id"]
                )
                changes = [_change(entry) for entry in entries]
                if summary(changes) != decode_body("registry", row["body"]):
                    return int(row["id"])
    return None


def decode_record(kind: str, text: str) -> Noun:
    """Read a record from JSON; ValueError when it is none of its kind."""
    if kind not in KINDS:
        message = f"a record is one of {', '.join(KINDS)}, got {kind!r}"
        raise ValueError(message)
    return msgspec.json.decode(text, type=KINDS[kind])


def _change(row: asyncpg.Record) -> Change:
    record = None if row["body"] is None else decode_record(row["kind"], row["body"])
    return Change(row["kind"], row["id"], record)


async def _known(connection: Connection, changes: Sequence[Change]) -> Named:
    """Return the records that changes of numbers are held against, also those that are removed."""
    wanted = wanted_of(changes)
    rows = await connection.fetch(
        "SELECT DISTINCT ON (e.kind, e.id) e.kind, e.id, e.body FROM registry_entry AS e"
        " JOIN unnest($1::text[], $2::text[]) AS wanted (kind, id) USING (kind, id)"
        " WHERE e.body IS NOT NULL ORDER BY e.kind, e.id, e.version DESC",
        [kind for kind, _ in wanted],
        [name for _, name in wanted],
    )
    return {(row["kind"], row["id"]): decode_record(row["kind"], row["body"]) for row in rows}


async def _add_versions(connection: Connection, changes: Sequence[Change], decision: int) -> None:
    await connection.execute(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
        " SELECT kind, id, 1 + coalesce((SELECT max(version) FROM registry_entry AS e"
        " WHERE e.kind = new.kind AND e.id = new.id), 0), body::jsonb, body IS NULL, $4"
        " FROM unnest($1::text[], $2::text[], $3::text[]) AS new (kind, id, body)",
        [change.kind for change in changes],
        [change.id for change in changes],
        [
            None if change.record is None else canonical(change.record).decode()
            for change in changes
        ],
        decision,
    )


def _reserved(changes: Sequence[Change]) -> list[Problem]:
    """Return what takes the system's own name, by which rights are not asked for."""
    zh, en = f"{SYSTEM} 是系统自身的名字", f"{SYSTEM} is the system itself"
    return [
        Problem("person", SYSTEM, "id", zh, en)
        for one in changes
        if one.kind == "person" and one.id == SYSTEM and one.record is not None
    ]
