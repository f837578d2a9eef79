"""What is served of rules and of the ways of notices."""

from typing import Final

from wattwarden.alarms.acting.roles import CITY_OFFICERS, CITY_WIDE, OFFICERS
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.routes import FORM_BYTES, Only, Right, Route
from wattwarden.console.rules import channels, norms, thresholds, trying

_AUTHORITY: Final = Only(OFFICERS | CITY_WIDE)
# Numbers of firms of all districts stand there.
_CITY: Final = Only(CITY_OFFICERS | CITY_WIDE)
# Whoever may propose rules may try them.
_DRAFTERS: Final = Right("norm_draft")
_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))

ROUTES: Final = (
    Route("GET", "/rules", norms.show, _AUTHORITY, "rules"),
    Route(
        "POST",
        "/rules/propose",
        norms.propose,
        _DRAFTERS,
        "propose_rules",
        # As forms are sent a letter may take nine bytes.
        norms.TEXT_BYTES + FORM_BYTES,
    ),
    Route("POST", "/rules/activate", norms.activate, Right("rules"), "activate_rules"),
    Route("POST", "/rules/refuse", norms.give_up, Right("norm_refusal"), "refuse_rules"),
    Route("GET", "/thresholds", thresholds.show, _CITY, "thresholds"),
    Route("POST", "/thresholds/propose", thresholds.propose, _DRAFTERS, "propose_thresholds"),
    Route(
        "POST",
        "/thresholds/activate",
        thresholds.activate,
        Right("thresholds"),
        "activate_thresholds",
    ),
    Route(
        "POST",
        "/thresholds/refuse",
        thresholds.give_up,
        Right("norm_refusal"),
        "refuse_thresholds",
    ),
    Route("GET", "/rules/backtests", trying.show_all, _AUTHORITY, "backtests"),
    Route("POST", "/rules/backtests", trying.begin, _DRAFTERS, "begin_backtest"),
    Route("GET", "/rules/backtests/{backtest}", trying.show_one, _AUTHORITY, "backtest"),
    Route(
        "POST",
        "/rules/backtests/{backtest}/cancel",
        trying.cancel,
        _DRAFTERS,
        "cancel_backtest",
    ),
    Route("GET", "/channels", channels.show, Only(CITY_WIDE), "channels"),
    Route("POST", "/channels/test", channels.send_test, _ADMINISTRATORS, "test_channel"),
)
