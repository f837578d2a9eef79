"""Inspections: how many were made from afar, and when a visit takes a leader."""

from collections.abc import Iterable
from dataclasses import dataclass

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.bodies import Inspection
from wattwarden.alarms.enforcement.lives import InspectionLife, TaskLife
from wattwarden.alarms.enforcement.tasks import led_by_leader
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode
from wattwarden.alarms.registry.nouns import Enterprise, Role, Supervision
from wattwarden.alarms.registry.problems import Problem


@dataclass(frozen=True, slots=True)
class Counted:
    """Inspections in numbers; ``share`` is that of those from afar, None where there are none."""

    off_site: int
    on_site: int
    surprise: int
    switched: int
    problems: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.off_site + self.on_site

    @property
    def share(self) -> float | None:
        """Off-site ones among all."""
        return self.off_site / self.total if self.total else None


def count(inspections: Iterable[InspectionLife]) -> Counted:
    """Count inspections; one that went on site is a visit, whatever it began as."""
    listed = list(inspections)
    on_site = [one for one in listed if went_on_site(one)]
    return Counted(
        off_site=len(listed) - len(on_site),
        on_site=len(on_site),
        surprise=sum(one.told.body.mode is Mode.SURPRISE for one in listed),
        switched=sum(one.latest(InspectionVerb.SWITCH) is not None for one in listed),
        problems=sum(map(problems_found, listed)),
    )


def went_on_site(inspection: InspectionLife) -> bool:
    """Tell whether somebody went there."""
    switched = inspection.latest(InspectionVerb.SWITCH) is not None
    return switched or inspection.told.body.mode is not Mode.OFF_SITE


def problems_found(inspection: InspectionLife) -> int:
    """Return how many problems it found, as its end tells, else as it was entered."""
    end = inspection.latest(InspectionVerb.CONCLUDE)
    if end is None or end.body.problems is None:
        return inspection.told.body.problems
    return end.body.problems


def visit_problem(
    body: Body,
    enterprise: Enterprise,
    role: Role | None,
    task: TaskLife | None,
) -> Problem | None:
    """Return why nobody may go to a firm of the positive list yet; None where they may.

    A leader goes, or a task whose visit a leader has approved is under way.
    """
    at = body.at if isinstance(body, Inspection) else None
    listed = enterprise.supervision is Supervision.POSITIVE
    if not listed or role is Role.LEADER or (task is not None and led_by_leader(task, at)):
        return None
    zh = f"{enterprise.name}列入正面清单，无领导批准的任务不得现场检查"
    en = f"enterprise {enterprise.id} is on the positive list; a visit takes a leader's approval"
    return body.problem("mode" if hasattr(body, "mode") else "verb", zh, en)
