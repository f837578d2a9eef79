"""What an alarm is about, for machines: the facts of a notice, from the registry of the pass.

Ids that the registry has no more stand for their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.channels.facts import (
    MAX_UNITS,
    Explanation,
    Facts,
    Subject,
    Thing,
)
from wattwarden.alarms.channels.facts import Rule as ToldRule
from wattwarden.alarms.channels.texts import cut_chars
from wattwarden.alarms.registry.nouns import Enterprise, Line, Outlet, Region, Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rule

# Explanations have some two hundred; this leaves most of a webhook to the text.
MAX_EXPLANATION_CHARS: Final = 1000

Named = Enterprise | Line | Outlet | Region | Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """An alarm as the store has it when something falls due; ``sequence`` counts what did."""

    number: int
    sequence: int
    state: str
    enterprise: str
    line: str
    subject: str
    began: datetime
    raised: datetime
    ended: datetime | None
    deadline: datetime | None
    zh: str
    en: str


def facts_of(occasion: Occasion, rule: Rule, registry: Registry) -> Facts:
    """Return what machines are told of an alarm."""
    firm = registry.enterprise.get(occasion.enterprise)
    kind, _, name = occasion.subject.partition(":")
    return Facts(
        number=occasion.number,
        sequence=occasion.sequence,
        rule=ToldRule(rule.id, rule.grade, rule.zh, rule.en),
        state=occasion.state,
        enterprise=_thing(registry.enterprise, occasion.enterprise),
        region=None if firm is None else _thing(registry.region, firm.region),
        line=_thing(registry.line, occasion.line) if occasion.line else None,
        subject=_subject(kind, name, registry),
        units=_units(kind, name, registry),
        began=occasion.began,
        raised=occasion.raised,
        cleared=occasion.ended,
        deadline=occasion.deadline,
        explanation=Explanation(
            cut_chars(occasion.zh, MAX_EXPLANATION_CHARS),
            cut_chars(occasion.en, MAX_EXPLANATION_CHARS),
        ),
    )


def _subject(kind: str, name: str, registry: Registry) -> Subject:
    known: dict[str, Mapping[str, Named]] = {
        "unit": registry.unit,
        "line": registry.line,
        "outlet": registry.outlet,
        "enterprise": registry.enterprise,
    }
    found = _thing(known.get(kind, {}), name)
    return Subject(id=found.id, name=found.name, kind=kind)


def _units(kind: str, name: str, registry: Registry) -> tuple[Thing, ...]:
    """Return the units that a subject is, has, or is metered at."""
    match kind:
        case "unit":
            names = {name}
        case "line":
            names = {link.unit for link in registry.link.values() if link.line == name}
        case "meter":
            points = registry.point.values()
            names = {point.unit for point in points if point.meter == name and point.unit}
        case _:
            names = set()
    return tuple(_thing(registry.unit, one) for one in sorted(names)[:MAX_UNITS])


def _thing(known: Mapping[str, Named], identity: str) -> Thing:
    found = known.get(identity)
    return Thing(identity, identity if found is None else found.name)
