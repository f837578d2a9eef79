"""Cases after each pass: where they stand, what fell due, what proves itself.

    touched, or due ─► fold ─► notices up to the horizon ─► case_event, alarm_case
                         └► a day of production without it ─► the system verifies

The horizon lies behind the pass's end by what a firm's slowest meter may be behind: before that,
an end of an alarm may still be on its way.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.fold import settles_at
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.cases.ladder import Notice, escalations, notices
from wattwarden.alarms.cases.proof import Change, fault_of, producers, proof, provable_since
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.gradings import load_gradings, load_rulebooks
from wattwarden.storage.cases.load import Basis, Chosen, load_cases
from wattwarden.storage.database import Connection
from wattwarden.storage.warden.followed import Followed

# A meter is waited for two cycles, and a third is what it may be late by itself.
LAG_CYCLES: Final = 3
# Where no meter tells its cycle: silence, found by the clock, has no lag at all.
LEAST_LAG: Final = timedelta(seconds=60)
# How often production is counted once it may be enough: the moment itself comes from its states.
PROOF_INTERVAL: Final = timedelta(hours=1)
VERIFIED_ZH: Final = "整改后累计生产满期未复现,自动核实"


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass, and what all of its cases share."""

    connection: Connection
    followed: Followed
    basis: Basis
    lags: Mapping[str, timedelta]

    def horizon(self, case: Case) -> datetime:
        """Return up to when all is known of a case."""
        return self.followed.now - self.lag(case)

    def lag(self, case: Case) -> timedelta:
        """Return how late a case's meters may be."""
        return self.lags.get(case.enterprise, LEAST_LAG)

    def grading(self, case: Case) -> Grading:
        """Return what a case is judged by."""
        return self.basis.gradings.of(case.episode)


async def follow(connection: Connection, followed: Followed) -> None:
    """Bring the cases of a pass's slices up to its last tick."""
    numbers = await _due(connection, followed)
    if not numbers:
        return
    basis = await basis_of(connection, followed)
    work = _Pass(connection, followed, basis, _lags(followed))
    cases = await _cases(work, numbers)
    proved = [case.id for case in cases if await _prove(work, case)]
    if proved:
        again = {case.id: case for case in await _cases(work, proved)}
        cases = [again.get(case.id, case) for case in cases]
    await _save(work, cases)
    await connection.execute("DELETE FROM case_touched WHERE alarm = ANY($1)", numbers)


async def _due(connection: Connection, followed: Followed) -> list[int]:
    """Return the alarms of the pass's slices that are to be looked at."""
    rows = await connection.fetch(
        "SELECT alarm, enterprise FROM case_touched UNION"
        " SELECT alarm, enterprise FROM alarm_case WHERE next_due <= $1",
        followed.now,
    )
    ours = set(followed.slices)
    return sorted(row["alarm"] for row in rows if slice_of(row["enterprise"]) in ours)


async def basis_of(connection: Connection, followed: Followed) -> Basis:
    """Return what a pass's cases are judged by, with its own registry."""
    firms = followed.registry.enterprise

    def watched(name: str) -> Supervision:
        return firms[name].supervision if name in firms else Supervision.ORDINARY

    return Basis(await load_rulebooks(connection), await load_gradings(connection), watched)


def _lags(followed: Followed) -> dict[str, timedelta]:
    """Return how late each firm's readings may be: by its slowest meter's cycles."""
    registry = followed.registry
    slowest: defaultdict[str, int] = defaultdict(int)
    for point in registry.point.values():
        unit, outlet = registry.unit.get(point.unit or ""), registry.outlet.get(point.outlet or "")
        owner = unit or outlet
        if owner is not None:
            slowest[owner.enterprise] = max(slowest[owner.enterprise], point.cycle_s)
    return {
        name: max(LEAST_LAG, timedelta(seconds=LAG_CYCLES * cycle))
        for name, cycle in slowest.items()
    }


async def _cases(work: _Pass, numbers: Sequence[int]) -> list[Case]:
    chosen = Chosen(numbers=numbers, untold=True)
    cases = await load_cases(work.connection, chosen, now=work.followed.now, basis=work.basis)
    return sorted(cases, key=lambda case: case.id)


async def _prove(work: _Pass, case: Case) -> bool:
    """Verify a case whose line has produced for long enough without it; tell whether it was."""
    since = provable_since(case)
    until = work.horizon(case)
    if since is None or until <= since:
        return False
    proved = proof(await _changes(work, case, since), since, until, work.grading(case))
    if proved.at is None or await _came_again(work, case, since, proved.at):
        return False
    body = Action(
        id=NEW,
        alarm=str(case.id),
        verb=Verb.VERIFY,
        reason=VERIFIED_ZH,
        fault=fault_of(case),
    )
    await decide(work.connection, body, SYSTEM, proved.at)
    return True


async def _came_again(work: _Pass, case: Case, since: datetime, until: datetime) -> bool:
    """Tell whether the same was raised again meanwhile; then an officer has to look."""
    found: bool = await work.connection.fetchval(
        "SELECT EXISTS (SELECT FROM alarm WHERE rule = $1 AND subject = $2"
        " AND raised BETWEEN $3 AND $4 AND id <> $5 AND NOT withdrawn)",
        case.rule,
        case.subject,
        since,
        until,
        case.id,
    )
    return found


async def _changes(work: _Pass, case: Case, since: datetime) -> list[Change]:
    """Return what the production units did, from before a moment on."""
    rows = await work.connection.fetch(
        "SELECT at, unit, state FROM unit_transition AS t"
        " WHERE enterprise = $1 AND unit = ANY($2) AND at >= coalesce((SELECT max(b.at)"
        " FROM unit_transition AS b WHERE b.enterprise = $1 AND b.unit = t.unit AND b.at <= $3),"
        " $3) ORDER BY at, unit",
        case.enterprise,
        sorted(producers(case, work.followed.registry)),
        since,
    )
    return [Change(row["at"], row["unit"], row["state"]) for row in rows]


async def _save(work: _Pass, cases: Sequence[Case]) -> None:
    """Keep what fell due since the last time, and where the cases stand."""
    before = await work.connection.fetch(
        "SELECT alarm, told_until FROM alarm_case WHERE alarm = ANY($1)",
        [case.id for case in cases],
    )
    told = {row["alarm"]: row["told_until"] for row in before}
    rows, events = [], []
    for case in cases:
        all_notices, horizon = notices(case, work.grading(case)), work.horizon(case)
        since = told.get(case.id)
        # The raise itself is certain as soon as there is an alarm.
        upto = max(horizon, case.raised)
        # What an officer did is certain as well; told again, it is there already.
        done = [at for at in escalations(case) if at <= work.followed.now]
        due = [
            one
            for one in all_notices
            if (since is None or since < one.at) and (one.at <= upto or one.at in done)
        ]
        events += [_event(case, one) for one in due]
        rows.append(_row(work, case, all_notices, max(upto, since or upto)))
    await work.connection.executemany(
        "INSERT INTO case_event (alarm, enterprise, at, why, level, told, task, mutable, digest)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (alarm, at, why) DO NOTHING",
        sorted(events, key=lambda event: (event[2], event[0])),
    )
    await work.connection.executemany(
        "INSERT INTO alarm_case (alarm, enterprise, state, level, deadline, parent, told_until,"
        " next_due, done) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT (alarm) DO UPDATE SET state = excluded.state, level = excluded.level,"
        " deadline = excluded.deadline, parent = excluded.parent, told_until = excluded.told_until,"
        " next_due = excluded.next_due, done = excluded.done",
        rows,
    )


def _event(
    case: Case, one: Notice
) -> tuple[int, str, datetime, str, int, list[str], str, bool, bool]:
    roles = sorted(map(str, one.told))
    what = (case.id, case.enterprise, one.at, one.why.value, int(one.level))
    return (*what, roles, one.task.value, one.mutable, one.digest)


def _row(
    work: _Pass, case: Case, known: Sequence[Notice], told_until: datetime
) -> tuple[int, str, str, int, datetime, int | None, datetime, datetime | None, datetime | None]:
    due = _next(work, case, known, told_until)
    where = (case.id, case.enterprise, case.state.value, int(case.level))
    return (*where, case.deadline, case.parent, told_until, due, case.done)


def _next(
    work: _Pass, case: Case, known: Sequence[Notice], told_until: datetime
) -> datetime | None:
    """Return when time alone may change something about a case."""
    moments = [one.at + work.lag(case) for one in known if one.at > told_until]
    settles = settles_at(case, work.grading(case))
    if settles is not None:
        moments.append(settles)
    since = provable_since(case)
    if since is not None:
        # Production takes at least as long as the clock; then it is looked at once an hour.
        earliest = since + timedelta(seconds=work.grading(case).proof_s) + work.lag(case)
        moments.append(max(earliest, work.followed.now + PROOF_INTERVAL))
    return min(moments, default=None)
