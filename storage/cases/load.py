"""Cases as they stand: alarms and the decisions about them, read and folded.

chosen ─► alarms, those that they may repeat ─► actions, declarations ─► fold ─► Case
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.cases.case import Case, Ending, Episode, Level, State
from wattwarden.alarms.cases.fold import Origin, Said, fold_case
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.cases.gradings import Gradings, Rulebooks
from wattwarden.alarms.decisions.bodies import Declaration
from wattwarden.alarms.decisions.kinds import decode_body
from wattwarden.alarms.registry.nouns import Enterprise, Supervision
from wattwarden.storage.cases.gradings import load_gradings, load_rulebooks
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.records import load_kind, load_some


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which cases: all conditions that are given.  Until is exclusive; both bound the raise."""

    numbers: Collection[int] | None = None
    enterprises: Collection[str] | None = None
    rules: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    states: Collection[State] | None = None
    levels: Collection[Level] | None = None
    grades: Collection[str] | None = None
    # Those whose deadline has passed.
    overdue: bool = False
    # Those in which something is left to do.
    open: bool = False
    # Those whose condition goes on.
    standing: bool = False
    # Alarms of which another says more, and such as late readings took back.
    untold: bool = False

    def has(self, case: Case) -> bool:
        """Tell whether a case meets what only folding shows."""
        return (
            (self.states is None or case.state in self.states)
            and (self.levels is None or case.level in self.levels)
            and (self.grades is None or case.grade in self.grades)
            and (case.overdue or not self.overdue)
            and (case.open or not self.open)
            and (case.cleared is None or not self.standing)
        )


ALL: Final = Chosen()
# What a bigint holds beside its sign; no alarm has a greater number.
_NUMBER_BITS: Final = 63
_ENDING: Final = frozenset({Verb.RECTIFY, Verb.VERIFY, Verb.CLOSE, Verb.DECLARE})


@dataclass(frozen=True, slots=True)
class Basis:
    """What cases are judged by."""

    rules: Rulebooks
    gradings: Gradings
    supervision: Callable[[str], Supervision]


async def load_cases(
    connection: Connection, chosen: Chosen = ALL, *, now: datetime, basis: Basis | None = None
) -> list[Case]:
    """Return cases as they stand, the latest alarm first.

    Args:
        connection: To the store.
        chosen: Which.
        now: As of when: later decisions are left out, levels are those of this moment.
        basis: Rules, gradings and firms; those in force when left out.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading cases"):
        rows = await connection.fetch(
            "SELECT * FROM alarm WHERE ($1::bigint[] IS NULL OR id = ANY($1))"
            " AND ($2::text[] IS NULL OR enterprise = ANY($2))"
            " AND ($3::text[] IS NULL OR rule = ANY($3))"
            " AND ($4::timestamptz IS NULL OR raised >= $4)"
            " AND ($5::timestamptz IS NULL OR raised < $5)"
            " AND ($6 OR suppressed_by IS NULL AND NOT withdrawn)"
            " ORDER BY raised DESC, id DESC",
            listed(chosen.numbers),
            listed(chosen.enterprises),
            listed(chosen.rules),
            chosen.since,
            chosen.until,
            chosen.untold,
        )
        known = basis or await load_basis(connection, {row["enterprise"] for row in rows})
        cases = await _folded(connection, rows, known, now)
    return [case for case in cases if chosen.has(case)]


async def load_case(
    connection: Connection, number: int, *, now: datetime, basis: Basis | None = None
) -> Case | None:
    """Return an alarm's case, whether people hear of it or not; None when there is no such alarm.

    Raises:
        StorageError: The database is away.
    """
    if number.bit_length() > _NUMBER_BITS:
        return None
    chosen = Chosen(numbers=[number], untold=True)
    return next(iter(await load_cases(connection, chosen, now=now, basis=basis)), None)


async def load_basis(connection: Connection, firms: Collection[str] | None = None) -> Basis:
    """Return the rules, the gradings, and how firms (None: all) are watched now."""
    known = (
        await load_kind(connection, Enterprise)
        if firms is None
        else await load_some(connection, Enterprise, firms)
    )
    watched = {firm.id: firm.supervision for firm in known}
    rules, gradings = await load_rulebooks(connection), await load_gradings(connection)
    return Basis(rules, gradings, lambda name: watched.get(name, Supervision.ORDINARY))


async def _folded(
    connection: Connection, rows: Sequence[asyncpg.Record], basis: Basis, now: datetime
) -> list[Case]:
    before = await _before(connection, [row["id"] for row in rows])
    numbers = {row["id"] for row in (*rows, *before.values())}
    said = await _said(connection, sorted(numbers))
    cases = []
    for row in rows:
        episode = _episode(row, basis.rules)
        watched, grading = basis.supervision(episode.enterprise), basis.gradings.of(episode)
        parent = None
        # What nobody was done with closed by itself, if at all, and cannot be repeated.
        if (earlier := before.get(episode.id)) is not None and _ends(said.get(earlier["id"], ())):
            origin = Origin(_episode(earlier, basis.rules), watched)
            by = basis.gradings.of(origin.episode)
            told = fold_case(origin, said[earlier["id"]], by, episode.raised)
            parent = told.id if _repeated(told, episode, grading) else None
        origin = Origin(episode, watched, parent)
        cases.append(fold_case(origin, said.get(episode.id, ()), grading, now))
    return cases


def _ends(said: Iterable[Said]) -> bool:
    """Tell whether somebody did what a case can be done with by."""
    return any(isinstance(one.body, Declaration) or one.body.verb in _ENDING for one in said)


def _repeated(earlier: Case, episode: Episode, grading: Grading) -> bool:
    """Tell whether an alarm repeats one that somebody was done with."""
    done = earlier.rectified or earlier.closed
    return (
        done is not None
        and earlier.ending is not Ending.BRIEF
        and episode.raised - done <= timedelta(seconds=grading.recur_s)
    )


async def _before(connection: Connection, numbers: Collection[int]) -> Mapping[int, asyncpg.Record]:
    """Return the alarm before each of some, of the same rule and subject, by the later's number."""
    rows = await connection.fetch(
        "SELECT a.id AS later, b.* FROM alarm AS a CROSS JOIN LATERAL (SELECT * FROM alarm AS o"
        " WHERE o.rule = a.rule AND o.subject = a.subject AND o.raised < a.raised"
        " AND NOT o.withdrawn AND o.suppressed_by IS NULL"
        " ORDER BY o.raised DESC, o.id DESC LIMIT 1) AS b WHERE a.id = ANY($1)",
        list(numbers),
    )
    return {row["later"]: row for row in rows}


async def _said(connection: Connection, numbers: Sequence[int]) -> Mapping[int, list[Said]]:
    """Return what was decided about alarms, by their numbers, in order of time."""
    rows = await connection.fetch(
        "SELECT id, kind, actor, entered_at, effective_at, body FROM decision WHERE kind = 'action'"
        " AND body ->> 'alarm' = ANY($1)",
        [str(number) for number in numbers],
    )
    found = [(_at(row), row["id"], _one(row)) for row in rows]
    said: defaultdict[int, list[tuple[datetime, int, Said]]] = defaultdict(list)
    declared: defaultdict[str, set[int]] = defaultdict(set)
    for at, number, one in found:
        if isinstance(one.body, Action):
            said[int(one.body.alarm)].append((at, number, one))
            if one.body.declaration is not None:
                declared[one.body.declaration].add(int(one.body.alarm))
    for row in await connection.fetch(
        "SELECT id, kind, actor, entered_at, effective_at, body FROM decision"
        " WHERE kind = 'declaration'"
        " AND body ->> 'id' = ANY($1)",
        list(declared),
    ):
        one = _one(row)
        if isinstance(one.body, Declaration):
            for alarm in declared[one.body.id]:
                said[alarm].append((row["entered_at"], row["id"], one))
    return {
        alarm: [one for _, _, one in sorted(many, key=lambda it: it[:2])]
        for alarm, many in said.items()
    }


def _one(row: asyncpg.Record) -> Said:
    body = decode_body(row["kind"], row["body"])
    assert isinstance(body, Action | Declaration)  # noqa: S101  by the queries above
    return Said(_at(row), row["actor"], body)


def _at(row: asyncpg.Record) -> datetime:
    """Return when something was decided: by a person as it was entered, by the system when due."""
    at: datetime = row["effective_at"] if row["actor"] == SYSTEM else row["entered_at"]
    return at


def _episode(row: asyncpg.Record, books: Rulebooks) -> Episode:
    rule, ended, rules = row["rule"], row["ended"], books.at(row["raised"])
    delay = timedelta(seconds=rules.numbers.get(f"{rule}.off_delay_s", 0.0))
    explanation: dict[str, Any] = msgspec.json.decode(row["explanation"])
    return Episode(
        id=row["id"],
        rule=rule,
        subject=row["subject"],
        kind=row["kind"],
        grade=rules.rules[rule].grade,
        enterprise=row["enterprise"],
        line=row["line"],
        began=row["began"],
        raised=row["raised"],
        ended=ended,
        sure=None if ended is None else max(ended + delay, row["raised"]),
        grade_up=row["grade_up"],
        graded=row["graded"],
        suppressed=row["suppressed_by"] is not None,
        withdrawn=row["withdrawn"],
        zh=explanation.get("zh", ""),
        en=explanation.get("en", ""),
    )


def listed(values: Iterable[Any] | None) -> list[Any] | None:
    """Return values as the database takes them; None stays None."""
    return None if values is None else list(values)
