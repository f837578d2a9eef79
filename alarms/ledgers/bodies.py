"""What people write into ledgers, and correct there: the bodies of these decisions.

    repair              a machine was repaired or serviced (检修)
    abnormal            an abnormal condition: from when to when, why, what was done (异常情况)
    special_period      what was done in a time of heavy pollution, off-peak… (特殊时段)
    ledger_correction   what an entry should have said; the entry stays

Patrols (``decisions.bodies.Patrol``) and replacements are written down as well.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import ENTERPRISE, MAINTENANCE, Roles
from wattwarden.alarms.decisions.body import Body, Moment, Reference, Scope
from wattwarden.alarms.registry.nouns import Id, Text
from wattwarden.alarms.registry.problems import Problem

Said = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]


class Occasion(StrEnum):
    """Why a period is special."""

    HEAVY_POLLUTION = "heavy_pollution"  # 重污染天气
    OFF_PEAK = "off_peak"  # 错峰生产
    OTHER = "other"


class Repair(Body, frozen=True, kw_only=True):
    """``person`` repaired a unit; not ended yet where ``ended`` is None."""

    kind_name: ClassVar[str] = "repair"
    prefix: ClassVar[str] = "RE"

    id: Id
    unit: Id
    person: Id
    began: Moment
    ended: Moment | None = None
    work: Said
    cause: Text = ""
    parts: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the unit, and who repaired it."""
        return (Reference("unit", "unit", self.unit), Reference("person", "person", self.person))

    def contradictions(self) -> Iterator[Problem]:
        """Yield a repair that ended before it began."""
        yield from _ends_later(self, self.began, self.ended, "ended")


class Abnormal(Body, frozen=True, kw_only=True):
    """An abnormal condition of ``subject``; it goes on where ``end`` is None."""

    kind_name: ClassVar[str] = "abnormal"
    prefix: ClassVar[str] = "AB"

    id: Id
    scope: Scope
    subject: Id
    start: Moment
    end: Moment | None = None
    condition: Said
    cause: Text = ""
    measure: Text = ""
    # To the authority.
    reported: bool = False

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, line or unit."""
        return (Reference("subject", self.scope, self.subject),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a condition that ended before it began."""
        yield from _ends_later(self, self.start, self.end, "end")


class SpecialPeriod(Body, frozen=True, kw_only=True):
    """What an enterprise did in a special period; every day of it has an entry of its own."""

    kind_name: ClassVar[str] = "special_period"
    prefix: ClassVar[str] = "SP"

    id: Id
    enterprise: Id
    occasion: Occasion
    start: Moment
    end: Moment | None = None
    measure: Said

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise."""
        return (Reference("enterprise", "enterprise", self.enterprise),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a period that ended before it began."""
        yield from _ends_later(self, self.start, self.end, "end")


class LedgerCorrection(Body, frozen=True, kw_only=True):
    """Entry number ``entry`` of an enterprise's ledger should say ``text``, and why."""

    kind_name: ClassVar[str] = "ledger_correction"
    prefix: ClassVar[str] = "LC"

    id: Id
    enterprise: Id
    entry: Annotated[int, msgspec.Meta(ge=1)]
    text: Said
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    # When it truly was, if that was wrong.
    occurred_at: Moment | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise."""
        return (Reference("enterprise", "enterprise", self.enterprise),)


BODIES: Final[tuple[type[Body], ...]] = (Repair, Abnormal, SpecialPeriod, LedgerCorrection)
# Who may decide what of these: a firm keeps its own ledger, and who maintains its machines helps.
RIGHTS: Final[Mapping[str, Roles]] = {
    "repair": ENTERPRISE | MAINTENANCE,
    "abnormal": ENTERPRISE,
    "special_period": ENTERPRISE,
    "ledger_correction": ENTERPRISE | MAINTENANCE,
}


def _ends_later(body: Body, start: datetime, end: datetime | None, field: str) -> Iterator[Problem]:
    if end is not None and end < start:
        yield body.problem(field, "结束时间早于开始时间", "it ends before it begins")
