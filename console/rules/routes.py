"""What is served of rules and of the ways of notices."""

from typing import Final

from wattwarden.alarms.acting.roles import CITY_WIDE, OFFICERS
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.routes import FORM_BYTES, Only, Right, Route
from wattwarden.console.rules import channels, norms

_AUTHORITY: Final = Only(OFFICERS | CITY_WIDE)
_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))

ROUTES: Final = (
    Route("GET", "/rules", norms.show, _AUTHORITY, "rules"),
    Route(
        "POST",
        "/rules/propose",
        norms.propose,
        Right("norm_draft"),
        "propose_rules",
        # As forms are sent a letter may take nine bytes.
        norms.TEXT_BYTES + FORM_BYTES,
    ),
    Route("POST", "/rules/activate", norms.activate, Right("rules"), "activate_rules"),
    Route("GET", "/channels", channels.show, Only(CITY_WIDE), "channels"),
    Route("POST", "/channels/test", channels.send_test, _ADMINISTRATORS, "test_channel"),
)
