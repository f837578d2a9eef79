"""A page of cases, and how many there are of which kind, without folding those that are not shown.

alarm ⋈ alarm_case ─► numbers, tallies ─► the page is folded: the latest, or the gravest
      └► touched, or due: not followed yet ─► folded, and chosen by what they are
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from wattwarden.alarms.cases.case import DONE, Case, Level, State
from wattwarden.alarms.cases.gradings import Rulebooks
from wattwarden.alarms.rulebook import Rules
from wattwarden.storage.cases.load import Basis, Chosen, listed, load_basis, load_cases
from wattwarden.storage.database import Connection, errors

# Between which changes of classes an alarm was raised; $9 are their moments.
_ERA: Final = "width_bucket(a.raised, $9::timestamptz[])"
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
    f" AND ($10::text[] IS NULL OR a.rule || ':' || {_ERA} = ANY($10))"
)
_BEHIND: Final = (
    "(c.alarm IS NULL OR coalesce(c.next_due <= $8, FALSE)"
    " OR EXISTS (SELECT FROM case_touched AS t WHERE t.alarm = a.id))"
)
# In the order of whoever has to see to them; $15 are the states in which it is their turn.
_GRAVEST: Final = (
    " ORDER BY a.ended IS NOT NULL AND c.state <> ALL($15), c.level DESC, a.raised, a.id"
)
_OVERDUE: Final = "c.deadline < least(coalesce(c.done, $8), $8)"
_CASES: Final = (
    f"{_ALARMS} AND NOT {_BEHIND}"
    " AND ($11::text[] IS NULL OR c.state = ANY($11))"
    " AND ($12::smallint[] IS NULL OR c.level = ANY($12))"
    f" AND ({_OVERDUE} OR NOT $13) AND (c.state <> ALL($14))"
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


@dataclass(frozen=True, slots=True)
class Overview:
    """All that is open, counted; of the cases themselves the gravest.

    ``firms`` counts by firm and level; ``places`` are the lines (else subjects) with a condition
    that goes on, by its class; ``longest`` is the case whose condition goes on since longest ago.
    """

    cases: list[Case]
    tallies: Mapping[Tally, int]
    firms: Mapping[tuple[str, Level], int]
    places: Mapping[str, frozenset[str]]
    longest: Case | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the queries of one look take; ``behind`` are the chosen cases that nobody followed.

    ``books`` are the rules of each era, between which some got other classes.
    """

    basis: Basis
    books: Sequence[Rules]
    behind: list[Case]
    values: tuple[object, ...]

    def grade(self, row: asyncpg.Record) -> str:
        """Return the class that a row's rule had in the row's era."""
        era: int = row["era"]
        return self.books[era].rules[row["rule"]].grade


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
            asked = await _asked(connection, chosen, now)
            page = await connection.fetch(
                f"SELECT a.id{_CASES} ORDER BY a.raised DESC, a.id DESC LIMIT {limit:d}",
                *asked.values,
            )
            tallies = await _tallies(connection, asked)
            numbers = Chosen(numbers=[row["id"] for row in page], untold=True)
            cases = await load_cases(connection, numbers, now=now, basis=asked.basis)
    cases += asked.behind
    latest = sorted(cases, key=lambda case: (case.raised, case.id), reverse=True)
    return Listed(latest[:limit], tallies)


async def look_over(
    connection: Connection,
    enterprises: Collection[str] | None,
    *,
    now: datetime,
    turns: Collection[State],
    limit: int,
) -> Overview:
    """Return the gravest of what is open of some firms (None: all), and count all of it.

    Args:
        connection: To the store.
        enterprises: Whose.
        now: The system's time; not a moment of the past.
        turns: In which states it is the looker's turn: those stand with what goes on.
        limit: So many of the gravest are among the cases; there may be more.

    Raises:
        StorageError: The database is away.
    """
    chosen = Chosen(enterprises=enterprises, open=True)
    with errors("looking over cases"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            asked = await _asked(connection, chosen, now)
            shown = await _shown(connection, asked, turns, limit)
            numbers = Chosen(numbers=sorted(shown), untold=True)
            cases = await load_cases(connection, numbers, now=now, basis=asked.basis)
            cases += asked.behind
            goes_on = [case for case in cases if case.cleared is None]
            return Overview(
                cases=cases,
                tallies=await _tallies(connection, asked),
                firms=await _firms(connection, asked),
                places=await _places(connection, asked),
                longest=min(goes_on, key=lambda case: (case.raised, case.id), default=None),
            )


async def _shown(
    connection: Connection, asked: _Asked, turns: Collection[State], limit: int
) -> set[int]:
    """Return the numbers of the gravest, and of the one that goes on since longest ago."""
    gravest = await connection.fetch(
        f"SELECT a.id{_CASES}{_GRAVEST} LIMIT {limit:d}", *asked.values, listed(turns)
    )
    longest = await connection.fetch(
        f"SELECT a.id{_CASES} AND a.ended IS NULL ORDER BY a.raised, a.id LIMIT 1", *asked.values
    )
    return {row["id"] for row in (*gravest, *longest)}


async def _asked(connection: Connection, chosen: Chosen, now: datetime) -> _Asked:
    basis = await load_basis(connection)
    of_alarms = _of_alarms(chosen, basis.rules, now)
    rows = await connection.fetch(f"SELECT a.id{_ALARMS} AND {_BEHIND}", *of_alarms)
    behind = await _behind(connection, chosen, basis, now, [row["id"] for row in rows])
    return _Asked(basis, _books(basis.rules), behind, (*of_alarms, *_of_cases(chosen)))


async def _tallies(connection: Connection, asked: _Asked) -> Counter[Tally]:
    rows = await connection.fetch(
        f"SELECT c.state, c.level, a.rule, a.ended IS NULL AS standing,"
        f" {_OVERDUE} AS overdue, {_ERA} AS era, count(*) AS many{_CASES}"
        " GROUP BY 1, 2, 3, 4, 5, 6",
        *asked.values,
    )
    found = Counter(map(_tally, asked.behind))
    for row in rows:
        found[_kept(row, asked.grade(row))] += row["many"]
    return found


async def _firms(connection: Connection, asked: _Asked) -> Counter[tuple[str, Level]]:
    rows = await connection.fetch(
        f"SELECT a.enterprise, c.level, count(*) AS many{_CASES} GROUP BY 1, 2", *asked.values
    )
    found = Counter((case.enterprise, case.level) for case in asked.behind)
    for row in rows:
        found[row["enterprise"], Level(row["level"])] += row["many"]
    return found


async def _places(connection: Connection, asked: _Asked) -> dict[str, frozenset[str]]:
    rows = await connection.fetch(
        f"SELECT DISTINCT a.rule, {_ERA} AS era, coalesce(nullif(a.line, ''), a.subject) AS place"
        f"{_CASES}"
        " AND a.ended IS NULL",
        *asked.values,
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(asked.grade(row), set()).add(row["place"])
    for case in asked.behind:
        if case.cleared is None:
            found.setdefault(case.grade, set()).add(case.line or case.subject)
    return {grade: frozenset(places) for grade, places in found.items()}


async def _behind(
    connection: Connection, chosen: Chosen, basis: Basis, now: datetime, numbers: list[int]
) -> list[Case]:
    """Return those cases among some that are chosen by what they are when they are folded."""
    of = Chosen(numbers=numbers, untold=True)
    cases = await load_cases(connection, of, now=now, basis=basis)
    return [case for case in cases if chosen.has(case)]


def _of_alarms(chosen: Chosen, rules: Rulebooks, now: datetime) -> tuple[object, ...]:
    """Return what ``_ALARMS`` and ``_BEHIND`` take, $1 to $10."""
    return (
        listed(chosen.numbers),
        listed(chosen.enterprises),
        listed(chosen.rules),
        chosen.since,
        chosen.until,
        chosen.untold,
        chosen.standing,
        now,
        rules.classes_changed(),
        _graded(chosen, rules),
    )


def _of_cases(chosen: Chosen) -> tuple[object, ...]:
    """Return what ``_CASES`` takes beside, $11 to $14."""
    return (
        listed(chosen.states),
        listed(chosen.levels),
        chosen.overdue,
        [state.value for state in DONE] if chosen.open else [],
    )


def _graded(chosen: Chosen, rules: Rulebooks) -> list[str] | None:
    """Return the rules that are of the chosen classes, each with the eras in which it is."""
    if chosen.grades is None:
        return None
    return [
        f"{one.id}:{era}"
        for era, book in enumerate(_books(rules))
        for one in book.rules.values()
        if one.grade in chosen.grades
    ]


def _books(rules: Rulebooks) -> list[Rules]:
    """Return the rules of each era, as ``_ERA`` counts them."""
    return [rules.shipped, *map(rules.at, rules.classes_changed())]


def _tally(case: Case) -> Tally:
    standing = case.cleared is None
    return Tally(case.state, case.level, case.rule, case.grade, standing, case.overdue)


def _kept(row: asyncpg.Record, grade: str) -> Tally:
    state, level = State(row["state"]), Level(row["level"])
    return Tally(state, level, row["rule"], grade, row["standing"], row["overdue"])
