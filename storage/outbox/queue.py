"""The courier's side of the outbox.  One courier sends at a time, so that paces hold; others wait.

ready ─► begin ─► (sent) ─► finish        each for many notices at once, committed by itself
orphans: what a courier that ended had in hand;  sweep: what expired, what goes the next way

A notice waits while an earlier one of its alarm to the same recipient by the same way is open, and
one that may be merged also while its reader is being sent another: order is kept.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
import orjson

from wattwarden.alarms.channels.facts import Facts
from wattwarden.alarms.routing.bundle import Item
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.outbox.contacts import NOTHING_SEEN, Seen, note_contacts

# Any number that nobody else takes in the same database: "courier" as bytes.
COURIER_LOCK_KEY: Final = int.from_bytes(b"courier", "big")


# All that a city's units raise at once, for three readers of everything.
MOST_REST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of speaking to a gateway about a notice; wall times."""

    kind: str
    started: datetime
    ended: datetime
    outcome: str
    reason: str
    provider_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A notice after its attempt of a number: its state, and when it is looked at again.

    ``not_before`` is the system's time.
    """

    item: Item
    number: int
    state: str
    attempt: Attempt
    not_before: datetime
    late: bool = False
    ambiguous: int = 0
    seen: Seen = NOTHING_SEEN


async def hold(connection: Connection) -> bool:
    """Become the one who sends, as long as the connection lasts; False while another does."""
    with errors("asking whether another courier sends"):
        held = await connection.fetchval("SELECT pg_try_advisory_lock($1)", COURIER_LOCK_KEY)
        if held:
            await connection.execute(_ALONG_INDEXES)
    return bool(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Ways that may be used now: for every level, and for level 4 alone."""

    endpoints: Collection[str]
    grave: Collection[str]


async def ready(
    connection: Connection, now: datetime, ways: Open, *, single: int, merging: int
) -> list[Item]:
    """Return notices that may be sent now, the gravest first, then the oldest.

    Args:
        connection: The courier's.
        now: The system's time.
        ways: By which.
        single: At most so many of those that go alone.
        merging: So many of those that may be merged, with all that their readers wait for.
    """
    with errors("looking for notices"):
        open_to = (now, list(ways.endpoints), list(ways.grave))
        rows = await connection.fetch(_DUE, *open_to, single, merging)
        found = [item_of(row) for row in rows]
        readers = [(one.endpoint, one.recipient) for one in found if one.merges]
        if len(readers) == merging:
            known = [one.id for one in found]
            columns = [list(column) for column in zip(*set(readers), strict=True)]
            rows = await connection.fetch(_REST, *open_to, MOST_REST, *columns, known)
            found += map(item_of, rows)
    return found


async def members_of(connection: Connection, heads: Sequence[int]) -> dict[int, list[Item]]:
    """Return what went along with notices in an earlier attempt, by the one that took it."""
    found: dict[int, list[Item]] = {}
    if not heads:
        return found
    with errors("looking for merged notices"):
        rows = await connection.fetch(
            f"SELECT {COLUMNS}, o.head FROM outbox AS o WHERE o.head = ANY($1) ORDER BY o.id",  # noqa: S608  ours
            list(heads),
        )
    for row in rows:
        found.setdefault(row["head"], []).append(item_of(row))
    return found


async def begin(
    connection: Connection,
    taken: Sequence[tuple[Item, Sequence[Item]]],
    started: datetime,
) -> set[int]:
    """Take notices, each with those that go along; return those that nobody else has taken."""
    heads = [item.id for item, _ in taken]
    pairs = [(one.id, item.id) for item, members in taken for one in members]
    with errors("taking notices"):
        if not any(item.merges for item, _ in taken):
            rows = await connection.fetch(_BEGIN, heads, started)
            return {row["id"] for row in rows}
        async with connection.transaction():
            rows = await connection.fetch(_BEGIN, heads, started)
            if pairs:
                await connection.execute(
                    "UPDATE outbox AS o SET state = 'merged', head = p.head"
                    " FROM unnest($1::bigint[], $2::bigint[]) AS p (id, head)"
                    " WHERE o.id = p.id AND o.state = 'waiting'",
                    [one for one, _ in pairs],
                    [head for _, head in pairs],
                )
            await connection.execute(_OVERTAKEN, heads)
    return {row["id"] for row in rows}


async def put_off(connection: Connection, items: Sequence[int], until: Sequence[datetime]) -> None:
    """Let notices wait for their turn; the next way is not tried for want of patience with that."""
    with errors("putting notices off"):
        await connection.execute(
            "UPDATE outbox AS o SET not_before = p.until, fallback_at = CASE"
            " WHEN o.fallback_at IS NOT NULL"
            " THEN greatest(o.fallback_at, p.until + o.fallback_wait) END"
            " FROM unnest($1::bigint[], $2::timestamptz[]) AS p (id, until)"
            " WHERE o.id = p.id AND o.state = 'waiting'",
            list(items),
            list(until),
        )


async def finish(connection: Connection, finished: Sequence[Finished], now: datetime) -> None:
    """Keep what came of attempts, also for what went along."""
    if not finished:
        return
    await note_contacts(connection, [(one.item.endpoint, one.seen) for one in finished], now)
    with errors("keeping what came of notices"):
        # Each statement of one is a transaction by itself: most finish alone.
        if not any(one.item.merges for one in finished):
            await connection.execute(_FINISH, *_columns(finished), now)
            return
        async with connection.transaction():
            await connection.execute(_FINISH, *_columns(finished), now)
            await _follow_heads(connection, finished, now)


async def asking(
    connection: Connection, now: datetime, *, endpoints: Collection[str], limit: int
) -> list[Item]:
    """Return notices whose receipts are to be asked for now."""
    with errors("looking for notices without an answer"):
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM outbox AS o WHERE o.state = 'asking' AND o.not_before <= $1"  # noqa: S608  ours
            " AND o.endpoint = ANY($2) ORDER BY o.level DESC, o.id LIMIT $3",
            now,
            list(endpoints),
            limit,
        )
    return [item_of(row) for row in rows]


async def orphans(connection: Connection, mine: Collection[int]) -> list[Item]:
    """Return what is said to be on its way, but is in nobody's hand."""
    with errors("looking for what another courier left"):
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM outbox AS o WHERE o.state = 'sending' AND o.id <> ALL($1)"  # noqa: S608  ours
            " ORDER BY o.id",
            list(mine),
        )
    return [item_of(row) for row in rows]


async def sweep(connection: Connection, now: datetime) -> tuple[int, int]:
    """End what expired, and send what fails or lingers the next way; return how many of each."""
    with errors("sweeping the outbox"):
        expired = await connection.fetch(
            "UPDATE outbox SET state = 'expired', ended = $1, fallback_at = NULL,"
            " outcome = CASE WHEN outcome = '' THEN 'not delivered in time' ELSE outcome END"
            " WHERE state IN ('waiting', 'asking') AND expires <= $1 RETURNING id",
            now,
        )
        if expired:
            await connection.execute(
                "UPDATE outbox SET state = 'expired', ended = $2, fallback_at = NULL"
                " WHERE head = ANY($1) AND state = 'merged'",
                [row["id"] for row in expired],
                now,
            )
        again = await connection.execute(_NEXT_WAY, now)
    return len(expired), int(again.rpartition(" ")[2])


async def sent_lately(
    connection: Connection, endpoint: str, since: datetime
) -> list[tuple[datetime, tuple[str, ...]]]:
    """Return when something was sent by a way since a moment (wall time), and to whom."""
    with errors("reading what was sent of late"):
        rows = await connection.fetch(
            "SELECT started, addressed FROM attempt WHERE endpoint = $1 AND kind = 'send'"
            " AND started >= $2 ORDER BY started",
            endpoint,
            since,
        )
    return [(row["started"], tuple(row["addressed"])) for row in rows]


# What is known of a queue's size is of another hour: of a flood all that waits would be read and
# sorted for every handful that goes.  The indexes are in the order in which notices go.
_ALONG_INDEXES: Final = "".join(
    f"SET enable_{way} = off;" for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
)
COLUMNS: Final = (
    "o.id, o.message, o.alarm, o.enterprise, o.at, o.why, o.level, o.recipient, o.endpoint,"
    " o.addressed, o.language, o.title, o.body, o.fields, o.merges, o.due, o.attempts,"
    " o.ambiguous, o.started, o.late, o.created, o.reason, o.facts"
)
_BEGIN: Final = (
    "UPDATE outbox SET state = 'sending', attempts = attempts + 1, started = $2"
    " WHERE id IN (SELECT id FROM outbox WHERE id = ANY($1) AND state = 'waiting'"
    " FOR UPDATE SKIP LOCKED) RETURNING id"
)
# What is held is overtaken by a later notice of its alarm: told afterwards it would be news of old.
_OVERTAKEN: Final = (
    "UPDATE outbox AS e SET state = 'merged', head = h.id FROM outbox AS h"
    " WHERE h.id = ANY($1) AND h.state = 'sending' AND h.merges AND e.endpoint = h.endpoint"
    " AND e.recipient = h.recipient AND e.alarm = h.alarm AND e.id < h.id"
    " AND e.state = 'waiting' AND e.attempts = 0"
)
_READY: Final = (
    f"SELECT {COLUMNS} FROM outbox AS o WHERE o.state = 'waiting' AND o.due <= $1"  # noqa: S608  ours
    " AND o.not_before <= $1 AND o.expires > $1"
    " AND (o.endpoint = ANY($2) OR o.level = 4 AND o.endpoint = ANY($3))"
    " AND NOT EXISTS (SELECT FROM outbox AS e WHERE e.endpoint = o.endpoint"
    " AND e.recipient = o.recipient AND e.alarm = o.alarm AND e.id < o.id"
    " AND e.state IN ('waiting', 'sending', 'asking', 'merged')"
)
_ORDER: Final = " ORDER BY o.level DESC, o.id LIMIT "
_SINGLE: Final = _READY + ") AND NOT o.merges" + _ORDER + "$4"
# What may be merged goes together with those before it, unless they were on their way once.
_MERGED: Final = (
    _READY + " AND NOT (e.state = 'waiting' AND e.attempts = 0)) AND o.merges"
    " AND NOT EXISTS (SELECT FROM outbox AS e WHERE e.endpoint = o.endpoint"
    " AND e.recipient = o.recipient AND e.state = 'sending')"
)
_MERGING: Final = _MERGED + _ORDER + "$5"
# What else the same readers wait for, so that one of them gets one message of all of it.
_OF_READERS: Final = (
    " AND (o.endpoint, o.recipient) IN (SELECT * FROM unnest($5::text[], $6::text[]))"
    " AND o.id <> ALL($7)"
)
_REST: Final = _MERGED + _OF_READERS + _ORDER + "$4"
_DUE: Final = f"({_SINGLE}) UNION ALL ({_MERGING})"
# The attempts and their notices at once.  Where a notice is gone, so are its attempts.  What was
# said to be delivered and was not goes the next way like anything that fails.
_FINISH: Final = (
    "WITH f AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::boolean[],"
    " $5::smallint[], $6::text[], $7::text[], $8::smallint[], $9::text[], $10::timestamptz[],"
    " $11::timestamptz[], $12::text[]) AS f (id, state, not_before, late, ambiguous, provider_id,"
    " reason, number, kind, started, ended, outcome)), kept AS ("
    "UPDATE outbox AS o SET state = f.state, not_before = f.not_before, late = f.late,"
    " ambiguous = f.ambiguous, provider_id = f.provider_id, outcome = f.reason,"
    " ended = CASE WHEN f.state IN ('delivered', 'dead') THEN $13::timestamptz END,"
    " fallback_at = CASE f.state WHEN 'delivered' THEN NULL WHEN 'dead' THEN"
    " CASE WHEN o.fallback_at IS NULL AND o.state <> 'delivered' THEN NULL"
    " ELSE $13::timestamptz END ELSE o.fallback_at END"
    " FROM f WHERE o.id = f.id RETURNING o.id, o.endpoint, o.addressed)"
    " INSERT INTO attempt (outbox, number, kind, endpoint, addressed, started, ended, outcome,"
    " reason, provider_id) SELECT f.id, f.number, f.kind, kept.endpoint, kept.addressed, f.started,"
    " f.ended, f.outcome, f.reason, f.provider_id FROM f JOIN kept ON kept.id = f.id"
    " ON CONFLICT DO NOTHING"
)
_NEXT_WAY: Final = (
    "WITH failed AS (UPDATE outbox SET fallback_at = NULL WHERE fallback_at <= $1 RETURNING *)"
    " INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, detail, endpoint,"
    " addressed, language, title, body, fields, facts, state, merges, due, expires, fallbacks,"
    " fallback_at, fallback_wait, created) SELECT alarm, enterprise, at, why, level, recipient,"
    " reason, 'after ' || endpoint || CASE WHEN outcome = '' THEN '' ELSE ': ' || outcome END,"
    " fallbacks -> 0 ->> 0, ARRAY[fallbacks -> 0 ->> 1], language, title, body, fields, facts,"
    " 'waiting',"
    " (fallbacks -> 0 ->> 2)::boolean, due, expires, fallbacks - 0,"
    " CASE WHEN jsonb_array_length(fallbacks) > 1 THEN $1 + fallback_wait END, fallback_wait, $1"
    " FROM failed WHERE jsonb_array_length(fallbacks) > 0 ORDER BY id ON CONFLICT DO NOTHING"
)


async def _follow_heads(
    connection: Connection, finished: Sequence[Finished], now: datetime
) -> None:
    """Let what went along end as the notice that took it."""
    ended = [one for one in finished if one.state in ("delivered", "dead") and one.item.merges]
    if ended:
        await connection.execute(
            "UPDATE outbox AS o SET state = h.state, late = h.late, ended = h.ended,"
            " provider_id = h.provider_id, outcome = h.outcome, fallback_at = CASE"
            " WHEN h.state = 'delivered' OR o.fallback_at IS NULL THEN NULL"
            " ELSE $2::timestamptz END"
            " FROM outbox AS h WHERE h.id = ANY($1) AND o.head = h.id AND o.state = 'merged'",
            [one.item.id for one in ended],
            now,
        )


def _columns(finished: Sequence[Finished]) -> Iterator[list[Any]]:
    """Yield what is kept, column by column, in the order of _FINISH."""
    yield [one.item.id for one in finished]
    yield [one.state for one in finished]
    yield [one.not_before for one in finished]
    yield [one.late for one in finished]
    yield [one.ambiguous for one in finished]
    yield [one.attempt.provider_id for one in finished]
    yield [one.attempt.reason for one in finished]
    yield [one.number for one in finished]
    yield [one.attempt.kind for one in finished]
    yield [one.attempt.started for one in finished]
    yield [one.attempt.ended for one in finished]
    yield [one.attempt.outcome for one in finished]


def item_of(row: asyncpg.Record) -> Item:
    """Return the notice of a row of COLUMNS."""
    return Item(
        id=row["id"],
        message=row["message"].hex,
        alarm=row["alarm"],
        enterprise=row["enterprise"],
        at=row["at"],
        why=row["why"],
        level=row["level"],
        recipient=row["recipient"],
        endpoint=row["endpoint"],
        to=tuple(row["addressed"]),
        language=row["language"],
        title=row["title"],
        body=row["body"],
        fields=orjson.loads(row["fields"]),
        merges=row["merges"],
        due=row["due"],
        attempts=row["attempts"],
        ambiguous=row["ambiguous"],
        started=row["started"],
        late=row["late"],
        created=row["created"],
        reason=row["reason"],
        facts=None if row["facts"] is None else msgspec.json.decode(row["facts"], type=Facts),
    )
