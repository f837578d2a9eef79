"""What is served of plans, responses, presets and calendars."""

from typing import Final

from wattwarden.alarms.acting.scope import Read
from wattwarden.console.plans import calendars, ordering, pages, presets, responses
from wattwarden.console.routes import Right, Route

_RESPONSE: Final = "/plans/responses/{response}"
_FIRM: Final = "/enterprises/{enterprise}"

ROUTES: Final = (
    Route("GET", "/plans", pages.show_plans, Read.PLANS, "plans"),
    Route("GET", "/plans/new", ordering.choose_firm, Right("plan"), "choose_firm"),
    Route("POST", "/plans/{plan}/end", ordering.end_order, Right("plan"), "end_order"),
    Route("GET", f"{_FIRM}/orders", ordering.ask_to_order, Right("plan"), "order"),
    Route("POST", f"{_FIRM}/orders", ordering.order, Right("plan"), "order_it"),
    Route("GET", "/plans/presets", presets.show_presets, Read.PLANS, "presets"),
    Route("GET", f"{_FIRM}/presets", presets.show_firm_presets, Read.PLANS, "firm_presets"),
    Route("POST", f"{_FIRM}/presets", presets.keep_preset, Right("preset"), "keep_preset"),
    Route(
        "POST",
        f"{_FIRM}/presets/withdraw",
        presets.withdraw_preset,
        Right("preset"),
        "withdraw_preset",
    ),
    Route("GET", "/plans/responses/new", responses.ask_to_issue, Right("response"), "new_response"),
    Route("POST", "/plans/responses", responses.issue, Right("response"), "issue_response"),
    Route("GET", _RESPONSE, responses.show_response, Read.RESPONSES, "response"),
    Route(
        "POST",
        f"{_RESPONSE}/change",
        responses.change,
        Right("response_step"),
        "change_response",
    ),
    Route("POST", f"{_RESPONSE}/lift", responses.lift, Right("response_step"), "lift_response"),
    Route("GET", "/plans/calendars", calendars.show_calendars, Read.CALENDARS, "calendars"),
    Route("POST", "/plans/calendars", calendars.keep_calendar, Right("calendar"), "keep_calendar"),
    Route(
        "POST",
        "/plans/calendars/{calendar}/withdraw",
        calendars.withdraw_calendar,
        Right("calendar"),
        "withdraw_calendar",
    ),
)
