"""What is served of meters."""

from typing import Final

from wattwarden.alarms.acting.roles import CITY_WIDE
from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.meters import fleet, frames, quarantine
from wattwarden.console.routes import Only, Right, Route

_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))
_SYSTEM: Final = Only(CITY_WIDE)

ROUTES: Final = (
    Route("GET", "/meters", fleet.show, Read.STATES, "meters"),
    Route("GET", "/meters/{meter}", fleet.show_one, Read.STATES, "meter"),
    Route("GET", "/meters/{meter}/frames", frames.show, _SYSTEM, "meter_frames"),
    Route("POST", "/meters/{meter}/accept", fleet.accept, _ADMINISTRATORS, "accept_meter"),
    Route("POST", "/meters/{meter}/command", fleet.command, Right("command.ask"), "command"),
    Route("GET", "/quarantine", quarantine.show, _SYSTEM, "quarantine"),
    Route("POST", "/quarantine/retry", quarantine.retry_many, _ADMINISTRATORS, "retry_many"),
    Route("GET", "/quarantine/{held}", quarantine.show_one, _SYSTEM, "held"),
    Route("POST", "/quarantine/{held}/retry", quarantine.retry_one, _ADMINISTRATORS, "retry_one"),
    Route("GET", "/frame", quarantine.ask_frame, _SYSTEM, "frame"),
    Route("POST", "/frame", quarantine.explain, _SYSTEM, "explain_frame"),
)
