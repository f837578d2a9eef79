"""All kinds of decisions by name, and what is asked of a body of any kind."""

from typing import Final, TypeAlias

import msgspec

from wattwarden.alarms.cases import bodies as cases
from wattwarden.alarms.consumables import bodies as consumables
from wattwarden.alarms.decisions import norms
from wattwarden.alarms.decisions.bodies import (
    Consumable,
    Declaration,
    Patrol,
    Plan,
    RegistryChange,
    Replacement,
    RuleSet,
)
from wattwarden.alarms.decisions.body import Body, Reference
from wattwarden.alarms.decisions.letters import faults
from wattwarden.alarms.enforcement import bodies as enforcement
from wattwarden.alarms.ledgers import bodies as ledgers
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.responses import bodies as responses
from wattwarden.alarms.routing import bodies as routing
from wattwarden.alarms.service import bodies as service

AnyBody: TypeAlias = Body

# What readings are judged by: a new one is taken up by the fold, anything else leaves it alone.
FOLDED: Final[tuple[type[Body], ...]] = (
    RegistryChange,
    RuleSet,
    Plan,
    Declaration,
    Consumable,
    Replacement,
    Patrol,
)
BODIES: Final[dict[str, type[Body]]] = {
    body.kind_name: body
    for body in (
        *FOLDED,
        *cases.BODIES,
        *consumables.BODIES,
        *enforcement.BODIES,
        *ledgers.BODIES,
        *norms.BODIES,
        *responses.BODIES,
        *routing.BODIES,
        *service.BODIES,
    )
}
FOLDED_KINDS: Final = frozenset(body.kind_name for body in FOLDED)


def decode_body(kind: str, text: str | bytes) -> Body:
    """Read a body from JSON.

    Raises:
        ValueError: The kind is unknown, or the text is no body of it.
    """
    try:
        return msgspec.json.decode(text, type=BODIES[kind])
    except KeyError:
        message = f"a decision is one of {', '.join(BODIES)}, got {kind!r}"
        raise ValueError(message) from None


def dangling(body: Body, reference: Reference) -> Problem:
    """Say that what a body refers to is not there."""
    named = f"{reference.kind} {reference.id}"
    return body.problem(reference.field, f"档案中没有 {named}", f"there is no {named}")


def check_body(body: Body) -> None:
    """Refuse a body that contradicts itself; what its fields may hold is checked as well.

    Raises:
        RefusedError: It does, or a field is out of bounds; every problem is named.
    """
    plain = msgspec.to_builtins(body)
    try:
        # Structs made in Python were never held against their own bounds.
        msgspec.convert(plain, type(body))
    except msgspec.ValidationError as error:
        raise RefusedError([body.problem("", "字段不合规", str(error))]) from error
    # What is kept for ever must say something, and be printable for ever.
    problems = [body.problem(*fault) for fault in faults(plain)]
    if not problems:
        problems = list(body.contradictions())
    if problems:
        raise RefusedError(problems)
