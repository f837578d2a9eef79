"""What the console serves: each address with what it takes to be let in.

method, path ─► needs ─► handler(visit)

A room has a list of these; ``rooms.py`` puts them together, ``guard.py`` looks at ``needs`` and at
whose the things named in the path are before a handler runs.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.roles import Roles
from wattwarden.alarms.acting.scope import READS, Read
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.visit import Visit
from wattwarden.console.whose import NOBODYS, OWNERS

Handler: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]

# A form with a report of 4,000 letters of three bytes, each three letters as forms are sent.
FORM_BYTES: Final = 40_960

_PARAMETER: Final = re.compile(r"{(\w+)[^}]*}")


class Anyone(StrEnum):
    """What takes no role."""

    OPEN = "open"
    SIGNED_IN = "signed in"


OPEN: Final = Anyone.OPEN
SIGNED_IN: Final = Anyone.SIGNED_IN


@dataclass(frozen=True, slots=True)
class Right:
    """The right to decide something: a name in ``RIGHTS``."""

    name: str

    def __post_init__(self) -> None:
        """Refuse a right that nobody could have.

        Raises:
            ValueError: There is none of that name.
        """
        if self.name not in RIGHTS:
            message = f"{self.name} is no right"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Only:
    """Some roles, for what is neither read nor decided: accounts, meters, the system itself."""

    roles: Roles


Needs: TypeAlias = Anyone | Read | Right | Only


@dataclass(frozen=True, slots=True)
class Route:
    """One address.

    Every parameter of ``path`` is either a thing whose owner can be told (``OWNERS``), which must
    be within the visitor's scope, or nobody's (``NOBODYS``).  ``body_bytes`` bounds what is sent.
    """

    method: str
    path: str
    handler: Handler
    needs: Needs
    name: str
    body_bytes: int = FORM_BYTES

    def __post_init__(self) -> None:
        """Refuse a path with a parameter of which nobody knows whose it is.

        Raises:
            ValueError: There is one.
        """
        unknown = set(self.parameters) - set(OWNERS) - NOBODYS
        if unknown:
            message = f"{self.path}: nobody knows whose {', '.join(sorted(unknown))} is"
            raise ValueError(message)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def changes(self) -> bool:
        """Whether something is sent."""
        return self.method not in {"GET", "HEAD"}


def roles_of(needs: Needs) -> Roles | None:
    """Return which roles are let in; None: everybody, also who is not signed in."""
    match needs:
        case Anyone.OPEN:
            return None
        case Anyone.SIGNED_IN:
            return frozenset(Role)
        case Read():
            return READS[needs]
        case Right():
            return RIGHTS[needs.name]
        case Only():
            return needs.roles
