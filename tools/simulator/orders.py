"""Decisions of a scenario: what people decide, and when."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from wattwarden.alarms.decisions.bodies import Consumable, Declaration, Review
from wattwarden.alarms.decisions.kinds import BODIES, AnyBody
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.happenings import onset_within
from wattwarden.tools.simulator.mistakes import mistake, unknown
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.scenario import DecisionSpec
from wattwarden.tools.simulator.world import World

# Fields of decisions that are moments: they may be written as all others of a scenario.
MOMENTS: Final = frozenset(("at", "start", "end", "until", "replaced_at"))


class Order(NamedTuple):
    """What somebody decides, and when (ms UTC)."""

    at_ms: int
    actor: str
    body: AnyBody


def orders_of(world: World) -> list[Order]:
    """Return the decisions of a scenario in the order of their moments.

    Raises:
        UsageError: one of them is none, or refers to nothing; names the key and the cure.
    """
    return sorted(_orders(world), key=lambda order: order.at_ms)


def _orders(world: World) -> Iterator[Order]:
    bodies = [_body(world, spec, number) for number, spec in enumerate(world.scenario.decision)]
    for number, (spec, body) in enumerate(zip(world.scenario.decision, bodies, strict=True)):
        _check(world, body, number, bodies)
        key = f"decision[{number}].at"
        at_s = world.site.moment(spec.at, key)
        if at_s >= 0:
            try:
                onset_within(world.site, spec.at, key)
            except UsageError as error:
                world.unable(error)
                continue
        yield Order(world.midnight_ms + round(1000 * at_s), spec.actor, body)


def undecided(world: World) -> list[str]:
    """Return the ids of declarations that stay pending: nothing in the scenario approves them.

    Raises:
        UsageError: a decision of the scenario is none.
    """
    last = {one.body.id: one.body for one in orders_of(world) if isinstance(one.body, Declaration)}
    return [name for name, body in last.items() if body.state is Review.PENDING]


def _body(world: World, spec: DecisionSpec, number: int) -> AnyBody:
    key = f"decision[{number}].body"
    body = {"id": f"{spec.kind}-{number + 1}", **spec.body}
    for name in MOMENTS.intersection(body):
        body[name] = _moment(world, str(body[name]), f"{key}.{name}")
    try:
        return msgspec.convert(body, BODIES[spec.kind])
    except msgspec.ValidationError as error:
        known = ", ".join(BODIES[spec.kind].__struct_fields__)
        cure = f"keys of a {spec.kind} are {known}"
        raise mistake(world.scenario, key, str(error), cure) from error


def _check(world: World, body: AnyBody, number: int, bodies: list[AnyBody]) -> None:
    """Refuse a decision about what is not there."""
    registry = registry_of(world)
    there = {one.name: set(getattr(registry, one.name)) for one in fields(registry)}
    there["consumable"] = {one.id for one in bodies if isinstance(one, Consumable)}
    for reference in body.references():
        known = there[reference.kind]
        if reference.id not in known:
            key, noun = f"decision[{number}].body.{reference.field}", reference.kind
            raise unknown(world.scenario, key, noun, reference.id, sorted(known))


def _moment(world: World, text: str, key: str) -> datetime:
    seconds = world.site.moment(text, key)
    return datetime.fromtimestamp(world.midnight_ms / 1000 + seconds, UTC)
