"""A page of cases, and how many there are of which kind, without folding those that are not shown.

alarm ⋈ alarm_case ─► numbers, tallies ─► the page is folded
      └► touched, or due: not followed yet ─► folded, and chosen by what they are
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wattwarden.alarms.cases.case import DONE, Case, Level, State
from wattwarden.alarms.rulebook import Rules
from wattwarden.storage.cases.load import Basis, Chosen, listed, load_basis, load_cases
from wattwarden.storage.database import Connection, errors

# What an alarm itself shows; then whether the table of cases has to be asked anew.
_ALARMS: Final = (
    " FROM alarm AS a LEFT JOIN alarm_case AS c ON c.alarm = a.id"
    " WHERE ($1::bigint[] IS NULL OR a.id = ANY($1))"
    " AND ($2::text[] IS NULL OR a.enterprise = ANY($2))"
    " AND ($3::text[] IS NULL OR a.rule = ANY($3))"
    " AND ($4::timestamptz IS NULL OR a.raised >= $4)"
    " AND ($5::timestamptz IS NULL OR a.raised < $5)"
    " AND ($6 OR a.suppressed_by IS NULL AND NOT a.withdrawn)"
    " AND (a.ended IS NULL OR NOT $7)"
)
_BEHIND: Final = (
    "(c.alarm IS NULL OR coalesce(c.next_due <= $8, FALSE)"
    " OR EXISTS (SELECT FROM case_touched AS t WHERE t.alarm = a.id))"
)
_OVERDUE: Final = "c.deadline < least(coalesce(c.done, $8), $8)"
_CASES: Final = (
    f"{_ALARMS} AND NOT {_BEHIND}"
    " AND ($9::text[] IS NULL OR c.state = ANY($9))"
    " AND ($10::smallint[] IS NULL OR c.level = ANY($10))"
    f" AND ({_OVERDUE} OR NOT $11) AND (c.state <> ALL($12))"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What cases are counted by."""

    state: State
    level: Level
    rule: str
    grade: str
    # Whether the condition goes on.
    standing: bool
    overdue: bool

    @property
    def open(self) -> bool:
        """Whether something is left to do."""
        return self.state not in DONE


@dataclass(frozen=True, slots=True)
class Listed:
    """The latest of the cases that were chosen, and how many there are of which kind."""

    cases: list[Case]
    tallies: Mapping[Tally, int]


async def list_cases(
    connection: Connection, chosen: Chosen, *, now: datetime, limit: int
) -> Listed:
    """Return the latest cases as they stand, and count all that are chosen.

    Args:
        connection: To the store.
        chosen: Which.
        now: The system's time; not a moment of the past.
        limit: At most so many are returned; all are counted.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing cases"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            basis = await load_basis(connection)
            of_alarms = _of_alarms(chosen, basis.rules, now)
            rows = await connection.fetch(f"SELECT a.id{_ALARMS} AND {_BEHIND}", *of_alarms)
            behind = await _behind(connection, chosen, basis, now, [row["id"] for row in rows])
            of_cases = (*of_alarms, *_of_cases(chosen))
            page = await connection.fetch(
                f"SELECT a.id{_CASES} ORDER BY a.raised DESC, a.id DESC LIMIT {limit:d}", *of_cases
            )
            counted = await connection.fetch(
                f"SELECT c.state, c.level, a.rule, a.ended IS NULL AS standing,"
                f" {_OVERDUE} AS overdue, count(*) AS many{_CASES} GROUP BY 1, 2, 3, 4, 5",
                *of_cases,
            )
            numbers = Chosen(numbers=[row["id"] for row in page], untold=True)
            cases = await load_cases(connection, numbers, now=now, basis=basis)
    latest = sorted((*cases, *behind), key=lambda case: (case.raised, case.id), reverse=True)
    tallies = Counter(map(_tally, behind))
    for row in counted:
        tallies[_kept(dict(row), basis.rules)] += row["many"]
    return Listed(latest[:limit], tallies)


async def _behind(
    connection: Connection, chosen: Chosen, basis: Basis, now: datetime, numbers: list[int]
) -> list[Case]:
    """Return those cases among some that are chosen by what they are when they are folded."""
    of = Chosen(numbers=numbers, untold=True)
    cases = await load_cases(connection, of, now=now, basis=basis)
    return [case for case in cases if chosen.has(case)]


def _of_alarms(chosen: Chosen, rules: Rules, now: datetime) -> tuple[object, ...]:
    """Return what ``_ALARMS`` and ``_BEHIND`` take, $1 to $8."""
    return (
        listed(chosen.numbers),
        listed(chosen.enterprises),
        _rules(chosen, rules),
        chosen.since,
        chosen.until,
        chosen.untold,
        chosen.standing,
        now,
    )


def _of_cases(chosen: Chosen) -> tuple[object, ...]:
    """Return what ``_CASES`` takes beside, $9 to $12."""
    return (
        listed(chosen.states),
        listed(chosen.levels),
        chosen.overdue,
        [state.value for state in DONE] if chosen.open else [],
    )


def _rules(chosen: Chosen, rules: Rules) -> list[str] | None:
    """Return the rules that are chosen by themselves and by their classes."""
    if chosen.grades is None:
        return listed(chosen.rules)
    graded = [name for name, rule in rules.rules.items() if rule.grade in chosen.grades]
    return [name for name in graded if chosen.rules is None or name in chosen.rules]


def _tally(case: Case) -> Tally:
    standing = case.cleared is None
    return Tally(case.state, case.level, case.rule, case.grade, standing, case.overdue)


def _kept(row: Mapping[str, Any], rules: Rules) -> Tally:
    rule = row["rule"]
    return Tally(
        State(row["state"]),
        Level(row["level"]),
        rule,
        rules.rules[rule].grade,
        row["standing"],
        row["overdue"],
    )
