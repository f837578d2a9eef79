"""What people decide of notices.

routing      another routing table is in force
reach        how a person is reached: addresses, order of ways, hours of duty, quiet hours
silence      notices of some alarms go to nobody until a moment
silence_end  a silence ends before it does by itself
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import OFFICERS, Roles
from wattwarden.alarms.decisions.body import Body, Moment, Reference
from wattwarden.alarms.registry.nouns import Id, Name, Role
from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.routing.hours import Hours

# A table with every district's endpoints has some 20 KB.
MAX_TABLE_LETTERS: Final = 262_144
# Addresses, ways and shifts of one person.
MAX_ENTRIES: Final = 16
# An outage of a month is declared, not silenced.
MAX_SILENCE_D: Final = 31
# Level 4 is never silenced: somebody has to hear of it.
MOST_SILENCED: Final = 3

Address = Annotated[str, msgspec.Meta(max_length=254)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Routing(Body, frozen=True, kw_only=True):
    """A routing table (TOML) as a whole; ``version`` is the one that it gives itself."""

    kind_name: ClassVar[str] = "routing"

    version: Name
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TABLE_LETTERS)]


class Reach(Body, frozen=True, kw_only=True):
    """How ``id``, a person, is reached; whatever is left out is as registry and role have it.

    ``addresses`` by kind, such as wecom, openid, phone or mail; "" takes an address away.
    ``quiet`` with the same beginning and end means that no hour is quiet.
    """

    kind_name: ClassVar[str] = "reach"

    id: Id
    addresses: Annotated[dict[str, Address], msgspec.Meta(max_length=MAX_ENTRIES)] = msgspec.field(
        default_factory=dict
    )
    chain: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_ENTRIES)] = ()
    duty: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=MAX_ENTRIES)] = ()
    quiet: Hours | None = None
    # Away until then: others of the role are told.
    away_until: Moment | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the person."""
        return (Reference("id", "person", self.id),)


class Silence(Body, frozen=True, kw_only=True):
    """No notice of an enterprise's alarms up to ``level``, from start to end.

    ``rules`` and ``unit`` leave others be; empty and None mean all of them.
    """

    kind_name: ClassVar[str] = "silence"
    prefix: ClassVar[str] = "SL"

    id: Id
    enterprise: Id
    start: Moment
    end: Moment
    reason: Reason
    rules: Annotated[tuple[Id, ...], msgspec.Meta(max_length=64)] = ()
    unit: Id | None = None
    level: Annotated[int, msgspec.Meta(ge=1, le=MOST_SILENCED)] = MOST_SILENCED

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, and the unit where there is one."""
        firm = Reference("enterprise", "enterprise", self.enterprise)
        return (firm,) if self.unit is None else (firm, Reference("unit", "unit", self.unit))

    def contradictions(self) -> Iterator[Problem]:
        """Yield silences without an end worth the name."""
        if self.end <= self.start:
            yield self.problem("end", "结束时间须晚于开始时间", "the end is not after the start")
        elif (self.end - self.start).total_seconds() > MAX_SILENCE_D * 86_400:
            zh, en = f"静默最长{MAX_SILENCE_D}天", f"a silence lasts {MAX_SILENCE_D} days at most"
            yield self.problem("end", zh, en)


class SilenceEnd(Body, frozen=True, kw_only=True):
    """A silence ends now."""

    kind_name: ClassVar[str] = "silence_end"

    silence: Id
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the silence."""
        return (Reference("silence", "silence", self.silence),)


BODIES: Final[tuple[type[Body], ...]] = (Routing, Reach, Silence, SilenceEnd)
_SILENCERS: Final[Roles] = OFFICERS | {Role.ADMINISTRATOR}
RIGHTS: Final[Mapping[str, Roles]] = {
    "routing": frozenset({Role.ADMINISTRATOR}),
    # Of whom, the admission says: oneself, or those of one's own firm.
    "reach": frozenset(Role) - {Role.AUDITOR},
    "silence": _SILENCERS,
    "silence_end": _SILENCERS,
}
