"""Words of tasks and declarations, in both languages."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.decisions.bodies import Review
from wattwarden.alarms.enforcement.lives import TASKS, TaskState
from wattwarden.alarms.enforcement.words import OUTCOMES_ZH, TASK_VERBS_ZH, Outcome, TaskVerb
from wattwarden.console.drawing.said import Said

_STATES_EN: Final[Mapping[TaskState, str]] = {
    TaskState.PROPOSED: "to be approved",
    TaskState.APPROVED: "approved",
    TaskState.REJECTED: "rejected",
    TaskState.ASSIGNED: "assigned",
    TaskState.ACCEPTED: "accepted",
    TaskState.ON_SITE: "on site",
    TaskState.CONCLUDED: "concluded",
    TaskState.FOLLOW_UP: "observed",
    TaskState.CLOSED: "closed",
}
_VERBS_EN: Final[Mapping[TaskVerb, str]] = {
    TaskVerb.APPROVE: "Approve",
    TaskVerb.REJECT: "Reject",
    TaskVerb.ENDORSE: "Let the visit go on",
    TaskVerb.ASSIGN: "Assign",
    TaskVerb.ACCEPT: "Accept",
    TaskVerb.ARRIVE: "Arrive",
    TaskVerb.RESULT: "Result",
    TaskVerb.FOLLOW_UP: "Observe",
    TaskVerb.CLOSE: "Close",
    TaskVerb.ATTACH: "Attach alarms",
}
_OUTCOMES_EN: Final[Mapping[Outcome, str]] = {
    Outcome.NO_PROBLEM: "no problem",
    Outcome.GUIDED: "guided on site",
    Outcome.ORDERED: "ordered to correct",
    Outcome.FILED: "case filed",
    Outcome.EXEMPTED: "not punished",
}
STATES: Final = {one: Said(TASKS.states_zh[one], _STATES_EN[one]) for one in TaskState}
VERBS: Final = {one: Said(TASK_VERBS_ZH[one], _VERBS_EN[one]) for one in TaskVerb}
OUTCOMES: Final = {one: Said(OUTCOMES_ZH[one], _OUTCOMES_EN[one]) for one in Outcome}
STATES_OF_DECLARED: Final[Mapping[Review, Said]] = {
    Review.PENDING: Said("待审核", "to review"),
    Review.APPROVED: Said("已通过", "approved"),
    Review.REJECTED: Said("未通过", "refused"),
    Review.WITHDRAWN: Said("已撤回", "withdrawn"),
    Review.REVOKED: Said("已撤销", "revoked"),
}
