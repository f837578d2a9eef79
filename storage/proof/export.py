"""A package of evidence out of a running system: what is stored, what arrived, what was signed.

alarm ─► its enterprise ─► state of its day, registry and rules of then ─► window, meters
      ─► rows ─► when they were received ─► roots ─► frames of their senders, with proofs
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wattwarden.alarms.decisions.kinds import FOLDED_KINDS
from wattwarden.alarms.folding.foldtime import DAY_MS, day_start, local_day
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import load_rules
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.proof.build import Material, Rulebook, build
from wattwarden.storage.proof.documents import DecisionRecord, Terms
from wattwarden.storage.proof.refold import US_PER_MS, Basis, Refold, Snapshot
from wattwarden.storage.proof.said import Said, nothing_read
from wattwarden.storage.proof.showing import Sought, Source, load_shown, received_span
from wattwarden.storage.proof.stored import load_said
from wattwarden.storage.proof.surroundings import (
    LAST_STEP,
    load_decisions,
    load_episode,
    load_notices,
    load_profile_records,
    load_rulebook,
    load_step,
)
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.system_time import system_now
from wattwarden.storage.warden.kept import load_days, load_state
from wattwarden.storage.warden.listing import ListedAlarm, find_alarm
from wattwarden.storage.warden.steps import meter_ids

# A month of an alarm that goes on for longer.
DEFAULT_DAYS: Final = 31
# A state that is a week older than the alarm still leads to it.
_DAYS_BEFORE: Final = 7


class NoSuchAlarmError(Exception):
    """There is no alarm of that number."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alarm, how many days of it at most, and by which bounds rows were stored."""

    alarm: int
    program: str
    bounds: ClockBounds
    days: int = DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is folded: the window (ms), rows (µs), the meters, and the state before."""

    window: tuple[int, int]
    rows: tuple[int, int]
    meters: Sequence[str]
    snapshot: Snapshot | None


async def export(connection: Connection, source: Source, wanted: Wanted) -> bytes:
    """Return the package about an alarm; days that are over are signed first.

    Raises:
        NoSuchAlarmError: There is none of that number.
        ContainerError: It is more than a package may hold.
        StorageError: Something cannot be read, or the journal is not what was signed.
    """
    found = await find_alarm(connection, wanted.alarm)
    if found is None:
        raise NoSuchAlarmError
    alarm, corrections = found
    firm = alarm.enterprise
    step = await load_step(connection, alarm)
    then = await load_rulebook(connection, firm, step)
    now = await load_rulebook(connection, firm, LAST_STEP)
    decisions = await load_decisions(connection, alarm, (then.rules, now.rules))
    scene = await _scene(connection, alarm, now, decisions, wanted.days)
    ids = await meter_ids(connection, scene.meters)
    stored = await load_said(connection, ids, *scene.rows)
    said = {name: stored.said.get(name, Said(nothing_read())) for name in scene.meters}
    bounds = wanted.bounds
    # What was configured since says nothing of how these were read.
    received = received_span(said)
    last = moment_of(received[1] if received else scene.rows[1])
    profiles = await load_profile_records(connection, scene.meters, last)
    terms = Terms([], profiles, bounds.ahead_s, bounds.retention_days, bounds.future_days)
    state = None if scene.snapshot is None else (firm, scene.snapshot.day)
    sought = Sought(said, terms, {one.id for one in decisions}, state, stored.upto, last)
    shown = await load_shown(connection, source, sought)
    senders = {f"{one.codec}:{one.identity}" for each in shown for one in each.frames}
    material = Material(
        episode=await load_episode(connection, alarm, corrections),
        window=scene.window,
        rows=scene.rows,
        snapshot=scene.snapshot,
        then_step=step,
        then=then,
        now=now,
        decisions=decisions,
        notices=await load_notices(connection, wanted.alarm),
        shown=shown,
        said=said,
        profiles=await load_profile_records(connection, senders | set(scene.meters), last),
        bounds=bounds,
    )
    return build(material, source.signer, source.wall, wanted.program)


async def _scene(
    connection: Connection,
    alarm: ListedAlarm,
    book: Rulebook,
    decisions: Sequence[DecisionRecord],
    days: int,
) -> _Scene:
    """Find the state before an alarm, and up to when it is to be folded."""
    zone = book.registry.enterprise[alarm.enterprise].zone
    began = us_of(alarm.began) // US_PER_MS
    first = local_day(began, zone)
    snapshot = await _snapshot(connection, alarm, zone)
    if snapshot is None:
        since = day_start(first, zone)
        now = us_of(await system_now(connection)) // US_PER_MS
        window = since, min(_midnight(alarm, zone) or now, now, since + days * DAY_MS)
        rows = window[0] * US_PER_MS, window[1] * US_PER_MS
        return _Scene(window, rows, _meters(book.registry), None)
    bodies = [one.read() for one in decisions if one.kind in FOLDED_KINDS]
    basis = Basis(alarm.enterprise, book.registry, load_rules(book.rules), bodies)
    refold = Refold(basis, snapshot)
    until = min(_midnight(alarm, zone) or refold.now, refold.now, refold.since + days * DAY_MS)
    return _Scene((refold.since, until), refold.bounds(until), refold.meters, snapshot)


async def _snapshot(connection: Connection, alarm: ListedAlarm, zone: str) -> Snapshot | None:
    """The state at the beginning of the alarm's day, or of one shortly before."""
    firm = alarm.enterprise
    day = local_day(us_of(alarm.began) // US_PER_MS, zone)
    near = [(firm, day - timedelta(days=back)) for back in range(_DAYS_BEFORE + 1)]
    with errors("reading the state before an alarm"):
        states = await load_days(connection, near)
        kept = await load_state(connection, firm)
    if not states or kept is None:
        return None
    _, last = max(states)
    return Snapshot(last, states[firm, last], kept.body)


def _midnight(alarm: ListedAlarm, zone: str) -> int | None:
    """The midnight after an alarm's end, ms; None while it goes on."""
    if alarm.ended is None:
        return None
    end = local_day(us_of(alarm.ended) // US_PER_MS, zone)
    return day_start(end + timedelta(days=1), zone)


def _meters(registry: Registry) -> list[str]:
    return sorted({point.meter for point in registry.point.values()})
