"""What stands against deeds of enforcement: tables of transitions, the positive list, whose it is.

Each admission runs under the chain's lock, so what it reads stays so until the body is kept.
"""

from collections.abc import Mapping
from typing import Final

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
from wattwarden.storage.acting.acting import Admission
from wattwarden.storage.enforcement.admit_clues import (
    admit_clue,
    admit_clue_step,
    admit_finding,
    admit_finding_link,
    admit_focus,
    admit_focus_step,
)
from wattwarden.storage.enforcement.admit_tasks import admit_task, admit_task_step
from wattwarden.storage.enforcement.admit_visits import (
    admit_inspection,
    admit_inspection_step,
    admit_station,
    admit_station_step,
)

ENFORCEMENT_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Task.kind_name: admit_task,
    TaskStep.kind_name: admit_task_step,
    Inspection.kind_name: admit_inspection,
    InspectionStep.kind_name: admit_inspection_step,
    Station.kind_name: admit_station,
    StationStep.kind_name: admit_station_step,
    Finding.kind_name: admit_finding,
    FindingLink.kind_name: admit_finding_link,
    Clue.kind_name: admit_clue,
    ClueStep.kind_name: admit_clue_step,
    Focus.kind_name: admit_focus,
    FocusStep.kind_name: admit_focus_step,
}
