"""What an import would change: tables held against what is in force, wholly or not at all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from wattwarden.alarms.decisions.bodies import Consumable
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.kinds import AnyBody, check_body, dangling
from wattwarden.alarms.registry.changes import Change, changed, difference
from wattwarden.alarms.registry.check import REFERENCES, check
from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.registry.thresholds import named_of, undecided
from wattwarden.storage.books.book import Table
from wattwarden.storage.books.parse import Fault, Known, Parsed, parse_tables
from wattwarden.storage.books.sheets import BOOK_KINDS
from wattwarden.storage.books.tables import known_of

Judge = Callable[[AnyBody], Problem | None]
"""Says what stands against somebody's deciding a body; None where nothing does."""
DECIDED_KINDS: Final = tuple(kind for kind in BOOK_KINDS if kind not in KINDS)


@dataclass(slots=True)
class Draft:
    """Changes and decisions that tables ask for; none is to be made when there are faults."""

    changes: list[Change] = field(default_factory=list)
    bodies: list[AnyBody] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


Leavers = Callable[[Parsed, Registry], list[Change]]
"""Which records go, given what the tables have and what is in force."""


def nobody_leaves(_parsed: Parsed, _registry: Registry) -> list[Change]:
    """Keep what the tables do not name."""
    return []


def unnamed_leave(parsed: Parsed, registry: Registry) -> list[Change]:
    """Remove what the tables do not name, of the kinds that they have a sheet for."""
    return [
        Change(kind, identity, None)
        for kind in KINDS
        if kind in parsed.records
        for identity in getattr(registry, kind)
        if identity not in parsed.records[kind]
    ]


def anything_goes(_body: AnyBody) -> Problem | None:
    """Let whoever has the database decide whatever they like."""
    return None


def draft_import(
    tables: Sequence[Table],
    registry: Registry,
    bodies: Mapping[str, Mapping[str, AnyBody]],
    leavers: Leavers = nobody_leaves,
    judge: Judge = anything_goes,
) -> Draft:
    """Read tables and hold them against what is in force; what is the same already is left out.

    Beside what cannot be read, references to what is nowhere are told in the same round.
    """
    known = known_of(registry, bodies)
    parsed = parse_tables(tables, known)
    wanted = [
        Change(kind, identity, cast("Noun", record))
        for kind in KINDS
        for identity, record in parsed.records.get(kind, {}).items()
    ]
    new = changed(registry, [*wanted, *leavers(parsed, registry)])
    made = _new_bodies(parsed, known)
    changes = difference(registry, new)
    problems = [
        *check(new),
        *undecided(changes, named_of(registry)),
        *_problems_of(made, new, known),
        *filter(None, map(judge, made)),
    ]
    if parsed.faults:
        certain = [one for one in problems if _dangles(one, parsed, new)]
        return Draft(faults=sorted([*parsed.faults, *map(parsed.located, certain)]))
    return Draft(
        changes=changes,
        bodies=made,
        faults=sorted(parsed.located(problem) for problem in problems),
    )


def _dangles(problem: Problem, parsed: Parsed, registry: Registry) -> bool:
    """Whether a problem is a reference to what is nowhere, also not in a row with a fault."""
    record = parsed.records.get(problem.kind, {}).get(problem.id)
    if record is None:
        return False
    if isinstance(record, Body):
        named = next((one for one in record.references() if one.field == problem.field), None)
        target, identity = (named.kind, named.id) if named else ("", "")
    else:
        target = REFERENCES.get(problem.kind, {}).get(problem.field, "")
        identity = getattr(record, problem.field) if target else ""
    there = getattr(registry, target, parsed.records.get(target, {}))
    return bool(target) and identity not in there and not parsed.may_have(target, identity)


def _new_bodies(parsed: Parsed, known: Known) -> list[AnyBody]:
    return [
        cast("AnyBody", body)
        for kind in DECIDED_KINDS
        for identity, body in parsed.records.get(kind, {}).items()
        if known.get(kind, {}).get(identity) != body
    ]


def _problems_of(bodies: Sequence[AnyBody], registry: Registry, known: Known) -> list[Problem]:
    problems: list[Problem] = []
    consumables = set(known.get("consumable", ()))
    for body in bodies:
        try:
            check_body(body)
        except RefusedError as error:
            problems += error.problems
        for reference in body.references():
            there = (
                consumables if reference.kind == "consumable" else getattr(registry, reference.kind)
            )
            if reference.id not in there:
                problems.append(dangling(body, reference))
        if isinstance(body, Consumable):
            consumables.add(body.id)
    return problems
