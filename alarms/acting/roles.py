"""Roles that have rights together."""

from collections.abc import Mapping
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
ROLES_ZH: Final[Mapping[Role, str]] = {
    Role.DUTY: "环保专员",
    Role.HEAD: "企业负责人",
    Role.MAINTENANCE: "运维人员",
    Role.DISTRICT_OFFICER: "区级执法员",
    Role.CITY_OFFICER: "市级执法员",
    Role.LEADER: "领导",
    Role.ADMINISTRATOR: "系统管理员",
    Role.AUDITOR: "审计员",
}


def roles_zh(roles: Roles) -> str:
    """Name roles in Chinese, in the order of the table."""
    return "、".join(name for role, name in ROLES_ZH.items() if role in roles)
