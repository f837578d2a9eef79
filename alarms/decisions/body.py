"""What every body of a decision has: references, the right that it takes, contradictions."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple

import msgspec

from wattwarden.alarms.registry.problems import Problem

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
# Longer reports are attachments; a form's field holds a page.
MAX_REPORT_LETTERS: Final = 4_000
Report = Annotated[str, msgspec.Meta(max_length=MAX_REPORT_LETTERS)]
# What is entered under this id gets the next one of its kind: its prefix and the decision's number.
NEW: Final = "new"


class Scope(StrEnum):
    """What a plan, declaration or patrol is about."""

    ENTERPRISE = "enterprise"
    LINE = "line"
    UNIT = "unit"


class Reference(NamedTuple):
    """A field of a body that names a record of the registry, an earlier body, or an alarm."""

    field: str
    kind: str
    id: str


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a decision says; ``kind_name`` is its kind in the table of decisions."""

    kind_name: ClassVar[str]
    # What ids of this kind begin with, where they are given by the store.
    prefix: ClassVar[str] = ""

    def references(self) -> tuple[Reference, ...]:
        """Return what it refers to; the first says which enterprise the decision concerns."""
        return ()

    def contradictions(self) -> Iterator[Problem]:
        """Yield what cannot stand, however the world is."""
        return iter(())

    def right(self) -> str:
        """Return the name of the right that it takes to decide this."""
        return self.kind_name

    def problem(self, field: str, zh: str, en: str) -> Problem:
        """Say in both languages what is wrong with a field."""
        name = str(getattr(self, "id", ""))
        return Problem(self.kind_name, "" if name == NEW else name, field, zh, en)
