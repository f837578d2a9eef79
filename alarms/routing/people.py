"""Who is told, and by which ways: roles to persons, duty and absence, addresses in order.

role ─► persons whose matter the firm is ─► on duty? away? ─► ways: (endpoint, address), in order
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from wattwarden.alarms.acting.rights import reaches
from wattwarden.alarms.channels.channel import TOP_LEVEL
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role
from wattwarden.alarms.routing.bodies import Reach, Silence
from wattwarden.alarms.routing.hours import Hours, end_of
from wattwarden.alarms.routing.table import Table
from wattwarden.protocol.codec import DEFAULT_ZONE

# Which field of the registry holds an address of a kind, where the person's reach names none.
_OF_REGISTRY: Final = ("phone", "mail", "wechat")


@dataclass(frozen=True, slots=True)
class Scene:
    """What notices of one firm's alarms are routed by; ``firm`` is None for the platform itself."""

    table: Table
    firm: Enterprise | None
    people: Sequence[Person]
    agencies: Mapping[str, Agency]
    now: datetime
    reaches: Mapping[str, Reach] = field(default_factory=dict)
    silences: Sequence[Silence] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """An endpoint, and a person's address there."""

    endpoint: str
    address: str


def members(scene: Scene, role: Role) -> list[Person]:
    """Return the persons of a role whose matter the firm is; whom the firm names comes alone."""
    found = [
        person
        for person in scene.people
        if person.role is role and reaches(person, scene.firm, scene.agencies)
    ]
    named = {scene.firm.officer, scene.firm.maintainer} if scene.firm is not None else set()
    chosen = [
        person for person in scene.people if person.role is role and person.id in named - {None}
    ]
    return chosen or found


def on_duty(scene: Scene, persons: Iterable[Person], level: int) -> list[Person]:
    """Return who is told now: those on duty; at level 4 all who are here; never nobody."""
    everybody = list(persons)
    here = [one for one in everybody if not _away(scene, one)]
    if level >= TOP_LEVEL:
        return here or everybody
    serving = [one for one in here if _serves(scene, one)]
    return serving or here or everybody


def quiet_until(scene: Scene, person: Person) -> datetime | None:
    """Return when a person's quiet hours are over, None where they are not on."""
    reach = scene.reaches.get(person.id)
    own = None if reach is None else reach.quiet
    hours = own or scene.table.ways(person.role).quiet
    return None if hours is None else end_of(hours, scene.now, DEFAULT_ZONE)


def ways(scene: Scene, person: Person) -> list[Way]:
    """Return the ways to a person, in their order."""
    reach = scene.reaches.get(person.id)
    own = () if reach is None else reach.chain
    order = scene.table.order(own, scene.table.ways(person.role).chain)
    return list(_addressed(scene, person, order))


def address_of(person: Person, reach: Reach | None, kind: str) -> str:
    """Return a person's address of a kind, "" for none."""
    if reach is not None and kind in reach.addresses:
        return reach.addresses[kind].strip()
    return str(getattr(person, kind)).strip() if kind in _OF_REGISTRY else ""


def _addressed(scene: Scene, person: Person, order: Iterable[str]) -> Iterator[Way]:
    reach = scene.reaches.get(person.id)
    for name in order:
        address = address_of(person, reach, scene.table.endpoint[name].address or "")
        if address:
            yield Way(name, address)


def _away(scene: Scene, person: Person) -> bool:
    reach = scene.reaches.get(person.id)
    return reach is not None and reach.away_until is not None and scene.now < reach.away_until


def _serves(scene: Scene, person: Person) -> bool:
    reach = scene.reaches.get(person.id)
    shifts: tuple[Hours, ...] = () if reach is None else reach.duty
    shifts = shifts or scene.table.ways(person.role).duty
    if not shifts:
        return True
    return any(end_of(one, scene.now, DEFAULT_ZONE) is not None for one in shifts)
