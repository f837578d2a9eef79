"""Which production units an order concerns."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, TypeAlias

from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry

_KINDS: Final = (UnitKind.PRODUCTION, UnitKind.BOTH)

Makers: TypeAlias = Mapping[tuple[Scope, str], list[str]]
"""Production units by scope and subject, sorted; a subject without any is empty."""


def makers_of(registry: Registry) -> Makers:
    """Return the production units of every enterprise, line and unit."""
    found: dict[tuple[Scope, str], list[str]] = defaultdict(list)
    for unit in sorted(registry.unit.values(), key=lambda one: one.id):
        if unit.kind in _KINDS:
            found[Scope.ENTERPRISE, unit.enterprise].append(unit.id)
            found[Scope.UNIT, unit.id].append(unit.id)
    makers = {unit for scope, unit in found if scope is Scope.UNIT}
    for link in sorted(registry.link.values(), key=lambda one: one.unit):
        if link.unit in makers:
            found[Scope.LINE, link.line].append(link.unit)
    return found
