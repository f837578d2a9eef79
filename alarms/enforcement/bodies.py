"""What officers do: tasks, visits, findings, clues: the bodies of these decisions.

    task          a visit that something calls for (执法任务)    ─< task_step: what became of it
    inspection    a firm looked into, from afar or on site (检查) ─< inspection_step
    station       a supervisor stationed at a firm (驻点监督)     ─< station_step
    finding       what somebody or something saw (发现)           ─< finding_link
    clue          alarms to be looked into by a person (线索)     ─< clue_step
    focus         a weak point of a firm (薄弱环节)               ─< focus_step

The first three are in ``visits``, the others in ``marks``; which step may follow which stands in
``lives``.
"""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.acting.roles import ENTERPRISE, LEADERS, OFFICERS, Roles
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.marks import (
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
)
from wattwarden.alarms.enforcement.naming import MAX_ALARMS
from wattwarden.alarms.enforcement.visits import (
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.words import (
    ClueVerb,
    FocusVerb,
    InspectionVerb,
    StationVerb,
    TaskVerb,
)

__all__ = [
    "BODIES",
    "MAX_ALARMS",
    "RIGHTS",
    "Clue",
    "ClueStep",
    "Finding",
    "FindingLink",
    "Focus",
    "FocusStep",
    "Inspection",
    "InspectionStep",
    "Station",
    "StationStep",
    "Task",
    "TaskStep",
]

BODIES: Final[tuple[type[Body], ...]] = (
    Task,
    TaskStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Finding,
    FindingLink,
    Clue,
    ClueStep,
    Focus,
    FocusStep,
)
# Who may decide what of these.  That a visit to a firm of the positive list takes a leader depends
# on the firm, not on the deed: see
# ``tasks.visit_problem``.
RIGHTS: Final[Mapping[str, Roles]] = {
    "task": OFFICERS,
    **{f"task.{verb}": OFFICERS for verb in TaskVerb},
    "task.endorse": LEADERS,
    "inspection": OFFICERS,
    **{f"inspection.{verb}": OFFICERS for verb in InspectionVerb},
    "station": OFFICERS,
    **{f"station.{verb}": OFFICERS for verb in StationVerb},
    "finding": OFFICERS,
    "finding.link": OFFICERS,
    "clue": OFFICERS,
    **{f"clue.{verb}": OFFICERS for verb in ClueVerb},
    "focus": OFFICERS,
    **{f"focus.{verb}": OFFICERS for verb in FocusVerb},
    "focus.rectify": ENTERPRISE,
}
