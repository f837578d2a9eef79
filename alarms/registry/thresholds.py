"""Numbers that are others for single units and outlets: one person proposes them, another decides.

    version = "2026-3"
    [unit.U1]                 # all that are others for it; an empty table: the rules' own again
    theta_off = 0.05
    "R1.delay_s" = 900
    [outlet.O1]               # its limits
    SO2 = 35

A firm that is new brings its numbers along; from then on nobody changes them alone.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.nouns import Id, Noun, Outlet, Unit
from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Fault, RuleError, not_toml
from wattwarden.protocol.toml_file import read_toml

Named = Mapping[tuple[str, str], Noun]
"""Records by kind and id."""
Numbers = Mapping[str, float]
# In which field a record of a kind has them.
FIELDS: Final[Mapping[str, str]] = {"unit": "thresholds", "outlet": "limits"}
_OWNER: Final = "enterprise"
_HOW_ZH: Final = "须由一人提出、市级他人审定(wattwarden thresholds propose),不能由一人修改"
_HOW_EN: Final = (
    "one proposes them and another decides (wattwarden thresholds propose), nobody alone"
)


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of them; a record that it names has these and no others from then on."""

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    unit: dict[Id, dict[str, float]] = {}
    outlet: dict[Id, dict[str, float]] = {}

    def named(self) -> Iterator[tuple[str, str, Numbers]]:
        """Yield kind, id and numbers of each record that it names."""
        for kind in FIELDS:
            yield from ((kind, name, numbers) for name, numbers in getattr(self, kind).items())


def load_thresholds(text: str) -> Thresholds:
    """Read a file of thresholds.

    Raises:
        RuleError: It is no TOML, names nothing, or something in it is no number.
    """
    try:
        tables = read_toml(text)
    except ValueError as error:
        raise RuleError(not_toml("阈值文件", "the thresholds", error)) from error
    try:
        found = msgspec.convert(tables, Thresholds)
    except msgspec.ValidationError as error:
        raise RuleError(Fault(f"阈值文件：{error}", f"thresholds: {error}")) from error
    if not found.unit and not found.outlet:
        en = "thresholds: a unit or an outlet is needed"
        raise RuleError(Fault("阈值文件：须有设施或排口", en))
    for kind, name, numbers in found.named():
        if not all(number >= 0 and math.isfinite(number) for number in numbers.values()):
            zh = f"阈值文件：{kind} {name} 有负数或无穷大的数"
            en = f"thresholds: {kind} {name} has a number that is negative or without end"
            raise RuleError(Fault(zh, en))
    return found


def written(thresholds: Thresholds) -> str:
    """Return the file that says the same, as ``load_thresholds`` reads it."""
    lines = [f"version = {_quoted(thresholds.version)}"]
    for kind, name, numbers in thresholds.named():
        lines += ["", f"[{kind}.{_quoted(name)}]"]
        lines += [f"{_quoted(one)} = {float(number)!r}" for one, number in numbers.items()]
    return "\n".join([*lines, ""])


def asked_for(thresholds: Thresholds, registry: Registry) -> list[Change]:
    """Return the records that become others; those that are not in the registry are left out."""
    changes = []
    for kind, name, numbers in thresholds.named():
        record: Noun | None = getattr(registry, kind).get(name)
        if record is not None and numbers_of(record) != numbers:
            new = msgspec.structs.replace(record, **{FIELDS[kind]: dict(numbers)})
            changes.append(Change(kind, name, new))
    return changes


def strangers(thresholds: Thresholds, registry: Registry) -> list[Problem]:
    """Return the records that a file names and that are not there."""
    return [
        Problem(kind, name, "id", f"档案中没有 {kind} {name}", f"there is no {kind} {name}")
        for kind, name, _ in thresholds.named()
        if name not in getattr(registry, kind)
    ]


def undecided(
    changes: Iterable[Change], known: Named, decided: Thresholds | None = None
) -> list[Problem]:
    """Return the changes of numbers that nobody but one person wants.

    Args:
        changes: Of the registry.
        known: Records as they are, or were when they were removed: units, outlets, enterprises.
        decided: What one proposed and another decided.
    """
    agreed = {} if decided is None else {(kind, name): one for kind, name, one in decided.named()}
    problems = []
    for change in changes:
        record, before = change.record, known.get((change.kind, change.id))
        if not isinstance(record, Unit | Outlet):
            continue
        if before is None and (_OWNER, record.enterprise) not in known:
            continue
        numbers = numbers_of(record)
        was = numbers_of(before)
        if numbers != was and agreed.get((change.kind, change.id)) != numbers:
            zh, en = f"阈值{_HOW_ZH}", f"thresholds: {_HOW_EN}"
            problems.append(Problem(change.kind, change.id, FIELDS[change.kind], zh, en))
    return problems


def named_of(registry: Registry) -> Named:
    """Return the records of a registry that ``undecided`` asks for."""
    kinds = (*FIELDS, _OWNER)
    return {(kind, one.id): one for kind in kinds for one in getattr(registry, kind).values()}


def wanted_of(changes: Iterable[Change]) -> list[tuple[str, str]]:
    """Return kinds and ids of the records that ``undecided`` asks for to judge changes."""
    wanted = set()
    for change in changes:
        if isinstance(change.record, Unit | Outlet):
            wanted |= {(change.kind, change.id), (_OWNER, change.record.enterprise)}
    return sorted(wanted)


def numbers_of(record: Noun | None) -> Numbers:
    """Return the numbers that a record has of its own; none of what is not there."""
    match record:
        case Unit():
            return record.thresholds
        case Outlet():
            return record.limits
        case _:
            return {}


def _quoted(text: str) -> str:
    """Write a text as TOML has it: as JSON, but for the one letter that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
