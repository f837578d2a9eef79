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
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec

from wattwarden.alarms.plant.day_tables import RING_DAYS
from wattwarden.alarms.plant.unit_tables import SWITCHES
from wattwarden.alarms.registry.nouns import Drive, Enterprise, Unit, UnitKind
from wattwarden.protocol.toml_file import read_toml

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
# More of them nobody reads, and to say what each was meant to be takes a millisecond.
MOST_FAULTS: Final = 100
_KINDS: Final = tuple(str(kind) for kind in UnitKind)
_DRIVES: Final = tuple(str(drive) for drive in Drive)


class Fault(NamedTuple):
    """What is wrong with a rule file, in both languages; keys are as the file has them."""

    zh: str
    en: str


class RuleError(ValueError):
    """A rule file that cannot be used: ``faults`` say which keys and why; its text is the first."""

    def __init__(self, first: Fault, *others: Fault) -> None:
        super().__init__(first.en)
        self.faults = (first, *others)


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


def number_faults(numbers: Mapping[str, float]) -> list[Fault]:
    """Return what is wrong with numbers that a unit would have of its own; nothing if they fit."""
    faults: list[Fault] = []
    for name, number in numbers.items():
        try:
            _number(number, _full_name(name, _names(), "thresholds"), f"thresholds: {name}")
        except RuleError as error:
            faults += error.faults
    return faults


def default_rules() -> Rules:
    """Return the rules that come with the program."""
    return load_rules(default_text())


def default_text() -> str:
    """Return the rule file that comes with the program."""
    return files("wattwarden.alarms.rules").joinpath("default.toml").read_text(encoding="utf-8")


def load_rules(text: str) -> Rules:
    """Read a rule file.

    Raises:
        RuleError: It is no TOML, or rules or numbers are missing, unknown or out of bounds; tells
            all of them.
    """
    try:
        document = read_toml(text)
    except ValueError as error:
        raise RuleError(not_toml("规则文件", "the rule file", error)) from error
    faults: list[Fault] = []
    _only(document, ("version", "state", "rule", "template", "industry"), "the rule file", faults)
    version = document.get("version")
    if not isinstance(version, str) or not version:
        faults.append(Fault("version：须为文字", "version: a text is needed"))
    sections = _section(document, "rule", faults)
    _only(sections, RULE_IDS, "rule", faults)
    numbers = dict(_numbers(_section(document, "state", faults), "state", "state", faults))
    rules = {}
    for rule in RULE_IDS:
        if rule not in sections:
            faults.append(_missing(f"rule.{rule}"))
            continue
        section = dict(_section(sections, rule, faults))
        rules[rule] = _rule(rule, section, faults)
        numbers.update(_numbers(section, rule, f"rule.{rule}", faults))
    templates = dict(_templates(document, faults))
    if faults:
        raise RuleError(*faults)
    digest = hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
    return Rules(f"{version}+{digest[:12]}", rules, numbers, templates)


def _rule(rule: str, section: dict[str, Any], faults: list[Fault]) -> Rule:
    texts = {}
    for key in _WORDS:
        texts[key] = section.pop(key, None)
        if not isinstance(texts[key], str) or not texts[key]:
            where = f"rule.{rule}.{key}"
            faults.append(Fault(f"{where}：须为文字", f"{where}: a text is needed"))
    if texts["class"] and texts["class"] not in CLASSES:
        where, some, got = f"rule.{rule}.class", ", ".join(CLASSES), repr(texts["class"])
        faults.append(
            Fault(f"{where}：须为 {some} 之一，现为 {got}", f"{where}: one of {some}, got {got}")
        )
    return Rule(rule, texts["zh"], texts["en"], texts["class"])


def _templates(
    document: Mapping[str, Any], faults: list[Fault]
) -> Iterator[tuple[str, dict[str, float]]]:
    given = {"template": {}, "industry": {}, **document}
    kinds = _section(given, "template", faults)
    _only(kinds, _KINDS, "template", faults)
    for table, inner, sections in (
        ("template", _DRIVES, {kind: kinds[kind] for kind in _KINDS if kind in kinds}),
        ("industry", _KINDS, _section(given, "industry", faults)),
    ):
        for name, section in sections.items():
            yield from _nested(f"{table}.{name}", section, inner, faults)


def _nested(
    scope: str, section: Any, inner: Collection[str], faults: list[Fault]
) -> Iterator[tuple[str, dict[str, float]]]:
    plain = {}
    if not isinstance(section, Mapping):
        faults.append(_no_table(scope))
        return
    for key, value in section.items():
        if len(faults) >= MOST_FAULTS:
            return
        if key in inner:
            yield from _nested(f"{scope}.{key}", value, (), faults)
            continue
        try:
            name = _full_name(key, _names(), scope, inner)
            plain[name] = _number(value, name, f"{scope}.{key}")
        except RuleError as error:
            faults += error.faults
    yield scope, plain


def _full_name(name: str, known: Collection[str], scope: str, others: Collection[str] = ()) -> str:
    """Return a number's full name; a bare one is a number of the states."""
    full = name if name in known else f"state.{name}"
    if full not in known:
        short = [one.removeprefix("state.") for one in known]
        meant = _meant(name, [*short, *others])
        zh = f"{scope}：没有参数 {name!r}{meant.zh}"
        raise RuleError(Fault(zh, f"{scope}: there is no number {name!r}{meant.en}"))
    return full


def _meant(name: str, known: Iterable[str]) -> Fault:
    near = get_close_matches(name, list(known), n=1)
    return Fault(f"；是否为 {near[0]}？", f"; did you mean {near[0]}?") if near else Fault("", "")


def not_toml(zh: str, en: str, error: ValueError) -> Fault:
    """Say of a file that it is no TOML."""
    return Fault(f"{zh}不是 TOML：{error}", f"{en} is no TOML: {error}")


def _missing(where: str) -> Fault:
    return Fault(f"{where}：缺少", f"{where}: missing")


def _no_table(where: str) -> Fault:
    return Fault(f"{where}：须为表", f"{where}: a table is needed")


def _numbers(
    section: Mapping[str, Any], prefix: str, where: str, faults: list[Fault]
) -> Iterator[tuple[str, float]]:
    """Yield a section's numbers by their full names: those that the program uses, and no others."""
    wanted = _used()[prefix]
    _only(section, wanted, where, faults)
    for key in wanted:
        if key not in section:
            faults.append(_missing(f"{where}.{key}"))
            continue
        name = f"{prefix}.{key}"
        try:
            yield name, _number(section[key], name, f"{where}.{key}")
        except RuleError as error:
            faults += error.faults


@cache
def _used() -> Mapping[str, tuple[str, ...]]:
    """Return the keys of each section's numbers, by the file that comes with the program."""
    document = tomllib.loads(default_text())
    sections = {"state": document["state"], **document["rule"]}
    return {
        prefix: tuple(key for key in section if key not in _WORDS)
        for prefix, section in sections.items()
    }


@cache
def _names() -> frozenset[str]:
    """Return the full names of all numbers."""
    return frozenset(f"{prefix}.{key}" for prefix, keys in _used().items() for key in keys)


def _number(value: Any, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _unfit(where, f"须为数，现为 {value!r}", f"a number is needed, got {value!r}")
    if not value >= 0:
        raise _unfit(where, f"不得为负，现为 {value!r}", f"must not be negative, got {value!r}")
    if value > sys.float_info.max:
        raise _unfit(where, "须为有限的数", "a number with an end is needed")
    least, most = _BOUNDS.get(name, (0.0, float("inf")))
    if not least <= value <= most:
        zh = f"须在 {least:g} 至 {most:g} 之间，现为 {value!r}"
        raise _unfit(where, zh, f"must be {least:g} to {most:g}, got {value!r}")
    return float(value)


def _unfit(where: str, zh: str, en: str) -> RuleError:
    return RuleError(Fault(f"{where}：{zh}", f"{where}: {en}"))


def _section(document: Mapping[str, Any], key: str, faults: list[Fault]) -> Mapping[str, Any]:
    section = document.get(key)
    if not isinstance(section, Mapping):
        faults.append(_no_table(key))
        return {}
    return section


def _only(
    section: Mapping[str, Any], allowed: Collection[str], scope: str, faults: list[Fault]
) -> None:
    for key in sorted(section.keys() - set(allowed))[:MOST_FAULTS]:
        meant = _meant(key, allowed)
        zh, en = f"{scope}：没有键 {key}{meant.zh}", f"{scope}: unknown key {key}{meant.en}"
        faults.append(Fault(zh, en))
