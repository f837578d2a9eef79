"""What an import would change: tables held against what is in force, wholly or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from wattwarden.alarms.decisions.bodies import (
    AnyBody,
    Consumable,
    check_body,
    dangling,
    references_of,
)
from wattwarden.alarms.registry.changes import Change, changed, difference
from wattwarden.alarms.registry.check import check
from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.registry.book import Table
from wattwarden.tools.registry.parse import Fault, Known, Parsed, parse_tables
from wattwarden.tools.registry.sheets import BOOK_KINDS
from wattwarden.tools.registry.tables import known_of

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


def draft_import(
    tables: Sequence[Table],
    registry: Registry,
    bodies: dict[str, dict[str, AnyBody]],
    leavers: Leavers = nobody_leaves,
) -> Draft:
    """Read tables and hold them against what is in force; what is the same already is left out."""
    known = known_of(registry, bodies)
    parsed = parse_tables(tables, known)
    if parsed.faults:
        return Draft(faults=sorted(parsed.faults))
    wanted = [
        Change(kind, identity, cast("Noun", record))
        for kind in KINDS
        for identity, record in parsed.records.get(kind, {}).items()
    ]
    new = changed(registry, [*wanted, *leavers(parsed, registry)])
    made = _new_bodies(parsed, known)
    problems = [*check(new), *_problems_of(made, new, known)]
    return Draft(
        changes=difference(registry, new),
        bodies=made,
        faults=sorted(parsed.located(problem) for problem in problems),
    )


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
        for reference in references_of(body):
            there = (
                consumables if reference.kind == "consumable" else getattr(registry, reference.kind)
            )
            if reference.id not in there:
                problems.append(dangling(body, reference))
        if isinstance(body, Consumable):
            consumables.add(body.id)
    return problems
