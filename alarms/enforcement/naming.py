"""What bodies of enforcement have in common: types of their fields, and what these refer to."""

from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias

import msgspec

from wattwarden.alarms.decisions.body import Reference
from wattwarden.alarms.registry.nouns import Id

# Ten a day for three weeks: a task with more says nothing more to the officer who reads it.
MAX_ALARMS: Final = 200
# A visit with more people than this is a campaign, which is several visits.
MAX_PEOPLE: Final = 20
# Photographs and records of one finding.
MAX_FILES: Final = 50

AlarmId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,17}$")]
Alarms: TypeAlias = Annotated[tuple[AlarmId, ...], msgspec.Meta(max_length=MAX_ALARMS)]
People: TypeAlias = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_PEOPLE)]
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Files: TypeAlias = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_FILES)]


def to_firm(enterprise: str) -> Reference:
    """Refer to an enterprise."""
    return Reference("enterprise", "enterprise", enterprise)


def to_alarms(alarms: tuple[str, ...]) -> Iterator[Reference]:
    """Refer to alarms by their numbers."""
    return (Reference("alarms", "alarm", one) for one in alarms)


def to_people(field: str, people: tuple[str | None, ...]) -> Iterator[Reference]:
    """Refer to those people of a field who are named."""
    return (Reference(field, "person", one) for one in people if one is not None)


def to_task(task: str) -> Iterator[Reference]:
    """Refer to a task; "" is none."""
    return (Reference("task", "task", one) for one in (task,) if one)


def to_inspection(inspection: str) -> Iterator[Reference]:
    """Refer to an inspection; "" is none."""
    return (Reference("inspection", "inspection", one) for one in (inspection,) if one)
