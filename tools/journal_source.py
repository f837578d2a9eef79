"""Shots from the journal: what the running system once received."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from wattwarden.tools.options import System
from wattwarden.tools.shots import Shot


@dataclass(frozen=True, slots=True)
class JournalRange:
    """Which frames are wanted: received since, before, of which meters (empty: of all)."""

    since: datetime | None
    until: datetime | None
    meters: frozenset[str]


async def journal_shots(wanted: JournalRange, system: System) -> AsyncIterator[Shot]:
    raise NotImplementedError
    yield
