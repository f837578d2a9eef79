"""What enforcement looks at: an enterprise's alarms with what became of them, and its production.

Everything is asked as of a moment, ``at``: what came later counts as not there yet, so that the
answer does not depend on when somebody looked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wattwarden.alarms.enforcement.spans import Spans, merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An alarm that people were told of.

    ``grade`` is its rule's class, ``level3`` and ``level4`` are when it first reached these levels,
    ``called`` is when the ladder asked for a visit, ``due`` by when its cause was to be gone.
    ``claims`` are, in order of time, when that was said or proved (True) and when it was rejected
    (False); ``closed`` is when nothing was left to do about it.  ``excused`` is since when it is
    known that the firm did nothing wrong: a declaration explains it, or the metering was at fault.
    """

    alarm: int
    rule: str
    subject: str
    line: str
    grade: str
    raised: datetime
    ended: datetime | None = None
    level3: datetime | None = None
    level4: datetime | None = None
    claims: tuple[tuple[datetime, bool], ...] = ()
    closed: datetime | None = None
    due: datetime | None = None
    called: datetime | None = None
    excused: datetime | None = None

    def counts(self, at: datetime) -> bool:
        """Tell whether it was there, and the firm's own."""
        return self.raised <= at and (self.excused is None or self.excused > at)

    def is_open(self, at: datetime) -> bool:
        """Tell whether its condition held."""
        return self.raised <= at and (self.ended is None or self.ended > at)

    def corrected(self, at: datetime) -> datetime | None:
        """Return since when its cause was held to be gone at a moment; None if it was not."""
        since: datetime | None = None
        for when, gone in self.claims:
            if when <= at:
                since = (since or when) if gone else None
        return since

    def reached(self, level: int, at: datetime) -> bool:
        """Tell whether it had reached level 3 or 4."""
        when = self.level4 if level == 4 else self.level3
        return when is not None and when <= at


@dataclass(frozen=True, slots=True)
class Worn:
    """A consumable of a line ("": of none in particular), so far beyond its limit since then."""

    consumable: str
    line: str
    since: datetime


@dataclass(frozen=True, slots=True)
class History:
    """An enterprise's incidents, when its lines produced, and parts used far beyond their limit.

    ``names`` are what subjects (``unit:U1``) are called.
    """

    incidents: Sequence[Incident]
    production: Mapping[str, Spans] = field(default_factory=dict)
    worn: Sequence[Worn] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def counting(self, at: datetime, grades: str) -> list[Incident]:
        """Return the incidents of some classes that counted at a moment, by raise."""
        found = [one for one in self.incidents if one.grade in grades and one.counts(at)]
        return sorted(found, key=lambda one: (one.raised, one.alarm))

    def called(self, subject: str) -> str:
        """Return what a subject is called; itself where that is not known."""
        return self.names.get(subject, subject)

    def producing(self, line: str) -> Spans:
        """Return when a line produced; "" stands for any of the firm's."""
        if line:
            return self.production.get(line, ())
        return merged(span for spans in self.production.values() for span in spans)
