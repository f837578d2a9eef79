"""The lives of tasks, inspections, stations, clues and weak points: one table each.

    task        PROPOSED ─approve─► APPROVED ─assign─► ASSIGNED ─accept─► ACCEPTED ─arrive─► ON_SITE
                   │ reject (until somebody is on site)  ▲ assign (also from ON_SITE)  result │
                   ▼                                     │                                    ▼
                REJECTED          CLOSED ◄─close─ FOLLOW_UP ◄──────follow_up────────── CONCLUDED
    inspection  OFF_SITE ─switch─► ON_SITE ─conclude─► CONCLUDED ◄─conclude─ OFF_SITE
    station     PRESENT ─relieve─► PRESENT ─end─► ENDED
    clue        OPEN ─assign─► ASSIGNED ─confirm─► CONFIRMED | ─dismiss─► DISMISSED
    focus       OPEN ─rectify─► RECTIFIED ─confirm─► CONFIRMED | ─return─► OPEN

A pair that is not in a table is refused.  ``attach`` and ``endorse`` leave a task where it is.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Focus,
    FocusStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.life import Life, Machine, Said, live
from wattwarden.alarms.enforcement.words import (
    CLUE_VERBS_ZH,
    FOCUS_VERBS_ZH,
    INSPECTION_VERBS_ZH,
    STATION_VERBS_ZH,
    TASK_VERBS_ZH,
    ClueVerb,
    FocusVerb,
    InspectionVerb,
    Mode,
    StationVerb,
    TaskVerb,
)


class TaskState(StrEnum):
    """How far a task is."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    ON_SITE = "on_site"
    CONCLUDED = "concluded"
    FOLLOW_UP = "follow_up"
    CLOSED = "closed"


class InspectionState(StrEnum):
    """Where an inspection is done."""

    OFF_SITE = "off_site"
    ON_SITE = "on_site"
    CONCLUDED = "concluded"


class StationState(StrEnum):
    """Whether somebody is stationed."""

    PRESENT = "present"
    ENDED = "ended"


class ClueState(StrEnum):
    """What became of a clue."""

    OPEN = "open"
    ASSIGNED = "assigned"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class FocusState(StrEnum):
    """What became of a weak point."""

    OPEN = "open"
    RECTIFIED = "rectified"
    CONFIRMED = "confirmed"


TASK_OVER: Final = frozenset({TaskState.REJECTED, TaskState.CLOSED})
# In these a task is somebody's: nobody else goes on with it, but it can be taken from them.
TASK_HELD: Final = frozenset({TaskState.ASSIGNED, TaskState.ACCEPTED, TaskState.ON_SITE})
_BEFORE_VISIT: Final = (TaskState.APPROVED, TaskState.ASSIGNED, TaskState.ACCEPTED)
TASK_TABLE: Final[Mapping[tuple[TaskState, StrEnum], TaskState]] = {
    (TaskState.PROPOSED, TaskVerb.APPROVE): TaskState.APPROVED,
    **{
        (state, TaskVerb.REJECT): TaskState.REJECTED
        for state in (TaskState.PROPOSED, *_BEFORE_VISIT)
    },
    **{(state, TaskVerb.ENDORSE): state for state in _BEFORE_VISIT},
    # From the second time on, it is taken from somebody, who may have fallen ill on site; after a
    # relapse, somebody goes again.
    **{
        (state, TaskVerb.ASSIGN): TaskState.ASSIGNED
        for state in (*_BEFORE_VISIT, TaskState.ON_SITE)
    },
    (TaskState.FOLLOW_UP, TaskVerb.ASSIGN): TaskState.ASSIGNED,
    (TaskState.ASSIGNED, TaskVerb.ACCEPT): TaskState.ACCEPTED,
    (TaskState.ACCEPTED, TaskVerb.ARRIVE): TaskState.ON_SITE,
    (TaskState.ON_SITE, TaskVerb.RESULT): TaskState.CONCLUDED,
    (TaskState.CONCLUDED, TaskVerb.FOLLOW_UP): TaskState.FOLLOW_UP,
    (TaskState.FOLLOW_UP, TaskVerb.CLOSE): TaskState.CLOSED,
    **{(state, TaskVerb.ATTACH): state for state in TaskState if state not in TASK_OVER},
}
INSPECTION_TABLE: Final[Mapping[tuple[InspectionState, StrEnum], InspectionState]] = {
    (InspectionState.OFF_SITE, InspectionVerb.SWITCH): InspectionState.ON_SITE,
    (InspectionState.OFF_SITE, InspectionVerb.CONCLUDE): InspectionState.CONCLUDED,
    (InspectionState.ON_SITE, InspectionVerb.CONCLUDE): InspectionState.CONCLUDED,
}
STATION_TABLE: Final[Mapping[tuple[StationState, StrEnum], StationState]] = {
    (StationState.PRESENT, StationVerb.RELIEVE): StationState.PRESENT,
    (StationState.PRESENT, StationVerb.END): StationState.ENDED,
}
CLUE_TABLE: Final[Mapping[tuple[ClueState, StrEnum], ClueState]] = {
    (ClueState.OPEN, ClueVerb.ASSIGN): ClueState.ASSIGNED,
    (ClueState.OPEN, ClueVerb.DISMISS): ClueState.DISMISSED,
    (ClueState.ASSIGNED, ClueVerb.CONFIRM): ClueState.CONFIRMED,
    (ClueState.ASSIGNED, ClueVerb.DISMISS): ClueState.DISMISSED,
}
FOCUS_TABLE: Final[Mapping[tuple[FocusState, StrEnum], FocusState]] = {
    (FocusState.OPEN, FocusVerb.RECTIFY): FocusState.RECTIFIED,
    (FocusState.RECTIFIED, FocusVerb.CONFIRM): FocusState.CONFIRMED,
    (FocusState.RECTIFIED, FocusVerb.RETURN): FocusState.OPEN,
}
TASKS: Final = Machine(
    "任务",
    "task",
    TASK_TABLE,
    {
        TaskState.PROPOSED: "待批准",
        TaskState.APPROVED: "已批准",
        TaskState.REJECTED: "已驳回",
        TaskState.ASSIGNED: "已指派",
        TaskState.ACCEPTED: "已接收",
        TaskState.ON_SITE: "现场检查中",
        TaskState.CONCLUDED: "已出结果",
        TaskState.FOLLOW_UP: "回访观察中",
        TaskState.CLOSED: "已办结",
    },
    TASK_VERBS_ZH,
)
INSPECTIONS: Final = Machine(
    "检查",
    "inspection",
    INSPECTION_TABLE,
    {
        InspectionState.OFF_SITE: "非现场检查中",
        InspectionState.ON_SITE: "现场检查中",
        InspectionState.CONCLUDED: "已办结",
    },
    INSPECTION_VERBS_ZH,
)
STATIONS: Final = Machine(
    "驻点",
    "station",
    STATION_TABLE,
    {StationState.PRESENT: "驻点中", StationState.ENDED: "已撤离"},
    STATION_VERBS_ZH,
)
CLUES: Final = Machine(
    "线索",
    "clue",
    CLUE_TABLE,
    {
        ClueState.OPEN: "待指派",
        ClueState.ASSIGNED: "核查中",
        ClueState.CONFIRMED: "已查实",
        ClueState.DISMISSED: "已查否",
    },
    CLUE_VERBS_ZH,
)
FOCUSES: Final = Machine(
    "薄弱环节",
    "weak point",
    FOCUS_TABLE,
    {
        FocusState.OPEN: "待整改",
        FocusState.RECTIFIED: "待确认",
        FocusState.CONFIRMED: "已消除",
    },
    FOCUS_VERBS_ZH,
)

TaskLife: TypeAlias = Life[Task, TaskStep, TaskState]
InspectionLife: TypeAlias = Life[Inspection, InspectionStep, InspectionState]
StationLife: TypeAlias = Life[Station, StationStep, StationState]
ClueLife: TypeAlias = Life[Clue, ClueStep, ClueState]
FocusLife: TypeAlias = Life[Focus, FocusStep, FocusState]


def task_life(told: Said[Task], steps: Iterable[Said[TaskStep]]) -> TaskLife:
    """Fold a task."""
    return live(TASKS, TaskState.PROPOSED, told, steps)


def inspection_life(
    told: Said[Inspection], steps: Iterable[Said[InspectionStep]]
) -> InspectionLife:
    """Fold an inspection; one that began on site is there."""
    off = told.body.mode is Mode.OFF_SITE
    first = InspectionState.OFF_SITE if off else InspectionState.ON_SITE
    return live(INSPECTIONS, first, told, steps)


def station_life(told: Said[Station], steps: Iterable[Said[StationStep]]) -> StationLife:
    """Fold a station."""
    return live(STATIONS, StationState.PRESENT, told, steps)


def clue_life(told: Said[Clue], steps: Iterable[Said[ClueStep]]) -> ClueLife:
    """Fold a clue; one that was issued to somebody is with them."""
    first = ClueState.OPEN if told.body.person is None else ClueState.ASSIGNED
    return live(CLUES, first, told, steps)


def focus_life(told: Said[Focus], steps: Iterable[Said[FocusStep]]) -> FocusLife:
    """Fold a weak point."""
    return live(FOCUSES, FocusState.OPEN, told, steps)
