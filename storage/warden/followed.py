"""What follows from a pass of a warden: cases, ledgers, tasks, in the transaction of its states."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Followed:
    """A pass as those are told that follow it.

    ``since`` and ``now`` are the seconds of the pass's first and last tick: all the time there is.
    Passes of one slice join without gaps, however long each is, so nothing may depend on where
    they are cut.  What was found is in the tables already.
    """

    registry: Registry
    rules: Rules
    slices: tuple[int, ...]
    since: datetime
    now: datetime


Follower: TypeAlias = Callable[[Connection, Followed], Awaitable[None]]
"""Brings a room's tables up to ``now`` for the enterprises of the pass's slices."""
