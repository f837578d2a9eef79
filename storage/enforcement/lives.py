"""Tasks, inspections, stations, findings, clues and weak points, folded from decisions."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.life import Said
from wattwarden.alarms.enforcement.lives import (
    ClueLife,
    FocusLife,
    InspectionLife,
    StationLife,
    TaskLife,
    clue_life,
    focus_life,
    inspection_life,
    station_life,
    task_life,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told

B = TypeVar("B", bound=Body)
T = TypeVar("T", bound=Body)
L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class Kind(Generic[B, T, L]):
    """A kind of thing: its bodies, the field in which a step names it, how it is folded."""

    thing: type[B]
    step: type[T]
    field: str
    fold: Callable[[Said[B], Iterable[Said[T]]], L]


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with all that it belongs to, links made later included."""

    told: Said[Finding]
    alarms: tuple[str, ...]
    tasks: tuple[str, ...]
    inspections: tuple[str, ...]

    @property
    def id(self) -> str:
        """The finding's id."""
        return self.told.body.id


def found_of(said: Said[Finding], links: Iterable[Said[FindingLink]]) -> Found:
    """Fold a finding and its links."""
    bodies: list[Finding | FindingLink] = [said.body, *(link.body for link in links)]
    return Found(
        said,
        tuple(dict.fromkeys(alarm for body in bodies for alarm in body.alarms)),
        tuple(dict.fromkeys(body.task for body in bodies if body.task)),
        tuple(dict.fromkeys(body.inspection for body in bodies if body.inspection)),
    )


TASK: Final[Kind[Task, TaskStep, TaskLife]] = Kind(Task, TaskStep, "task", task_life)
INSPECTION: Final[Kind[Inspection, InspectionStep, InspectionLife]] = Kind(
    Inspection, InspectionStep, "inspection", inspection_life
)
STATION: Final[Kind[Station, StationStep, StationLife]] = Kind(
    Station, StationStep, "station", station_life
)
CLUE: Final[Kind[Clue, ClueStep, ClueLife]] = Kind(Clue, ClueStep, "clue", clue_life)
FOCUS: Final[Kind[Focus, FocusStep, FocusLife]] = Kind(Focus, FocusStep, "focus", focus_life)
FINDING: Final[Kind[Finding, FindingLink, Found]] = Kind(Finding, FindingLink, "finding", found_of)


async def load_lives(
    connection: Connection,
    kind: Kind[B, T, L],
    enterprise: str | None = None,
    *,
    enterprises: Collection[str] | None = None,
) -> list[L]:
    """Return the things of a kind as they stand, of one enterprise, some or all, oldest first.

    Raises:
        StorageError: The database is away.
    """
    names = (kind.thing.kind_name, kind.step.kind_name)
    return folded(
        kind, await told(connection, names, enterprise=enterprise, enterprises=enterprises)
    )


def folded(kind: Kind[B, T, L], entered: Iterable[Entered]) -> list[L]:
    """Return the things of a kind that some decisions tell of, in their order."""
    things: dict[str, Said[B]] = {}
    steps: dict[str, list[Said[T]]] = {}
    for one in entered:
        body = one.body
        if isinstance(body, kind.thing):
            things.setdefault(str(getattr(body, "id", "")), _said(one, body))
        elif isinstance(body, kind.step):
            steps.setdefault(str(getattr(body, kind.field)), []).append(_said(one, body))
    return [kind.fold(thing, steps.get(name, ())) for name, thing in things.items()]


async def load_life(
    connection: Connection, kind: Kind[B, T, L], identity: str, enterprise: str | None = None
) -> L | None:
    """Return a thing as it stands, None where there is none; raises as ``load_lives``."""
    whose = enterprise
    if whose is None:
        entered = await told(connection, [kind.thing.kind_name], where={"id": identity})
        whose = entered[0].enterprise if entered else None
    if whose is None:
        return None
    return next(
        (
            life
            for life in await load_lives(connection, kind, whose)
            if getattr(life, "id", None) == identity
        ),
        None,
    )


def _said(entered: Entered, body: B) -> Said[B]:
    return Said(entered.id, entered.actor, entered.entered_at, body)
