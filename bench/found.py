"""What a system held in the end, and where two differ that must be the same."""

from collections import Counter
from collections.abc import Iterable, Iterator
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
ROWS: Final = (
    "SELECT m.address, r.channel, r.period::text, r.at, r.voltage_a, r.current_a, r.power_total,"
    " r.energy_forward FROM reading AS r JOIN meter AS m ON m.id = r.meter"
)
NEVER: Final = {
    "revisions": "SELECT count(*) FROM revision",
    "frames in quarantine": "SELECT count(*) FROM quarantine",
    "rows that step_part does not account for": (
        "SELECT abs((SELECT coalesce(sum(rows), 0) FROM step_part)"
        " - (SELECT count(*) FROM reading) - (SELECT count(*) FROM factor))"
    ),
}

Episode = tuple[str, str, datetime, datetime | None]


@dataclass(slots=True)
class Found:
    """What a system held in the end."""

    rows: Counter[tuple[Any, ...]]
    episodes: set[Episode]


async def found_in(dsn: str) -> Found:
    """Look into a database.

    Raises:
        ClusterError: It holds what no system may hold.
    """
    connection = await asyncpg.connect(dsn)
    try:
        for what, query in NEVER.items():
            must(await connection.fetchval(query) == 0, what)
        rows = await connection.fetch(ROWS)
        episodes = await connection.fetch(EPISODES)
    finally:
        await connection.close()
    return Found(Counter(map(tuple, rows)), {tuple(row) for row in episodes})


def differences(cluster: Found, alone: Found, last: datetime) -> Iterator[str]:
    """Say where the two differ that must be the same."""
    lost, doubled = alone.rows - cluster.rows, cluster.rows - alone.rows
    if lost or doubled:
        example = next(iter(lost or doubled))
        yield f"{lost.total()} rows are missing, {doubled.total()} too many, such as {example}"
    here, there = _settled(cluster.episodes, last), _settled(alone.episodes, last)
    for episode in sorted(here ^ there, key=str):
        yield f"{'only in the cluster' if episode in here else 'only alone'}: {_shown(episode)}"


def others(cluster: Found, alone: Found) -> Counter[str]:
    """Count the episodes of the other rules that one has and the other has not, by rule."""
    differing = cluster.episodes ^ alone.episodes
    return Counter(episode[0] for episode in differing if episode[0] not in SAME)


def _settled(episodes: Iterable[Episode], last: datetime) -> set[Episode]:
    """Episodes that were decided before the end; one that ended about then counts as open."""
    limit = last.timestamp() - MARGIN_S
    return {
        (rule, subject, began, ended if ended and ended.timestamp() < limit else None)
        for rule, subject, began, ended in episodes
        if rule in SAME and began.timestamp() < limit
    }


def _shown(episode: Episode) -> str:
    rule, subject, began, ended = episode
    return f"{rule} {subject} {began:%H:%M:%S} to {f'{ended:%H:%M:%S}' if ended else 'now'}"
