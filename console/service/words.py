"""Words of requests, training and weak points, in both languages."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.service.bodies import TOPICS_ZH, Deed, Guidance, Topic
from wattwarden.alarms.service.requests import DEEDS_ZH, STATES_ZH, State
from wattwarden.console.drawing.said import Said

_TOPICS_EN: Final[Mapping[Topic, str]] = {
    Topic.PERMIT: "Permit",
    Topic.RUNNING: "Treatment units",
    Topic.UPGRADE: "Upgrade",
    Topic.MONITORING: "Monitoring",
    Topic.WASTE: "Hazardous waste",
    Topic.LEDGER: "Ledgers",
    Topic.RESPONSE: "Pollution response",
    Topic.OTHER: "Something else",
}
_STATES_EN: Final[Mapping[State, str]] = {
    State.ASKED: "to be accepted",
    State.ACCEPTED: "accepted",
    State.SOLVED: "answered",
    State.CONFIRMED: "solved",
    State.DECLINED: "declined",
    State.WITHDRAWN: "withdrawn",
}
_DEEDS_EN: Final[Mapping[Deed, str]] = {
    Deed.ACCEPT: "accepted it",
    Deed.DECLINE: "declined it",
    Deed.SCHEDULE: "agreed on a visit",
    Deed.SOLVE: "gave a solution",
    Deed.CONFIRM: "confirmed that it is solved",
    Deed.REOPEN: "said that it is not solved",
    Deed.WITHDRAW: "took it back",
}
TOPICS: Final = {one: Said(TOPICS_ZH[one], _TOPICS_EN[one]) for one in Topic}
ICONS: Final[Mapping[Topic, str]] = {
    Topic.PERMIT: "i-doc",
    Topic.RUNNING: "i-fan",
    Topic.UPGRADE: "i-up",
    Topic.MONITORING: "i-meter",
    Topic.WASTE: "i-drum",
    Topic.LEDGER: "i-book",
    Topic.RESPONSE: "i-flag",
    Topic.OTHER: "i-help",
}
STATES: Final = {one: Said(STATES_ZH[one], _STATES_EN[one]) for one in State}
DEEDS: Final = {one: Said(DEEDS_ZH[one], _DEEDS_EN[one]) for one in Deed}
# What is on the buttons.
BUTTONS: Final[Mapping[Deed, Said]] = {
    Deed.ACCEPT: Said("受理", "Accept"),
    Deed.DECLINE: Said("不予受理", "Decline"),
    Deed.SCHEDULE: Said("预约上门", "Agree on a visit"),
    Deed.SOLVE: Said("给出方案", "Give the solution"),
    Deed.CONFIRM: Said("解决了", "It is solved"),
    Deed.REOPEN: Said("没有解决", "It is not solved"),
    Deed.WITHDRAW: Said("撤回", "Take it back"),
}
GUIDANCE: Final[Mapping[Guidance, Said]] = {
    Guidance.TRAINING: Said("员工培训", "Training of workers"),
    Guidance.PATROLS: Said("巡检制度", "Patrols"),
    Guidance.RULES: Said("管理制度", "Rules of the house"),
    Guidance.INTERLOCK: Said("产治同步一键启停", "One switch for production and treatment"),
    Guidance.UPGRADE: Said("其他技术改造", "Other technical change"),
}
