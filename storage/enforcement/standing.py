"""What stands of the things that deeds of enforcement go on with."""

from enum import StrEnum
from typing import Any, TypeVar

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.life import Life, refused_step
from wattwarden.alarms.enforcement.lives import TaskLife
from wattwarden.storage.acting.acting import Acting
from wattwarden.storage.enforcement.checks import gone, name_of, refuse
from wattwarden.storage.enforcement.lives import TASK, Kind, load_life, load_lives

B = TypeVar("B", bound=Body)
F = TypeVar("F", bound=Life[Any, Any, Any])


def body_of(acting: Acting, kind: type[B]) -> B:
    """Return the body as one of the kind that its admission is registered for."""
    assert isinstance(acting.body, kind)  # noqa: S101  by the table of admissions
    return acting.body


async def tasks_of(acting: Acting) -> list[TaskLife]:
    """Return the enterprise's tasks as they stand."""
    return await load_lives(acting.connection, TASK, acting.enterprise)


async def followed(acting: Acting, kind: Kind[Any, Any, F], identity: str, verb: StrEnum) -> F:
    """Return the thing on which a step follows.

    Raises:
        RefusedError: There is none, or the table has not this step where it stands.
    """
    life = await load_life(acting.connection, kind, identity, acting.enterprise)
    if life is None:
        raise gone(acting.body, kind.field)
    await check_follows(acting, life, verb)
    return life


async def check_follows(acting: Acting, life: Life[Any, Any, Any], verb: StrEnum) -> None:
    """Refuse a step that the table has not where the thing stands.

    Raises:
        RefusedError: It has not; who did what before is told.
    """
    who = await name_of(acting.connection, life.last.actor)
    refuse([refused_step(life, acting.body, verb, who)])
