"""Which hours of which meters are asked for again, within bounds.

    gap of a meter with recall = auto ─► hours ─┬ over, and not asked for lately ─► one command
                                                └ asked for in vain three times ─► left alone

An hour is asked for once it is over.  A command that never reached its meter was no try.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.gaps import LONGEST
from wattwarden.storage.profiles import RecallPolicy

# What the meter does not have after three times it has not.
MOST_TRIES: Final = 3
PAUSE: Final = timedelta(hours=1)
# The readings of an hour's end have come by then.
GRACE: Final = timedelta(minutes=10)
# Six hours of minutes are 360 frames: minutes of a slow line, and live readings come in between.
MOST_HOURS: Final = 6
# With the six hours above, a day and a half of history an hour.
COMMANDS_PER_METER_HOUR: Final = 6
# What one round queues, and how many gaps it looks at; the rest has its turn a minute later.
COMMANDS_PER_ROUND: Final = 200
GAPS_PER_ROUND: Final = 5_000
_HOUR: Final = timedelta(hours=1)
# Of a command ``c``: it ended before it was sent to the meter.
_IN_VAIN: Final = "(c.state IN ('expired', 'cancelled') AND c.sent_at IS NULL)"


@dataclass(frozen=True, slots=True)
class Recall:
    """What is to be asked of a meter: from ``since`` on and before ``until``; whole ``hours``."""

    meter: int
    since: datetime
    until: datetime
    hours: tuple[datetime, ...]


class _Asked(NamedTuple):
    """What is known of an hour that was asked for before."""

    tries: int
    asked_at: datetime


async def due_recalls(
    connection: Connection, codecs: Collection[str], now: datetime
) -> list[Recall]:
    """Return what is to be asked for now, newest first; ``codecs`` are those that can be asked.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for what to recall"):
        gaps = await connection.fetch(
            _GAPS,
            sorted(codecs),
            now - LONGEST,
            now - _HOUR - GRACE,
            now - PAUSE,
            GAPS_PER_ROUND,
        )
        asked = await connection.fetch(
            _ASKED, sorted({row["meter"] for row in gaps}), now - LONGEST - _HOUR
        )
    busy = {row["meter"] for row in asked if row["is_open"]}
    lately = Counter(
        meter
        for meter, _ in {
            (row["meter"], row["command"]) for row in asked if row["asked_at"] > now - _HOUR
        }
    )
    known = _known(asked)
    found: list[Recall] = []
    for meter in dict.fromkeys(row["meter"] for row in gaps):
        if meter in busy or lately[meter] >= COMMANDS_PER_METER_HOUR:
            continue
        mine = [(row["since"], row["until"]) for row in gaps if row["meter"] == meter]
        recall = next_recall(meter, mine, known.get(meter, {}), now)
        if recall is not None:
            found.append(recall)
        if len(found) == COMMANDS_PER_ROUND:
            break
    return found


def next_recall(
    meter: int,
    gaps: Iterable[tuple[datetime, datetime]],
    asked: Mapping[datetime, tuple[int, datetime]],
    now: datetime,
) -> Recall | None:
    """Return the newest stretch of a meter's gaps that is due, up to MOST_HOURS together."""
    hours: dict[datetime, tuple[datetime, datetime]] = {}
    for since, until in gaps:
        hour = max(_floor(since), _floor(now - LONGEST))
        while hour < until:
            first, last = max(since, hour), min(until, hour + _HOUR)
            known = hours.get(hour, (first, last))
            hours[hour] = (min(known[0], first), max(known[1], last))
            hour += _HOUR
    due = sorted(hour for hour in hours if _is_due(asked.get(hour), hour, now))
    if not due:
        return None
    begin = len(due) - 1
    while begin and due[begin] - due[begin - 1] == _HOUR and len(due) - begin < MOST_HOURS:
        begin -= 1
    chosen = tuple(due[begin:])
    return Recall(meter, hours[chosen[0]][0], hours[chosen[-1]][1], chosen)


async def note_recall(connection: Connection, recall: Recall, command: int, now: datetime) -> None:
    """Note that hours were asked for by a command.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting a recall"):
        await connection.execute(
            "INSERT INTO recall (meter, hour, tries, asked_at, command)"  # noqa: S608  words of ours
            " SELECT $1, h, 1, $3, $4 FROM unnest($2::timestamptz[]) AS w (h)"
            " ON CONFLICT (meter, hour) DO UPDATE SET asked_at = excluded.asked_at,"
            " command = excluded.command, tries = recall.tries + CASE WHEN EXISTS (SELECT FROM"
            f" command AS c WHERE c.id = recall.command AND {_IN_VAIN}) THEN 0 ELSE 1 END",
            recall.meter,
            list(recall.hours),
            now,
            command,
        )


async def forget_recalls(connection: Connection, before: datetime) -> None:
    """Drop what was asked for of hours that nobody asks for any more.

    Raises:
        StorageError: The database is away.
    """
    with errors("forgetting recalls"):
        await connection.execute("DELETE FROM recall WHERE hour < $1", before)


def _known(asked: Iterable[asyncpg.Record]) -> dict[int, dict[datetime, _Asked]]:
    """Return what is known of hours by meter; what never reached the meter was no try."""
    known: dict[int, dict[datetime, _Asked]] = {}
    for row in asked:
        tries = row["tries"] - bool(row["in_vain"])
        known.setdefault(row["meter"], {})[row["hour"]] = _Asked(tries, row["asked_at"])
    return known


def _is_due(asked: tuple[int, datetime] | None, hour: datetime, now: datetime) -> bool:
    if hour + _HOUR + GRACE > now:
        return False
    return asked is None or (asked[0] < MOST_TRIES and asked[1] + PAUSE <= now)


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


_ASKED: Final = f"""
SELECT r.*, c.state IN ('queued', 'sent') AS is_open, {_IN_VAIN} AS in_vain
FROM recall AS r LEFT JOIN command AS c ON c.id = r.command
WHERE r.meter = ANY($1) AND r.hour >= $2
"""  # noqa: S608  words of ours
# Gaps of which an hour is due ($2 the oldest, $3 the last that is over): what is tried out or was
# asked for lately, after $4, must not stand before others that wait for their first turn.
_GAPS: Final = f"""
SELECT g.meter, g.since, g.until FROM gap AS g JOIN meter AS m ON m.id = g.meter
CROSS JOIN LATERAL (
    SELECT body FROM meter_profile AS p WHERE p.meter = g.meter ORDER BY version DESC LIMIT 1
) AS p
CROSS JOIN LATERAL (
    SELECT date_trunc('hour', greatest(g.since, $2), 'UTC') AS first,
        least(date_trunc('hour', g.until - interval '1 microsecond', 'UTC'),
            date_trunc('hour', $3::timestamptz, 'UTC')) AS last
) AS h
WHERE m.codec = ANY($1) AND p.body ->> 'recall' = '{RecallPolicy.AUTO}'
AND g.until > $2 AND h.first <= h.last AND (
    SELECT count(*) FROM recall AS r LEFT JOIN command AS c ON c.id = r.command
    WHERE r.meter = g.meter AND r.hour >= h.first AND r.hour <= h.last AND (r.asked_at > $4
        OR r.tries - coalesce({_IN_VAIN}, FALSE)::integer >= {MOST_TRIES})
) <= extract(epoch FROM h.last - h.first) / 3600 ORDER BY g.until DESC LIMIT $5
"""  # noqa: S608  words and numbers of ours
