"""Who may do what, and to whom: the one table that every way to act goes by.

    person ─► role ─► rights (named, in each room's RIGHTS)
           └► enterprise, or agency and those below it ─► whose matters

A right is asked for with the enterprise that the deed concerns, or None for the whole city.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.acting.roles import (
    CITY_OFFICERS,
    CITY_WIDE,
    ENTERPRISE,
    MAINTENANCE,
    OFFICERS,
    ROLES_ZH,
    Roles,
    roles_zh,
)
from wattwarden.alarms.cases import bodies as cases
from wattwarden.alarms.consumables import bodies as consumables
from wattwarden.alarms.decisions import norms
from wattwarden.alarms.enforcement import bodies as enforcement
from wattwarden.alarms.ledgers import bodies as ledgers
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role
from wattwarden.alarms.responses import bodies as responses
from wattwarden.alarms.routing import bodies as routing
from wattwarden.alarms.service import bodies as service
from wattwarden.protocol.command import Verb

# What the system itself decides: tasks that follow from rules.  No person has this id.
SYSTEM: Final = "system"

# The bodies that readings are judged by; the other rooms name theirs beside their bodies.
FOLDED_RIGHTS: Final[Mapping[str, Roles]] = {
    "registry": frozenset({Role.ADMINISTRATOR}),
    "rules": norms.DECIDERS,
    "plan": OFFICERS,
    "declaration": ENTERPRISE,
    "declaration.review": OFFICERS,
    "declaration.end": ENTERPRISE | OFFICERS,
    "consumable": ENTERPRISE | OFFICERS,
    "replacement": ENTERPRISE,
    "patrol": ENTERPRISE,
}
# To ask disturbs nobody.  A meter's settings are evidence: who is measured changes none, nor does
# whoever serves them.
COMMAND_RIGHTS: Final[Mapping[str, Roles]] = {
    "command.ask": OFFICERS | MAINTENANCE | {Role.ADMINISTRATOR},
    "command.recall": OFFICERS | MAINTENANCE | {Role.ADMINISTRATOR},
    "command.set": CITY_OFFICERS | {Role.ADMINISTRATOR},
}
COMMAND_RIGHT: Final[Mapping[Verb, str]] = {verb: f"command.{verb}" for verb in Verb}
RIGHTS: Final[Mapping[str, Roles]] = {
    **FOLDED_RIGHTS,
    **COMMAND_RIGHTS,
    "norm_draft": norms.DRAFTERS,
    "grading": norms.DECIDERS,
    "thresholds": norms.DECIDERS,
    # Whoever proposes may withdraw; what others proposed takes who decides.
    "norm_refusal": norms.DRAFTERS,
    **cases.RIGHTS,
    **consumables.RIGHTS,
    **enforcement.RIGHTS,
    **ledgers.RIGHTS,
    **responses.RIGHTS,
    **routing.RIGHTS,
    **service.RIGHTS,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not, in both languages."""

    zh: str
    en: str


def refusal(
    person: Person,
    right: str,
    enterprise: Enterprise | None,
    agencies: Mapping[str, Agency],
) -> Refusal | None:
    """Return why a person may not use a right on an enterprise (None: the city); None if they may.

    Args:
        person: Who acts.
        right: A name in ``RIGHTS``.
        enterprise: Whom it concerns.
        agencies: All of them, by id: an agency reaches the enterprises of those below it.
    """
    if person.role not in RIGHTS[right]:
        able = ", ".join(sorted(RIGHTS[right]))
        en = f"{person.id} is {person.role}; {right} takes {able}"
        able_zh = roles_zh(RIGHTS[right])
        zh = f"{person.name}({ROLES_ZH[person.role]})无权办理此事({right}),须由{able_zh}办理"
        return Refusal(zh, en)
    if reaches(person, enterprise, agencies):
        return None
    zh = "全市事项" if enterprise is None else f"企业{enterprise.id}"
    en = "the whole city" if enterprise is None else f"enterprise {enterprise.id}"
    return Refusal(f"{zh}不在{person.name}的管辖范围内", f"{en} is not {person.id}'s to act on")


def reaches(person: Person, enterprise: Enterprise | None, agencies: Mapping[str, Agency]) -> bool:
    """Tell whether an enterprise (None: the whole city) is within a person's scope."""
    if person.enterprise is not None:
        return enterprise is not None and enterprise.id == person.enterprise
    if person.agency is None:
        return person.role in CITY_WIDE
    if enterprise is None:
        # The city's own agency is the one above all others.
        own = agencies.get(person.agency)
        return own is not None and own.parent is None
    return person.agency in upwards(enterprise.agency, agencies)


def upwards(agency: str, agencies: Mapping[str, Agency]) -> list[str]:
    """Return an agency and those above it, from below."""
    found: list[str] = []
    at: str | None = agency
    while at is not None and at not in found:
        found.append(at)
        above = agencies.get(at)
        at = None if above is None else above.parent
    return found
