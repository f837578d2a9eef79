"""What a system held in the end, and where two differ that must be the same."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
from bench.nodes import must

# What began or ended so shortly before the end may stand open in one of the two.
MARGIN_S: Final = 600

# What readings decide; the others are of ticks, and of gateways that were away.
SAME: Final = tuple(f"R{n}" for n in (*range(1, 8), *range(11, 21), 22))
EPISODES: Final = "SELECT rule, subject, began, ended FROM alarm WHERE NOT withdrawn"
# Each of meters with these addresses, of all where none are given.
ROWS: Final = (
    "SELECT m.address, r.channel, r.period::text, r.at, r.voltage_a, r.current_a, r.power_total,"
    " r.energy_forward FROM reading AS r JOIN meter AS m ON m.id = r.meter"
    " WHERE $1::text[] IS NULL OR m.address = ANY ($1)"
    " UNION ALL SELECT m.address, f.channel, f.period::text, f.at, f.amounts[1], f.amounts[2],"
    " f.amounts[3], cardinality(f.amounts) FROM factor AS f JOIN meter AS m ON m.id = f.meter"
    " WHERE $1::text[] IS NULL OR m.address = ANY ($1)"
)
NEVER: Final = {
    "rows that step_part does not account for": (
        "SELECT abs((SELECT coalesce(sum(rows), 0) FROM step_part)"
        " - (SELECT count(*) FROM reading) - (SELECT count(*) FROM factor))"
    ),
}

REVISED: Final = (
    "SELECT count(*) FROM revision AS r JOIN meter AS m ON m.id = r.meter"
    " WHERE $1::text[] IS NULL OR m.address = ANY ($1)"
)
HELD: Final = (
    "SELECT string_agg(DISTINCT concat_ws(', ', codec, reason, message), '; ') FROM quarantine"
    " WHERE reason <> ALL ($1::text[])"
)

Episode = tuple[str, str, datetime, datetime | None]


@dataclass(slots=True)
class Found:
    """What a system held in the end."""

    rows: Counter[tuple[Any, ...]]
    episodes: set[Episode]


async def found_in(
    dsn: str, planted: Sequence[str] = (), whose: Sequence[str] | None = None
) -> Found:
    """Look into a database, at the rows of meters with these addresses, or of all.

    ``planted`` are reasons for which frames may wait in quarantine.

    Raises:
        ClusterError: It holds what no system may hold.
    """
    connection = await asyncpg.connect(dsn)
    try:
        for what, query in NEVER.items():
            must(await connection.fetchval(query) == 0, what)
        held = await connection.fetchval(HELD, planted)
        must(held is None, f"frames in quarantine: {held}")
        must(await connection.fetchval(REVISED, whose) == 0, "revisions")
        rows = await connection.fetch(ROWS, whose)
        episodes = await connection.fetch(EPISODES)
    finally:
        await connection.close()
    return Found(Counter(map(tuple, rows)), {tuple(row) for row in episodes})


def unlike(cluster: Found, alone: Found) -> tuple[Counter[tuple[Any, ...]], ...]:
    """Return the rows that are missing in the cluster, and those that are too many in it."""
    return alone.rows - cluster.rows, cluster.rows - alone.rows


def differences(
    cluster: Found, alone: Found, last: datetime, margin_s: float = MARGIN_S
) -> Iterator[str]:
    """Say where the two differ that must be the same."""
    lost, doubled = unlike(cluster, alone)
    if lost or doubled:
        example = next(iter(lost or doubled))
        yield f"{lost.total()} rows are missing, {doubled.total()} too many, such as {example}"
    limit = last.timestamp() - margin_s
    here, there = settled(cluster.episodes, limit), settled(alone.episodes, limit)
    for episode in sorted(here ^ there, key=str):
        yield f"{'only in the cluster' if episode in here else 'only alone'}: {_shown(episode)}"


def others(cluster: Found, alone: Found) -> Counter[str]:
    """Count the episodes of the other rules that one has and the other has not, by rule."""
    differing = cluster.episodes ^ alone.episodes
    return Counter(episode[0] for episode in differing if episode[0] not in SAME)


def settled(episodes: Iterable[Episode], limit: float) -> set[Episode]:
    """Return what was decided before a moment (Unix); what ended later counts as open."""
    return {
        (rule, subject, began, ended if ended and ended.timestamp() < limit else None)
        for rule, subject, began, ended in episodes
        if rule in SAME and began.timestamp() < limit
    }


def _shown(episode: Episode) -> str:
    rule, subject, began, ended = episode
    return f"{rule} {subject} {began:%H:%M:%S} to {f'{ended:%H:%M:%S}' if ended else 'now'}"
