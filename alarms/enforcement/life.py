"""A thing and what became of it: what was said of it, folded by one table of transitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.problems import Problem
from wattwarden.protocol.codec import DEFAULT_ZONE


class Step(Protocol):
    """The body of a decision that moves a thing on."""

    @property
    def verb(self) -> StrEnum:
        """What is done."""


S = TypeVar("S", bound=StrEnum)
B = TypeVar("B", bound=Body)
T = TypeVar("T", bound=Step)
A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Said(Generic[A_co]):
    """A decision as a fold sees it: its number, who, when, what."""

    number: int
    actor: str
    at: datetime
    body: A_co


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """A kind of thing: its names, its transitions; what states and verbs are called in Chinese."""

    zh: str
    en: str
    table: Mapping[tuple[S, StrEnum], S]
    states_zh: Mapping[S, str]
    verbs_zh: Mapping[Any, str]


@dataclass(frozen=True, slots=True)
class Life(Generic[B, T, S]):
    """A thing as it stands: what it is, its state, the steps that led there, oldest first."""

    machine: Machine[S]
    told: Said[B]
    state: S
    steps: tuple[Said[T], ...]

    @property
    def id(self) -> str:
        """The thing's id."""
        return str(getattr(self.told.body, "id", ""))

    @property
    def last(self) -> Said[B] | Said[T]:
        """What was said last."""
        return self.steps[-1] if self.steps else self.told

    def latest(self, verb: StrEnum) -> Said[T] | None:
        """Return the newest step of a verb, None if there was none."""
        return next((one for one in reversed(self.steps) if one.body.verb is verb), None)


def live(machine: Machine[S], first: S, told: Said[B], steps: Iterable[Said[T]]) -> Life[B, T, S]:
    """Fold a thing's steps, in the order of their numbers; what the table has not is left out."""
    state, taken = first, []
    for step in sorted(steps, key=lambda one: one.number):
        following = machine.table.get((state, step.body.verb))
        if following is not None:
            state = following
            taken.append(step)
    return Life(machine, told, state, tuple(taken))


def refused_step(life: Life[B, T, S], body: Body, verb: StrEnum, who: str) -> Problem | None:
    """Return why a verb cannot follow what stands; None where it can.

    Args:
        life: The thing as it stands.
        body: What was to be decided.
        verb: What it does.
        who: The name of whoever said what was said last.
    """
    if (life.state, verb) in life.machine.table:
        return None
    machine, at = life.machine, local(life.last.at)
    state = machine.states_zh[life.state]
    zh = f"{machine.zh}{life.id}{state}(由{who}于{at}办理),不能再{machine.verbs_zh[verb]}"
    en = f"{machine.en} {life.id} is {life.state}, by {who} at {at}; it takes no {verb} there"
    return body.problem("verb", zh, en)


def local(at: datetime) -> str:
    """Write a moment as the city's clocks show it, to the minute."""
    return at.astimezone(DEFAULT_ZONE).strftime("%Y-%m-%d %H:%M")
