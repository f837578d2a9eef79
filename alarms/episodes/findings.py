"""What the fold finds.  Times are ms Unix of fold time; subjects ``unit:…``, ``meter:…`` etc."""

from typing import TypeAlias

import msgspec

from wattwarden.alarms.states.codes import UnitState


class Signal(msgspec.Struct, frozen=True):
    """A value that an alarm rests on, with its unit ("1" for shares)."""

    value: float | None
    unit: str


class Explanation(msgspec.Struct, frozen=True):
    """Why an alarm was raised: what was seen, which thresholds it crossed, over which windows.

    ``windows`` are seconds.  ``zh`` and ``en`` are sentences for the person who must act.
    """

    zh: str
    en: str
    signals: dict[str, Signal]
    thresholds: dict[str, Signal]
    windows: dict[str, float]
    version: str


class Key(msgspec.Struct, frozen=True, order=True):
    """What an episode is known by."""

    rule: str
    subject: str
    kind: str
    began: int


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An episode.  ``grade_up``: levels above its class's (emission together with a sync rule).

    ``suppressed_by`` is the key of an alarm that says more; such an episode is not told to people.
    """

    rule: str
    subject: str
    enterprise: str
    line: str = ""
    kind: str = ""
    began: int
    raised: int
    ended: int | None = None
    suppressed_by: Key | None = None
    grade_up: int = 0
    version: str
    explanation: Explanation

    @property
    def key(self) -> Key:
        """What the episode is known by."""
        return Key(self.rule, self.subject, self.kind, self.began)


class Transition(msgspec.Struct, frozen=True):
    """A unit's debounced state changed; ``at`` is its first sample in the new one."""

    enterprise: str
    unit: str
    state: UnitState
    at: int


class Raised(msgspec.Struct, frozen=True):
    """An episode became an alarm."""

    alarm: Alarm

    @property
    def at(self) -> int:
        """When."""
        return self.alarm.raised

    @property
    def enterprise(self) -> str:
        """Whose."""
        return self.alarm.enterprise


class Ended(msgspec.Struct, frozen=True):
    """The condition went: ``ended`` is the first sample without it, ``at`` when that was sure."""

    key: Key
    enterprise: str
    ended: int
    at: int


class Returned(msgspec.Struct, frozen=True):
    """The condition came back soon: the episode that had ended goes on."""

    key: Key
    enterprise: str
    at: int


class Graded(msgspec.Struct, frozen=True):
    """An episode counts one level more (``up``) because of another."""

    key: Key
    enterprise: str
    up: int
    because: Key
    at: int


Finding: TypeAlias = Transition | Raised | Ended | Returned | Graded
Findings: TypeAlias = tuple[Finding, ...]


def in_order(findings: list[Finding]) -> Findings:
    """Sort by time, enterprise, then content, so that nothing depends on how they were found."""
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[int, str, str, tuple[str, ...]]:
    match finding:
        case Transition():
            parts: tuple[str, ...] = (finding.unit, str(finding.state))
        case Raised():
            parts = _parts(finding.alarm.key)
        case _:
            parts = _parts(finding.key)
    return (finding.at, finding.enterprise, type(finding).__name__, parts)


def _parts(key: Key) -> tuple[str, ...]:
    return (key.rule, key.subject, key.kind, str(key.began))
