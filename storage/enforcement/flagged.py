"""Which firms are recognised for false rectification and the like, at a moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from wattwarden.alarms.enforcement.flags import Flagged, flags
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.tasks import open_task
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.storage.cases.load import load_basis
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.history import load_history, load_plant
from wattwarden.storage.enforcement.lives import TASK, load_lives
from wattwarden.storage.registry.records import load_kind


@dataclass(frozen=True, slots=True)
class FlaggedFirm:
    """A firm, what it is flagged for, and its open task, where it has one."""

    enterprise: Enterprise
    flagged: Flagged
    task: str | None


async def load_flags(
    connection: Connection, enterprises: Collection[str] | None, moment: datetime
) -> list[FlaggedFirm]:
    """Return the flags of some firms, or with None of all, at a moment, by firm.

    Raises:
        StorageError: The database is away.
    """
    limits = default_limits()
    basis, plant = await load_basis(connection), await load_plant(connection)
    rows: list[FlaggedFirm] = []
    for firm in await load_kind(connection, Enterprise):
        if enterprises is not None and firm.id not in enterprises:
            continue
        history = await load_history(
            connection, firm.id, moment, limits, registry=plant, basis=basis
        )
        found = flags(history, moment, limits)
        if found:
            task = open_task(await load_lives(connection, TASK, firm.id))
            name = None if task is None else task.id
            rows += [FlaggedFirm(firm, one, name) for one in found]
    return rows
