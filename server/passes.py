"""One pass of a warden: steps of some slices folded in one transaction, up to an hour at once.

    lock slices ─► decisions ─► ticks, rows ─► stamp: which are late, when are days due?
      ─► cut there ─► fold ─► days again ─► findings, states, position

Whatever ends a pass before its commit leaves nothing; the memory is then built anew from what is
kept.  Cutting passes where days are due makes their results the same, however long they are.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from wattwarden.alarms.decisions.bodies import Declaration, Patrol, Plan, RegistryChange
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.episodes.findings import Finding, Raised
from wattwarden.alarms.folding import foldtime, late, rowset
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.foldtime import NONE, SECOND_MS
from wattwarden.alarms.folding.late import LateDay
from wattwarden.alarms.folding.stamped import Folded, Rows, Stamped
from wattwarden.alarms.silence.arrivals import LOOK_S, Look, listen_to_ourselves, looks
from wattwarden.alarms.silence.silence import PLATFORM
from wattwarden.server.following import follow
from wattwarden.server.memory import Memory, SliceLostError, WardenCounters, rows_of
from wattwarden.server.redo import fold_again
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Entered, decisions
from wattwarden.storage.registry.registry import points_moved
from wattwarden.storage.warden import findings as found
from wattwarden.storage.warden import kept
from wattwarden.storage.warden.copyout import Columns
from wattwarden.storage.warden.followed import Followed
from wattwarden.storage.warden.regime import regime_at
from wattwarden.storage.warden.signs import read_sky
from wattwarden.storage.warden.slices import Held, lock_slices, move_slices
from wattwarden.storage.warden.steps import Stretch, Wanted, meter_ids, read_steps, read_ticks

# What would be folded again after a crash: a minute, or some passes while much is caught up.  The
# states of a city are some MB, and take as long to pack as an hour's rows to fold.
KEEP_INTERVAL_STEPS: Final = 60
KEEP_INTERVAL_PASSES: Final = 6
US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PassLimits:
    """How much is folded at once."""

    # An hour of a city is 160,000 rows and some 100 MB while it is folded.
    steps: int = 3_600
    seconds: int = 3_600
    # Where a clock runs so fast that an hour is over in seconds, a pass has its own costs still.
    least_ticks: int = 60


DEFAULT_LIMITS: Final = PassLimits()


@dataclass(frozen=True, slots=True)
class Claim:
    """By whom slices are held, and how."""

    holder: str
    held: Mapping[int, Held]


async def remember(connection: Connection, slices: Sequence[int], step: int) -> Memory:
    """Build what is to be known of slices at a step from what is kept of them."""
    regime = await regime_at(connection, step, slices)
    states = await kept.load_states(connection, slices)
    names = [name for name in regime.registry.enterprise if slice_of(name) in set(slices)]
    known = {name: states[name] for name in names if name in states}
    city = City(
        regime.registry,
        regime.rules,
        regime.bodies,
        names,
        {name: one.body for name, one in known.items()},
    )
    memory = Memory(city, tuple(slices), step, await kept.load_late_days(connection, slices))
    memory.kept_at = {name: one.step for name, one in known.items()}
    if slice_of(PLATFORM) in set(slices):
        memory.platform = await kept.load_platform(connection)
    city.start_after({name: one.step for name, one in known.items()}, step)
    after = min((one.step for one in known.values()), default=step)
    while after < step:
        upto = min(after + DEFAULT_LIMITS.steps, step)
        await _number(connection, memory)
        rows = await _read(connection, memory, Stretch(after, upto))
        stamped = await asyncio.to_thread(city.stamp, rows)
        city.accept(stamped)
        # Whatever is found here was stored before.
        await asyncio.to_thread(city.fold)
        await _listen(connection, memory, stamped, Stretch(after, upto))
        after = upto
    return memory


async def take_pass(
    connection: Connection,
    memory: Memory,
    claim: Claim,
    upto: int,
    limits: PassLimits,
    counters: WardenCounters,
) -> None:
    """Fold steps of a memory's slices, up to one that is complete, in one transaction.

    Raises:
        SliceLostError: Another warden has one of the slices.
        StorageError: Nothing was stored; build the memory anew.
    """
    async with connection.transaction():
        if not await lock_slices(connection, claim.holder, claim.held):
            raise SliceLostError
        upto = min(upto, memory.step + limits.steps)
        upto = await _take_up(connection, memory, upto, counters)
        ticks = await read_ticks(connection, Stretch(memory.step, upto))
        upto = _cut_by_time(ticks, limits)
        await _number(connection, memory)
        rows = await _read(connection, memory, Stretch(memory.step, upto))
        stamped, upto = await asyncio.to_thread(_stamp, memory, rows, ticks, upto)
        memory.city.accept(stamped)
        folded = await asyncio.to_thread(memory.city.fold)
        counters.rows += rowset.length(stamped.readings) + rowset.length(stamped.factors)
        heard = await _listen(connection, memory, stamped, Stretch(memory.step, upto))
        if memory.platform is not None:
            memory.platform, ours = listen_to_ourselves(
                memory.city.rules, memory.platform, heard.looked
            )
            heard.findings.extend(ours)
            await kept.save_platform(connection, upto, memory.platform)
        await found.save_findings(connection, heard.findings, found.FoundIn.TICKS)
        counters.raised += sum(isinstance(finding, Raised) for finding in heard.findings)
        told = {finding.enterprise for finding in heard.findings}
        await _store(connection, memory, folded, stamped, Done(ticks, upto, told), counters)
        await move_slices(connection, memory.slices, upto)
        # After the move: what the system itself decides takes effect at the step that comes next.
        await follow(connection, _followed(memory, ticks, upto))
    counters.passes += 1
    counters.steps += upto - memory.step
    memory.step = upto


def _followed(memory: Memory, ticks: Columns, upto: int) -> Followed:
    """What the rooms that follow are told of a pass."""
    seconds = ticks["second"]
    since, now = (int(seconds[at]) * US_PER_S for at in (0, np.searchsorted(ticks["number"], upto)))
    return Followed(
        registry=memory.city.registry,
        rules=memory.city.rules,
        slices=memory.slices,
        since=moment_of(since),
        now=moment_of(now),
    )


@dataclass(frozen=True, slots=True)
class Done:
    """A pass's ticks and last step, and the enterprises of which ticks told something."""

    ticks: Columns
    step: int
    told: set[str]


@dataclass(frozen=True, slots=True)
class HeardOf:
    """Looks that were taken, and what they found."""

    looked: Sequence[Look]
    findings: list[Finding]


async def _listen(
    connection: Connection, memory: Memory, stamped: Stamped, stretch: Stretch
) -> HeardOf:
    """Look at all meters on the seconds for it: who is silent, who came back."""
    begin = max(0, stretch.after - LOOK_S)
    ticks = await read_ticks(connection, Stretch(begin, stretch.upto))
    seconds = dict(zip(ticks["number"].tolist(), ticks["second"].tolist(), strict=True))
    sky = await read_sky(connection, int(ticks["second"][0]), int(ticks["second"][-1]))
    looked = looks(ticks, stretch.after, sky)
    findings = await asyncio.to_thread(memory.city.listen, stamped, looked, seconds, sky)
    return HeardOf(looked, findings)


async def _take_up(
    connection: Connection, memory: Memory, upto: int, counters: WardenCounters
) -> int:
    """Take up decisions that begin with the next step; return the last step before others do."""
    step = memory.step
    new = await decisions(connection, step, upto, memory.slices)
    now = [one for one in new if one.step == step + 1]
    if now:
        known = {firm.name: memory.city.keep(firm.name) for firm in memory.city.firms}
        regime = await regime_at(connection, step + 1, memory.slices)
        names = [
            name for name in regime.registry.enterprise if slice_of(name) in set(memory.slices)
        ]
        memory.city = City(regime.registry, regime.rules, regime.bodies, names, known)
        memory.city.start_after({}, step)
        memory.ids = {}
        # What is kept must be of the plant that the steps from here on are folded with.
        memory.kept_at = {}
        memory.waiting = late.gathered(memory.waiting, await _backdated(connection, memory, now))
        counters.rebuilt += 1
    return min((one.step - 1 for one in new if one.step > step + 1), default=upto)


async def _backdated(
    connection: Connection, memory: Memory, entered: Sequence[Entered]
) -> list[tuple[LateDay, int]]:
    """Days that decisions concern which are folded already."""
    days = []
    for one in entered:
        for name, begin in await _beginnings(connection, memory, one):
            if name not in memory.city.index:
                continue
            firm = memory.city.firms[memory.city.index[name]]
            slot_ms = firm.pace.slot_s * SECOND_MS
            at = round(begin.timestamp()) * SECOND_MS
            if firm.watch.first == NONE or at >= memory.city.next_slot(firm) * slot_ms:
                continue
            oldest = firm.watch.heard - late.KEPT_DAYS * foldtime.DAY_MS
            first = max(at, firm.watch.first * slot_ms, oldest)
            day = foldtime.local_day(first, firm.pace.zone)
            days.append((LateDay(day, firm.name), firm.watch.heard // SECOND_MS))
    return days


async def _beginnings(
    connection: Connection, memory: Memory, one: Entered
) -> list[tuple[str, datetime]]:
    """Return whom a decision concerns, and from when on."""
    match one.body:
        case Plan() | Declaration() if one.enterprise is not None:
            return [(one.enterprise, one.body.start)]
        case Patrol() if one.enterprise is not None:
            return [(one.enterprise, one.body.at)]
        case RegistryChange():
            registry = memory.city.registry
            owners = {name: unit.enterprise for name, unit in registry.unit.items()}
            owners |= {name: outlet.enterprise for name, outlet in registry.outlet.items()}
            return [
                (owners[place], since)
                for point, since in await points_moved(connection, one.id)
                if (place := point.unit or point.outlet or "") in owners
            ]
        case _:
            return []


def _cut_by_time(ticks: Columns, limits: PassLimits) -> int:
    """Return the last step of a pass that covers no more than its share of time, or few ticks."""
    second = ticks["second"]
    within = second < second[0] + limits.seconds
    within[: limits.least_ticks] = True
    return int(ticks["number"][np.flatnonzero(within)[-1]])


async def _number(connection: Connection, memory: Memory) -> None:
    """Learn the numbers of meters that have none yet: they get one with their first row."""
    missing = [name for name in memory.city.meters if name not in memory.ids]
    if missing:
        new = await meter_ids(connection, missing)
        if new or not memory.ids:
            memory.ids |= new
            memory.factors = memory.city.number(memory.ids)


async def _read(connection: Connection, memory: Memory, stretch: Stretch) -> Rows:
    meters = np.array(sorted(memory.ids.values()), np.int32)
    rows = await read_steps(connection, stretch, Wanted(meters, memory.factors))
    return rows_of(rows, memory.factors)


def _stamp(memory: Memory, rows: Rows, ticks: Columns, upto: int) -> tuple[Stamped, int]:
    """Stamp rows up to the step in which a day is due to be folded again; return that step."""
    stamped = memory.city.stamp(rows)
    due = late.first_due(memory.waiting, _late_days(memory, stamped, ticks))
    if due is None:
        return stamped, upto
    steps = ticks["number"][(ticks["second"] >= due) & (ticks["number"] <= upto)]
    if not len(steps) or int(steps[0]) == upto:
        return stamped, upto
    cut = int(steps[0])
    parts = (rowset.take(part, part["step"] <= cut) for part in (rows.readings, rows.factors))
    return memory.city.stamp(Rows(*parts)), cut


def _late_days(memory: Memory, stamped: Stamped, ticks: Columns) -> list[tuple[LateDay, int]]:
    """The days of late rows that can be folded again, and when these came, in order of time."""
    seconds = dict(zip(ticks["number"].tolist(), ticks["second"].tolist(), strict=True))
    days = []
    for row in stamped.late:
        index = memory.city.index[row.enterprise]
        watch, pace = stamped.watches[index], memory.city.firms[index].pace
        oldest = seconds[row.step] * SECOND_MS - late.KEPT_DAYS * foldtime.DAY_MS
        # Before its first day, and before the states that are kept, nothing can be folded again.
        if row.fold_at >= max(watch.first * pace.slot_s * SECOND_MS, oldest):
            day = foldtime.local_day(row.fold_at, pace.zone)
            days.append((LateDay(day, row.enterprise), seconds[row.step]))
    return sorted(days, key=lambda one: (one[1], one[0]))


async def _store(
    connection: Connection,
    memory: Memory,
    folded: Folded,
    stamped: Stamped,
    done: Done,
    counters: WardenCounters,
) -> None:
    """Store what a pass came to, days folded again included."""
    ticks, step = done.ticks, done.step
    second = int(ticks["second"][ticks["number"] == step][0])
    await found.save_findings(connection, folded.findings, found.FoundIn.READINGS)
    await kept.save_days(connection, folded.days)
    changed = done.told | {finding.enterprise for finding in folded.findings}
    days = _late_days(memory, stamped, ticks)
    too_old = len(stamped.late) - len(days)
    if too_old:
        counts = Counter(row.enterprise for row in stamped.late)
        counts.subtract(day.enterprise for day, _ in days)
        await kept.count_too_old(connection, +counts)
    before = memory.waiting
    memory.waiting = late.gathered(before, days)
    redone = await fold_again(connection, memory, step, second, counters)
    noted = {day: span for day, span in memory.waiting.items() if before.get(day) != span}
    await kept.save_late_days(connection, noted)
    await _keep(connection, memory, step, changed | redone, counters)
    if folded.days:
        oldest = max(day for _, day in folded.days) - timedelta(days=late.KEPT_DAYS)
        await kept.forget_days(connection, oldest)
    counters.late_rows += len(stamped.late)
    counters.rows_too_old += too_old
    counters.raised += sum(isinstance(finding, Raised) for finding in folded.findings)


async def _keep(
    connection: Connection,
    memory: Memory,
    step: int,
    changed: set[str],
    counters: WardenCounters,
) -> None:
    """Keep the states of enterprises of which something was found, and of all now and then."""
    interval = max(KEEP_INTERVAL_STEPS, KEEP_INTERVAL_PASSES * (step - memory.step))
    due = [
        firm.name
        for firm in memory.city.firms
        if firm.name in changed or memory.kept_at.get(firm.name, -interval) + interval <= step
    ]
    states = await asyncio.to_thread(lambda: {name: memory.city.keep(name) for name in due})
    await kept.save_states(connection, step, states)
    memory.kept_at |= dict.fromkeys(due, step)
    counters.states_kept += len(due)


async def keep_all(connection: Connection, memory: Memory, claim: Claim) -> None:
    """Keep every state as of now, before the slices are left to others."""
    async with connection.transaction():
        if await lock_slices(connection, claim.holder, claim.held):
            states = {firm.name: memory.city.keep(firm.name) for firm in memory.city.firms}
            await kept.save_states(connection, memory.step, states)
