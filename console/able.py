"""Whether a visitor may do something: pages show the buttons of those who may, and no others."""

from wattwarden.alarms.acting.rights import refusal
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.visit import Visit


def may(visit: Visit, registry: Registry, right: str, enterprise: str | None = None) -> bool:
    """Tell whether a visitor may use a right on a firm, or with None on the whole city."""
    firm = None if enterprise is None else registry.enterprise.get(enterprise)
    return refusal(visit.person, right, firm, registry.agency) is None
