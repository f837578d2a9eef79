"""Declarations as they stand, and when somebody first declared what they say."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from wattwarden.alarms.cases.declaring import is_late, is_long
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.decisions.bodies import Declaration
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told


@dataclass(frozen=True, slots=True)
class Standing:
    """A declaration's last decision, and when its present start was first declared."""

    entered: Entered
    body: Declaration
    declared_at: datetime
    # What was in force then.
    grading: Grading

    @property
    def late(self) -> bool:
        """Whether it had begun before it was declared (补报)."""
        return is_late(self.body, self.declared_at, self.grading)

    @property
    def long(self) -> bool:
        """Whether a leader reviews it."""
        return is_long(self.body, self.grading)


async def load_declarations(
    connection: Connection,
    enterprises: Collection[str] | None = None,
    *,
    declaration: str | None = None,
) -> list[Standing]:
    """Return declarations as they stand, in the order in which they last changed.

    Args:
        connection: To the store.
        enterprises: Only what concerns these; None for all.
        declaration: Only the one of this id.

    Raises:
        StorageError: The database is away.
    """
    where = {} if declaration is None else {"id": declaration}
    found: dict[str, Standing] = {}
    gradings = await load_gradings(connection)
    kinds = [Declaration.kind_name]
    for one in await told(connection, kinds, where=where, enterprises=enterprises):
        if not isinstance(one.body, Declaration):
            continue
        before = found.pop(one.body.id, None)
        moved = before is None or before.body.start != one.body.start
        at = one.entered_at if before is None or moved else before.declared_at
        found[one.body.id] = Standing(one, one.body, at, gradings.at(at))
    return list(found.values())
