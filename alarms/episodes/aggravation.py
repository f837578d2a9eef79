"""Emission together with treatment at fault: both count one level more."""

from collections.abc import Iterator
from typing import Final

import msgspec

from wattwarden.alarms.episodes.findings import Ended, Finding, Graded, Key, Raised, Returned
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import RULE_OF, WATCH_KIND, Row, WatchRow
from wattwarden.alarms.rules.emission import lines_of
from wattwarden.alarms.states.state import State

_SYNC: Final = (Row.OFF, Row.IDLE, Row.VFD, Row.SLOW)
_RULES: Final = frozenset({"R1", "R2", "R3", "R4", "R5"})


def graded(plant: Plant, state: State, findings: list[Finding]) -> list[Finding]:
    """Mark the episodes of a block that begin while the other kind stands on their line."""
    if not len(plant.watches) or not any(_concerns(finding) for finding in findings):
        return findings
    standing = _standing_before(plant, state, findings)
    out: list[Finding] = []
    for finding in sorted(findings, key=lambda one: one.at):
        match finding:
            case Raised() if _concerns(finding):
                out += _raised(plant, finding, standing)
            case Returned() if _concerns(finding):
                standing[finding.key] = finding.enterprise
                out.append(finding)
            case Ended() if _concerns(finding):
                standing.pop(finding.key, None)
                out.append(finding)
            case _:
                out.append(finding)
    return out


def _raised(plant: Plant, finding: Raised, standing: dict[Key, str]) -> Iterator[Finding]:
    alarm = finding.alarm
    others = [
        key
        for key in sorted(standing)
        if (key.rule == "R20") != (alarm.rule == "R20") and _share(plant, alarm.key, key)
    ]
    standing[alarm.key] = alarm.enterprise
    if not others:
        yield finding
        return
    yield Raised(msgspec.structs.replace(alarm, grade_up=1))
    for key in others:
        yield Graded(key, alarm.enterprise, 1, alarm.key, alarm.raised)


def _share(plant: Plant, one: Key, other: Key) -> bool:
    """Tell whether a unit's and an outlet's episodes concern one line."""
    outlet, unit = (one, other) if one.rule == "R20" else (other, one)
    return bool(_lines_of_outlet(plant, outlet) & _lines_of_unit(plant, unit))


def _lines_of_outlet(plant: Plant, key: Key) -> set[int]:
    outlet, factor = key.subject.partition(":")[2], key.kind.partition(":")[2]
    return set(lines_of(plant, plant.watches.index((outlet, factor))).tolist())


def _lines_of_unit(plant: Plant, key: Key) -> set[int]:
    unit = plant.units.index(key.subject.partition(":")[2])
    makers = plant.pair_unit[plant.treats[plant.pair_owner] == unit]
    return set(plant.unit.line[makers].tolist())


def _concerns(finding: Finding) -> bool:
    match finding:
        case Raised():
            return finding.alarm.rule in _RULES or finding.alarm.rule == "R20"
        case Ended() | Returned():
            return finding.key.rule in _RULES or finding.key.rule == "R20"
        case _:
            return False


def _standing_before(plant: Plant, state: State, findings: list[Finding]) -> dict[Key, str]:
    """Return the episodes that stood before a block: those that stand now, its findings undone."""
    standing = dict(_standing_now(plant, state))
    for finding in sorted(findings, key=lambda one: one.at, reverse=True):
        match finding:
            case Raised() if _concerns(finding):
                standing.pop(finding.alarm.key, None)
            case Returned() if _concerns(finding):
                standing.pop(finding.key, None)
            case Ended() if _concerns(finding):
                standing[finding.key] = finding.enterprise
            case _:
                pass
    return standing


def _standing_now(plant: Plant, state: State) -> Iterator[tuple[Key, str]]:
    timers = state.timers
    for treat in plant.treats.tolist():
        for row in _SYNC:
            if timers.raised[treat, row]:
                rule, kind = RULE_OF[row]
                rule = "R2" if row is Row.OFF and timers.rule[treat, row] else rule
                key = Key(rule, f"unit:{plant.units[treat]}", kind, int(timers.began[treat, row]))
                yield key, plant.firms[plant.unit.firm[treat]]
    for watch, (outlet, factor) in enumerate(plant.watches):
        for each in WatchRow:
            if state.watch_timers.raised[watch, each]:
                kind = f"{WATCH_KIND[each]}:{factor}"
                began = int(state.watch_timers.began[watch, each])
                yield (
                    Key("R20", f"outlet:{outlet}", kind, began),
                    plant.firms[plant.watch.firm[watch]],
                )
