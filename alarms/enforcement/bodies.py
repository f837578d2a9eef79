"""What officers do: tasks, visits, findings, clues: the bodies of these decisions."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.acting.roles import Roles
from wattwarden.alarms.decisions.body import Body

BODIES: Final[tuple[type[Body], ...]] = ()
# Who may decide what of these.
RIGHTS: Final[Mapping[str, Roles]] = {}
