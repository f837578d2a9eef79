"""What a fold needs of people's decisions: the registry, the rules and the orders at a step."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules, default_rules, load_rules
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import decisions
from wattwarden.storage.registry.registry import load_registry


@dataclass(frozen=True, slots=True)
class Regime:
    """What is in force at a step."""

    registry: Registry
    rules: Rules
    bodies: Sequence[AnyBody]


async def regime_at(connection: Connection, step: int, slices: Collection[int]) -> Regime:
    """Return what is in force when a step is folded, for some slices."""
    entered = await decisions(connection, 0, step, slices)
    texts = [one.body.text for one in entered if isinstance(one.body, RuleSet)]
    return Regime(
        await load_registry(connection, step),
        load_rules(texts[-1]) if texts else default_rules(),
        [one.body for one in entered],
    )
