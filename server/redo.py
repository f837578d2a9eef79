"""Days folded again: rows as they are stored now, what that changes, and how far it goes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
import structlog

from wattwarden.alarms.episodes.corrections import changes
from wattwarden.alarms.episodes.findings import Transition
from wattwarden.alarms.folding import late
from wattwarden.alarms.folding.again import Again, Redone
from wattwarden.alarms.folding.foldtime import local_day
from wattwarden.alarms.folding.late import LONGEST_WAIT_S, SETTLE_S, LateDay, Span
from wattwarden.alarms.folding.stamped import Rows
from wattwarden.server.memory import Memory, WardenCounters, rows_of
from wattwarden.storage.archive.across import DayUnreadableError, across
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.warden import findings as found
from wattwarden.storage.warden import kept
from wattwarden.storage.warden.steps import Wanted, read_span

# Rows ahead of their receipt by less than this are found where they count.
AHEAD_SLACK_MS = 600_000
US_PER_MS = 1_000

_log = structlog.get_logger(__name__)


async def fold_again(
    connection: Connection, memory: Memory, step: int, second: int, counters: WardenCounters
) -> set[str]:
    """Fold the days again that are due at a step; return the enterprises of which these were.

    A day that needs a file which cannot be read waits on, and keeps no other.
    """
    finished: set[LateDay] = set()
    asked: set[LateDay] = set()
    waits: set[LateDay] = set()
    by_day: dict[date, list[str]] = {}
    for one in late.due_at(memory.waiting, second):
        by_day.setdefault(one.day, []).append(one.enterprise)
    for day, names in sorted(by_day.items()):
        # An older day of the same enterprise may have gone through this one.
        left = [name for name in names if LateDay(day, name) not in finished]
        asked |= {LateDay(day, name) for name in left}
        finished |= asked
        packs = await kept.load_days(connection, [(name, day) for name in left])
        for group in memory.city.groups:
            ours = {firm.name for firm in group.firms}
            mine = {name: pack for (name, _), pack in packs.items() if name in ours}
            if mine:
                again = Again(memory.city, group, day, mine)
                if await _redone(connection, memory, again, step, counters):
                    finished |= set(_passed(memory, day, again))
                else:
                    waits |= {LateDay(day, name) for name in mine}
    finished -= waits
    counters.days_again += len(asked - waits)
    counters.days_put_off += len(waits)
    for one in waits:
        # As long as a day waits for its rows at most, by its ticks as they are.
        last = second + LONGEST_WAIT_S - SETTLE_S
        memory.waiting[one] = Span(second, last, memory.waiting[one].rows)
    for one in finished:
        memory.waiting.pop(one, None)
    await kept.drop_late_days(connection, finished)
    return {one.enterprise for one in finished}


async def _redone(
    connection: Connection, memory: Memory, again: Again, step: int, counters: WardenCounters
) -> bool:
    """Fold days again and store what that changes; False, and nothing is, where one is unreadable.

    Raises:
        DayUnreadableError: What is in memory is ahead of that: the pass has to begin anew.
    """
    try:
        async with connection.transaction():
            await _run(connection, memory, again, step)
            await _correct(connection, again, step, counters)
    except DayUnreadableError as error:
        if any(done.reached_now for done in again.done.values()):
            raise
        _log.warning("a day cannot be folded again yet", reason=error.message)
        return False
    return True


async def _run(connection: Connection, memory: Memory, again: Again, step: int) -> None:
    """Fold day after day, until every enterprise is where it was or at now."""
    while again.firms:
        rows = await read_day(connection, again, memory.ids, memory.factors, step)
        next_day = again.next_day
        states = await kept.load_days(connection, [(firm.name, next_day) for firm in again.firms])
        again.fold_day(rows, {name: body for (name, _), body in states.items()})
    await kept.save_days(connection, again.days)


async def read_day(
    connection: Connection,
    again: Again,
    ids: Mapping[str, int],
    factors: Sequence[tuple[int, str, str]],
    step: int,
) -> Rows:
    """Read the rows of the day that is folded, up to a step: of each meter, where its clock is.

    ``ids`` are meters' numbers by name, ``factors`` the points that are a factor.

    Raises:
        StorageError: The database is away.
    """
    by_skew: dict[int, set[int]] = {}
    for firm in again.firms:
        for meter, skew in zip(firm.meters, firm.watch.skew, strict=True):
            if meter in ids:
                by_skew.setdefault(skew, set()).add(ids[meter])
    since, until = again.span()
    parts = []
    for skew, meters in sorted(by_skew.items()):
        mine = [point for point in factors if point[0] in meters]
        first = (since + skew) * US_PER_MS
        last = (until + skew + AHEAD_SLACK_MS) * US_PER_MS
        wanted = Wanted(np.array(sorted(meters), np.int32), mine)
        async with across(connection, meters, moment_of(first), moment_of(last)):
            rows = await read_span(connection, first, last, step, wanted)
        parts.append(rows_of(rows, mine))
    return Rows.joined(parts)


async def _correct(
    connection: Connection, again: Again, step: int, counters: WardenCounters
) -> None:
    """Store what is otherwise than it was found first."""
    first = min((done.since for done in again.done.values()), default=0)
    stored = await found.load_episodes(connection, sorted(again.done), first)
    for name, done in sorted(again.done.items()):
        until = None if done.reached_now else done.until
        corrected = changes(stored[name], done.findings, done.since, until)
        await found.save_changes(connection, corrected, step)
        transitions = [one for one in done.findings if isinstance(one, Transition)]
        span = (done.since, done.until)
        await found.replace_transitions(connection, name, span, transitions)
        counters.corrections += len(corrected)


def _passed(memory: Memory, day: date, again: Again) -> Iterable[LateDay]:
    """Days that waited, through which the fold went."""
    zones = {firm.name: firm.pace.zone for firm in memory.city.firms}
    for one in memory.waiting:
        done: Redone | None = again.done.get(one.enterprise)
        if done is not None and day <= one.day <= local_day(done.until - 1, zones[one.enterprise]):
            yield one
