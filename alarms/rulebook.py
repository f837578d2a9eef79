"""The rule file (TOML): every number that the rules use, by rule, kind, drive and industry.

    version = "…"                      declared by whoever wrote the file
    [state]                            numbers of the states
    [rule.R1]                          zh, en, class, and the rule's numbers
    [template.treatment]               numbers that are others for a kind of unit,
    [template.treatment.vfd]           … and for a kind with a drive
    [industry.<id>]                    … and for an industry, [industry.<id>.treatment] for a kind

A number's full name is ``state.theta_off`` or ``R1.delay_s``; templates and units use full names.
What is said later wins: file, kind, kind and drive, industry, industry and kind, unit.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from wattwarden.alarms.plant.day_tables import RING_DAYS
from wattwarden.alarms.plant.unit_tables import SWITCHES
from wattwarden.alarms.registry.nouns import Drive, Enterprise, Unit, UnitKind

RULE_IDS: Final = tuple(f"R{number}" for number in range(23))
CLASSES: Final = ("A", "B", "C", "D", "E", "F")
_WORDS: Final = ("zh", "en", "class")
# What is kept of a unit bounds what rules may ask for: so many days, starts and stops.
_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "state.memory_d": (1, float("inf")),
    "R12.weeks": (1, RING_DAYS // 7),
    "R13.days": (1, RING_DAYS),
    "R14.days": (1, RING_DAYS - 1),
    "R15.switches": (1, SWITCHES),
    "R17.days": (1, RING_DAYS - 1),
    "R22.days": (1, RING_DAYS),
}
_KINDS: Final = frozenset(UnitKind)
_DRIVES: Final = frozenset(Drive)


class RuleError(ValueError):
    """A rule file that cannot be used; says which key and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What people call a rule, and its class A to F."""

    id: str
    zh: str
    en: str
    grade: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule file as a whole; ``version`` names what it declares and a digest of what it holds."""

    version: str
    rules: Mapping[str, Rule]
    numbers: Mapping[str, float]
    templates: Mapping[str, Mapping[str, float]]

    def numbers_for(self, unit: Unit, enterprise: Enterprise) -> dict[str, float]:
        """Return every number as it is for one unit.

        Raises:
            RuleError: The unit's own thresholds name a number that no rule has, or put it out of
                bounds.
        """
        numbers = dict(self.numbers)
        industry = f"industry.{enterprise.industry}"
        for scope in (
            f"template.{unit.kind}",
            f"template.{unit.kind}.{unit.drive}",
            industry,
            f"{industry}.{unit.kind}",
        ):
            numbers.update(self.templates.get(scope, {}))
        for name, number in unit.thresholds.items():
            full = _full_name(name, self.numbers, f"unit {unit.id}")
            numbers[full] = _number(number, full, f"unit {unit.id}: {name}")
        return numbers


def default_rules() -> Rules:
    """Return the rules that come with the program."""
    return load_rules(default_text())


def default_text() -> str:
    """Return the rule file that comes with the program."""
    return files("wattwarden.alarms.rules").joinpath("default.toml").read_text(encoding="utf-8")


def load_rules(text: str) -> Rules:
    """Read a rule file.

    Raises:
        RuleError: It is no TOML, a rule or number is missing, unknown or out of bounds.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"the rule file is no TOML: {error}"
        raise RuleError(message) from error
    _only(document, {"version", "state", "rule", "template", "industry"}, "the rule file")
    version = document.get("version")
    if not isinstance(version, str) or not version:
        raise RuleError("version: a text is needed")
    sections = _section(document, "rule")
    _only(sections, set(RULE_IDS), "rule")
    if missing := [rule for rule in RULE_IDS if rule not in sections]:
        message = f"rule.{missing[0]}: missing"
        raise RuleError(message)
    numbers = dict(_numbers(_section(document, "state"), "state", "state"))
    rules = {}
    for rule in RULE_IDS:
        section = dict(_section(sections, rule))
        rules[rule] = _rule(rule, section)
        numbers.update(_numbers(section, rule, f"rule.{rule}"))
    templates = dict(_templates(document, numbers))
    digest = hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
    return Rules(f"{version}+{digest[:12]}", rules, numbers, templates)


def _rule(rule: str, section: dict[str, Any]) -> Rule:
    texts = {}
    for key in _WORDS:
        texts[key] = section.pop(key, None)
        if not isinstance(texts[key], str) or not texts[key]:
            message = f"rule.{rule}.{key}: a text is needed"
            raise RuleError(message)
    if texts["class"] not in CLASSES:
        message = f"rule.{rule}.class: one of {', '.join(CLASSES)}, got {texts['class']!r}"
        raise RuleError(message)
    return Rule(rule, texts["zh"], texts["en"], texts["class"])


def _templates(
    document: Mapping[str, Any], known: Mapping[str, float]
) -> Iterator[tuple[str, dict[str, float]]]:
    kinds = document.get("template", {})
    _only(kinds, set(_KINDS), "template")
    for kind, section in kinds.items():
        yield from _nested(f"template.{kind}", section, _DRIVES, known)
    for industry, section in document.get("industry", {}).items():
        yield from _nested(f"industry.{industry}", section, _KINDS, known)


def _nested(
    scope: str, section: Any, inner: frozenset[Any], known: Mapping[str, float]
) -> Iterator[tuple[str, dict[str, float]]]:
    plain = {}
    if not isinstance(section, Mapping):
        message = f"{scope}: a table is needed"
        raise RuleError(message)
    for key, value in section.items():
        if key in inner:
            yield from _nested(f"{scope}.{key}", value, frozenset(), known)
        else:
            name = _full_name(key, known, scope)
            plain[name] = _number(value, name, f"{scope}.{key}")
    yield scope, plain


def _full_name(name: str, known: Mapping[str, float], scope: str) -> str:
    """Return a number's full name; a bare one is a number of the states."""
    full = name if name in known else f"state.{name}"
    if full not in known:
        message = f"{scope}: there is no number {name!r}"
        raise RuleError(message)
    return full


def _numbers(section: Mapping[str, Any], prefix: str, where: str) -> Iterator[tuple[str, float]]:
    """Yield a section's numbers by their full names: those that the program uses, and no others."""
    wanted = _used()[prefix]
    _only(section, set(wanted), where)
    for key in wanted:
        if key not in section:
            message = f"{where}.{key}: missing"
            raise RuleError(message)
        name = f"{prefix}.{key}"
        yield name, _number(section[key], name, f"{where}.{key}")


@cache
def _used() -> Mapping[str, tuple[str, ...]]:
    """Return the keys of each section's numbers, by the file that comes with the program."""
    document = tomllib.loads(default_text())
    sections = {"state": document["state"], **document["rule"]}
    return {
        prefix: tuple(key for key in section if key not in _WORDS)
        for prefix, section in sections.items()
    }


def _number(value: Any, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f"{where}: a number is needed, got {value!r}"
        raise RuleError(message)
    if not value >= 0:
        message = f"{where}: must not be negative, got {value!r}"
        raise RuleError(message)
    least, most = _BOUNDS.get(name, (0.0, float("inf")))
    if not least <= value <= most:
        message = f"{where}: must be {least:g} to {most:g}, got {value!r}"
        raise RuleError(message)
    return float(value)


def _section(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = document.get(key)
    if not isinstance(section, Mapping):
        message = f"{key}: a table is needed"
        raise RuleError(message)
    return section


def _only(section: Any, allowed: set[Any], scope: str) -> None:
    unknown = sorted(set(section) - allowed) if isinstance(section, Mapping) else [repr(section)]
    if unknown:
        message = f"{scope}: unknown key {unknown[0]}"
        raise RuleError(message)
