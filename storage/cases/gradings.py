"""The gradings and the rule files that were decided, with the shipped ones before them."""

from functools import lru_cache
from typing import Final

from wattwarden.alarms.cases.grading import Grading, default_grading, load_grading
from wattwarden.alarms.cases.gradings import Gradings, Rulebooks
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.norms import GradingSet
from wattwarden.alarms.rulebook import Rules, default_rules, load_rules
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told

# A city changes its norms a few times a year; each pass of the warden asks for all of them.
KEPT_NORMS: Final = 64


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


async def load_rulebooks(connection: Connection) -> Rulebooks:
    """Return all rule files by which alarms may have been raised, each since it was entered.

    Raises:
        StorageError: The database is away.
    """
    entered = await told(connection, [RuleSet.kind_name])
    found = [
        (one.entered_at, _read_rules(one.body.text))
        for one in entered
        if isinstance(one.body, RuleSet)
    ]
    return Rulebooks(_shipped_rules(), tuple(found))


@lru_cache(maxsize=KEPT_NORMS)
def _read(text: str) -> Grading:
    return load_grading(text)


@lru_cache(maxsize=KEPT_NORMS)
def _read_rules(text: str) -> Rules:
    return load_rules(text)


@lru_cache(maxsize=1)
def _shipped() -> Grading:
    return default_grading()


@lru_cache(maxsize=1)
def _shipped_rules() -> Rules:
    return default_rules()
