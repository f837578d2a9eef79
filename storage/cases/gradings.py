"""The gradings that were decided, with the shipped one before them."""

from functools import lru_cache
from typing import Final

from wattwarden.alarms.cases.grading import Grading, default_grading, load_grading
from wattwarden.alarms.cases.gradings import Gradings
from wattwarden.alarms.decisions.norms import GradingSet
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told

# A city changes its grading a few times a year; each pass of the warden asks for all of them.
KEPT_GRADINGS: Final = 64


async def load_gradings(connection: Connection) -> Gradings:
    """Return all gradings that cases may be judged by.

    Raises:
        StorageError: The database is away.
    """
    found = []
    for one in await told(connection, [GradingSet.kind_name]):
        if isinstance(one.body, GradingSet):
            since = one.body.since or one.entered_at
            found.append((since, _read(one.body.text)))
    return Gradings(_shipped(), tuple(found))


@lru_cache(maxsize=KEPT_GRADINGS)
def _read(text: str) -> Grading:
    return load_grading(text)


@lru_cache(maxsize=1)
def _shipped() -> Grading:
    return default_grading()
