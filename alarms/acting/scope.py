"""Who may read what, and of whom: the twin of the rights by which people act.

    person ─► role ─► what (READS)
           └► enterprise, or agency and those below it ─► whose

Nobody is told of what they may not see: a foreign firm's thing is as if it were not there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from wattwarden.alarms.acting.rights import Refusal, reaches, upwards
from wattwarden.alarms.acting.roles import (
    CITY_WIDE,
    MAINTENANCE,
    OFFICERS,
    ROLES_ZH,
    Roles,
    roles_zh,
)
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role


class Read(StrEnum):
    """What is read, as one right."""

    ALARMS = "alarms"
    STATES = "states"
    EVIDENCE = "evidence"
    DECLARATIONS = "declarations"
    CONSUMABLES = "consumables"
    LEDGERS = "ledgers"
    PLANS = "plans"
    RESPONSES = "responses"
    CALENDARS = "calendars"
    DOCUMENTS = "documents"
    TASKS = "tasks"
    VISITS = "visits"  # tasks for which nobody has come yet
    STATIONS = "stations"
    FOCUS = "focus"
    REQUESTS = "requests"
    REMINDERS = "reminders"
    WEAK_POINTS = "weak_points"
    STATISTICS = "statistics"
    INSPECTIONS = "inspections"
    FINDINGS = "findings"
    FLAGS = "flags"
    SHARES = "shares"
    CLUES = "clues"
    PACKAGES = "packages"  # all about an alarm, in a file that goes to a court
    NOTICES = "notices"
    SILENCES = "silences"
    COMMANDS = "commands"
    AUDIT = "audit"


_EVERYBODY: Final[Roles] = frozenset(Role)
# Who maintains meters and machines needs no talk between a firm and the authority.
_OF_THE_FIRM: Final[Roles] = _EVERYBODY - MAINTENANCE
# Surprise visits would surprise nobody, and who complained would be known.
_AUTHORITY: Final[Roles] = OFFICERS | CITY_WIDE

READS: Final[Mapping[Read, Roles]] = {
    Read.ALARMS: _EVERYBODY,
    Read.STATES: _EVERYBODY,
    Read.EVIDENCE: _EVERYBODY,
    Read.DECLARATIONS: _EVERYBODY,
    Read.CONSUMABLES: _EVERYBODY,
    Read.LEDGERS: _EVERYBODY,
    Read.PLANS: _EVERYBODY,
    Read.RESPONSES: _EVERYBODY,
    Read.CALENDARS: _EVERYBODY,
    Read.DOCUMENTS: _EVERYBODY,
    # Of those to a firm's people, and of them alone, its people read.
    Read.NOTICES: _EVERYBODY,
    Read.SILENCES: _EVERYBODY,
    Read.TASKS: _OF_THE_FIRM,
    Read.STATIONS: _OF_THE_FIRM,
    Read.FOCUS: _OF_THE_FIRM,
    Read.REQUESTS: _OF_THE_FIRM,
    Read.REMINDERS: _OF_THE_FIRM,
    Read.WEAK_POINTS: _OF_THE_FIRM,
    Read.STATISTICS: _OF_THE_FIRM,
    Read.VISITS: _AUTHORITY,
    Read.INSPECTIONS: _AUTHORITY,
    Read.FINDINGS: _AUTHORITY,
    Read.FLAGS: _AUTHORITY,
    Read.SHARES: _AUTHORITY,
    Read.PACKAGES: _AUTHORITY,
    # What is only suspected is nothing for whoever runs the computers.
    Read.CLUES: OFFICERS | {Role.AUDITOR},
    # Whoever maintains meters asks them.
    Read.COMMANDS: _AUTHORITY | MAINTENANCE,
    Read.AUDIT: CITY_WIDE,
}

# What files prove something about is read by those who may read that.
_ABOUT: Final[Mapping[str, Read]] = {
    "task": Read.TASKS,
    "station": Read.STATIONS,
    "focus": Read.FOCUS,
    "assistance": Read.REQUESTS,
    "inspection": Read.INSPECTIONS,
    "finding": Read.FINDINGS,
    "clue": Read.CLUES,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and at which moment; the database's own operator is no person and sees all.

    ``enterprises`` None: all, also what belongs to no enterprise.  ``industries`` None: of all.
    """

    person: Person | None
    enterprises: frozenset[str] | None
    industries: frozenset[str] | None
    now: datetime

    def may(self, read: Read) -> bool:
        """Tell whether this is anything for them at all, whosever it is."""
        return self.person is None or self.person.role in READS[read]

    def sees(self, enterprise: str | None) -> bool:
        """Tell whether what is an enterprise's (None: the city's) is theirs to see."""
        return self.enterprises is None or enterprise in self.enterprises

    def sees_person(self, other: Person, agencies: Mapping[str, Agency]) -> bool:
        """Tell whether they see how a person is reached: themselves, their firm's, those below."""
        if self.person is None or other.id == self.person.id:
            return True
        if other.enterprise is not None:
            return self.sees(other.enterprise)
        if other.agency is None:
            return self.enterprises is None
        return oversees(self.person, other.agency, agencies)

    def sees_file(self, about: str, enterprise: str | None) -> bool:
        """Tell whether they see a file about a thing of this kind, of this enterprise."""
        return self.sees(enterprise) and self.may(_ABOUT.get(about, Read.EVIDENCE))

    def concerns(self, industry: str) -> bool:
        """Tell whether what is meant for an industry is meant for them as well."""
        return self.industries is None or industry in self.industries

    def within(self, enterprise: str | None) -> frozenset[str] | None:
        """Return whose things to show when an enterprise's, or with None all, are asked for."""
        if enterprise is None:
            return self.enterprises
        return frozenset({enterprise}) if self.sees(enterprise) else frozenset()


def reader_of(
    person: Person,
    enterprises: Iterable[Enterprise],
    agencies: Mapping[str, Agency],
    now: datetime,
) -> Reader:
    """Return what a person may see: their firm, their agency's and those below it, or the city."""
    if reaches(person, None, agencies):
        return Reader(person, None, None, now)
    seen = [one for one in enterprises if reaches(person, one, agencies)]
    # Whoever is of an authority may know what other industries are told.
    theirs = None if person.enterprise is None else frozenset(one.industry for one in seen)
    return Reader(person, frozenset(one.id for one in seen), theirs, now)


def operator(now: datetime) -> Reader:
    """Return the reader who has the database itself: nothing can be kept from them."""
    return Reader(None, None, None, now)


def unread(person: Person, read: Read) -> Refusal | None:
    """Return why a person may not read something, whosever it is; None if they may."""
    if person.role in READS[read]:
        return None
    able = ", ".join(sorted(READS[read]))
    en = f"{person.id} is {person.role}; reading {read} takes {able}"
    role, ables = ROLES_ZH[person.role], roles_zh(READS[read])
    zh = f"{person.name}({role})无权查看此项({read}),仅限{ables}"
    return Refusal(zh, en)


def oversees(person: Person, agency: str, agencies: Mapping[str, Agency]) -> bool:
    """Tell whether all that an agency may see is within a person's scope."""
    if person.enterprise is not None:
        return False
    if person.agency is None:
        return person.role in CITY_WIDE
    return person.agency in upwards(agency, agencies)
