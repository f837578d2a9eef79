"""How grave a case is: by its class, how long its condition stands, and how its firm is watched.

level = class's rung at the duration + what makes it graver + supervision's shift, within 1 to 4
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.acting.roles import Roles
from wattwarden.alarms.cases.case import Episode, Level
from wattwarden.alarms.registry.nouns import Role, Supervision
from wattwarden.alarms.rulebook import CLASSES, Fault, RuleError, not_toml
from wattwarden.protocol.toml_file import read_toml

# Longer is never meant: a number in milliseconds would be.
MAX_SECONDS: Final = 366 * 86_400

Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]
Interval = Annotated[int, msgspec.Meta(ge=60, le=MAX_SECONDS)]
Shift = Annotated[int, msgspec.Meta(ge=-3, le=3)]
Told = Annotated[tuple[frozenset[Role], ...], msgspec.Meta(min_length=4, max_length=4)]


class Task(StrEnum):
    """What a rung asks of those who send officers."""

    NONE = "none"
    CANDIDATE = "candidate"
    CREATE = "create"


class Settles(StrEnum):
    """Which cases close by themselves when their condition went."""

    NEVER = "never"
    BRIEF = "brief"
    ALWAYS = "always"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Rung(_Table, frozen=True):
    """From ``at_s`` after the raise on, a case is of a level."""

    at_s: Seconds
    level: Level
    task: Task = Task.NONE


class Grade(_Table, frozen=True):
    """What holds for a class; ``told`` are the roles that each level adds, from 1 to 4."""

    rungs: Annotated[tuple[Rung, ...], msgspec.Meta(min_length=1)]
    told: Told
    handle_s: Interval
    settles: Settles
    evidence: bool
    digest: bool = False


class Special(_Table, frozen=True):
    """What holds for a rule otherwise than for its class."""

    told: Told
    settles: Settles


class Grading(_Table, frozen=True, rename={"classes": "class", "rules": "rule"}):
    """The file as a whole."""

    version: Annotated[str, msgspec.Meta(min_length=1)]
    unacked_repeat_s: Interval
    acked_repeat_s: Interval
    repeats_for_s: Interval
    brief_s: Seconds
    settle_s: Seconds
    close_after_s: Seconds
    proof_s: Interval
    recur_s: Seconds
    plan_most_s: Interval
    declare_most_s: Interval
    declared_late_s: Seconds
    never_muted: frozenset[str]
    classes: dict[str, Grade]
    shift: dict[Supervision, dict[str, Shift]]
    least: dict[str, Level]
    rules: dict[str, Special]

    def rungs(self, episode: Episode) -> tuple[Rung, ...]:
        """Return the rungs of an alarm's class."""
        return self.classes[episode.grade].rungs

    def told(self, episode: Episode, level: Level) -> Roles:
        """Return the roles that hear of an alarm at a level."""
        special = self.rules.get(episode.rule)
        told = self.classes[episode.grade].told if special is None else special.told
        return frozenset().union(*told[:level])

    def settles(self, episode: Episode) -> Settles:
        """Return whether an alarm's case closes by itself."""
        special = self.rules.get(episode.rule)
        return self.classes[episode.grade].settles if special is None else special.settles

    def evidence(self, episode: Episode) -> bool:
        """Tell whether a rectification has to be proved by a file."""
        return self.classes[episode.grade].evidence

    def deadline(self, episode: Episode) -> datetime:
        """Return by when an alarm is to be rectified, unless a plan says otherwise."""
        return episode.raised + timedelta(seconds=self.classes[episode.grade].handle_s)

    def level(self, episode: Episode, watched: Supervision, at: datetime, *, up: int) -> Level:
        """Return how grave an alarm is at a moment.

        Args:
            episode: The alarm.
            watched: How closely its firm is.
            at: When.
            up: How many levels a missed deadline and officers add.
        """
        lasted = at - episode.raised
        stood = lasted if episode.sure is None else episode.sure - episode.raised
        steps = ((timedelta(seconds=rung.at_s), rung.level) for rung in self.rungs(episode))
        reached = [
            level
            for step, level in steps
            if step <= lasted and (episode.sure is None or step < stood)
        ]
        level = max(reached, default=self.rungs(episode)[0].level)
        level = max(level, self.least.get(f"{episode.rule}:{episode.kind.split(':')[0]}", level))
        graver = episode.grade_up if episode.graded is None or episode.graded <= at else 0
        shifted = level + graver + self.shift[watched].get(episode.grade, 0) + up
        return Level(min(max(shifted, Level.REMINDER), Level.SEVERE))


def default_grading() -> Grading:
    """Return the grading that comes with the program."""
    return load_grading(
        files("wattwarden.alarms.cases").joinpath("cases.toml").read_text(encoding="utf-8")
    )


def load_grading(text: str) -> Grading:
    """Read a grading.

    Raises:
        RuleError: It is no TOML, or a number or name is missing, unknown or out of bounds.
    """
    try:
        tables = read_toml(text)
    except ValueError as error:
        raise RuleError(not_toml("分级文件", "the grading", error)) from error
    try:
        grading = msgspec.convert(tables, Grading)
    except msgspec.ValidationError as error:
        raise RuleError(Fault(f"分级文件：{error}", f"grading: {error}")) from error
    for problem in _problems(grading):
        raise RuleError(Fault(f"分级文件：{problem.zh}", f"grading: {problem.en}"))
    return grading


def _problems(grading: Grading) -> Iterator[Fault]:
    """Yield what no single field shows."""
    if set(grading.classes) != set(CLASSES):
        has, wanted = ", ".join(grading.classes), ", ".join(CLASSES)
        yield Fault(f"class 有 {has}，规则有 {wanted}", f"class has {has}, the rules have {wanted}")
    for name, grade in grading.classes.items():
        times = [rung.at_s for rung in grade.rungs]
        if times[0] != 0 or times != sorted(set(times)):
            where = f"class.{name}.rungs"
            zh = f"{where}：须自 0 秒起依次递增"
            yield Fault(zh, f"{where}: begin at 0 s and come one after the other")
    if set(grading.shift) != set(Supervision):
        has, wanted = ", ".join(grading.shift), ", ".join(Supervision)
        yield Fault(f"shift 有 {has}，应有 {wanted}", f"shift has {has}, there are {wanted}")
    for watched, shifts in grading.shift.items():
        if set(shifts) != set(grading.classes):
            en = f"shift.{watched}: each class has one"
            yield Fault(f"shift.{watched}：每一类别须有一项", en)
