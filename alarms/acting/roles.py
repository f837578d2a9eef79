"""Roles that have rights together."""

from typing import Final, TypeAlias

from wattwarden.alarms.registry.nouns import Role

Roles: TypeAlias = frozenset[Role]

ENTERPRISE: Final[Roles] = frozenset({Role.DUTY, Role.HEAD})
OFFICERS: Final[Roles] = frozenset({Role.DISTRICT_OFFICER, Role.CITY_OFFICER, Role.LEADER})
CITY_OFFICERS: Final[Roles] = frozenset({Role.CITY_OFFICER, Role.LEADER})
LEADERS: Final[Roles] = frozenset({Role.LEADER})
MAINTENANCE: Final[Roles] = frozenset({Role.MAINTENANCE})
# Who may be bound to no agency and no enterprise: theirs is the city.
CITY_WIDE: Final[Roles] = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
