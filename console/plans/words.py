"""Words of plans, responses, presets and calendars, in both languages."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.decisions.bodies import WarningLevel
from wattwarden.alarms.responses.bodies import EXEMPTIONS_ZH, WEEKDAYS_ZH, Exemption, Weekday
from wattwarden.alarms.responses.course import STATES_ZH, ResponseState
from wattwarden.alarms.statistics.compliance import STANDINGS_ZH, Standing
from wattwarden.console.drawing.said import Said

# A warning by its colour, and the response to it by its number.
WARNINGS: Final[Mapping[WarningLevel, Said]] = {
    WarningLevel.YELLOW: Said("黄色预警", "Yellow warning"),
    WarningLevel.ORANGE: Said("橙色预警", "Orange warning"),
    WarningLevel.RED: Said("红色预警", "Red warning"),
}
NUMBERED: Final[Mapping[WarningLevel, Said]] = {
    WarningLevel.YELLOW: Said("Ⅲ级响应", "response III"),
    WarningLevel.ORANGE: Said("Ⅱ级响应", "response II"),
    WarningLevel.RED: Said("Ⅰ级响应", "response I"),
}
_STATES_EN: Final[Mapping[ResponseState, str]] = {
    ResponseState.ISSUED: "issued",
    ResponseState.OVER: "over",
    ResponseState.CLOSED: "lifted",
}
_EXEMPTIONS_EN: Final[Mapping[Exemption, str]] = {
    Exemption.PROTECTED: "protected",
    Exemption.LIVELIHOOD: "people's daily needs",
    Exemption.SELF_DECIDED: "decides for itself",
    Exemption.POSITIVE_LIST: "positive list",
}
_STANDINGS_EN: Final[Mapping[Standing, str]] = {
    Standing.STOP_IGNORED: "did not stop",
    Standing.TREATMENT_OFF: "treatment off",
    Standing.LIMIT_IGNORED: "did not reduce",
    Standing.UNHEARD: "not heard of",
    Standing.IDLE: "at rest",
    Standing.COMPLIANT: "complies",
}
_WEEKDAYS_EN: Final = dict(
    zip(Weekday, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True)
)
STATES: Final = {one: Said(STATES_ZH[one], _STATES_EN[one]) for one in ResponseState}
EXEMPTIONS: Final = {one: Said(EXEMPTIONS_ZH[one], _EXEMPTIONS_EN[one]) for one in Exemption}
STANDINGS: Final = {one: Said(STANDINGS_ZH[one], _STANDINGS_EN[one]) for one in Standing}
WEEKDAYS: Final = {one: Said(WEEKDAYS_ZH[one], _WEEKDAYS_EN[one]) for one in Weekday}
