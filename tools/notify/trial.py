"""``wattwarden notify test``: one message by an endpoint, and what its gateway says."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.alarms.channels.channel import (
    Delivered,
    Fault,
    Outcome,
    Refused,
    RetryAt,
    Stale,
    Throttled,
    Unknown,
)
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.routing.people import address_of
from wattwarden.alarms.routing.table import Endpoint as Configured
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.server.trying import note_trial, send_trial
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.load import load_reaches, load_routing
from wattwarden.storage.registry.records import load_record
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import local

# As the outbox calls them.
NAMES: Final[dict[type, str]] = {
    RetryAt: "retry",
    Throttled: "throttled",
    Refused: "refused",
    Unknown: "unknown",
    Stale: "unknown",
}
# By what a reason has in it.
CURES: Final = {
    " is refused: not public": 'put its network into the endpoint\'s allow: ["10.1.2.0/24"]',
    "secret file": "secrets are files in {secrets}",
    "HTTP 410": "it says that it is gone: correct it in the routing table",
    "no connection": "does it listen there, and is it reached from here?",
    "cannot be resolved": "is its name right, and do names resolve here?",
    "HTTP 401": "do both sides have the same secret, and the same time?",
    "HTTP 403": "do both sides have the same secret, and the same time?",
}


def trial(
    endpoint: Annotated[str, Parameter(name="ENDPOINT", help="As the routing table names it.")],
    /,
    *,
    to: Annotated[
        tuple[str, ...], Parameter(show_default=False, help="An address there; repeatable.")
    ] = (),
    person: Annotated[
        str | None, Parameter(help="A person, by id: to the address that they have there.")
    ] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Send one message by an endpoint at once, past the outbox, and say what became of it.

    An address that was refused before is no longer listed as faulty once this is delivered.
    """
    settings = settings_of(system)
    tried = run(_try(settings, endpoint, to, person))
    row = _row(endpoint, tried)
    if json:
        print(as_json(row))
    elif isinstance(tried.outcome, Delivered):
        print(", ".join(filter(None, (f"{endpoint}: delivered", *_details(row)))))
    if not isinstance(tried.outcome, Delivered):
        message = f"{endpoint} has not delivered it: {tried.outcome.reason}"
        raise CommandError(message, _cure(tried, settings))


@dataclass(frozen=True, slots=True)
class _Tried:
    """What became of a message, and where it went."""

    configured: Configured
    to: tuple[str, ...]
    outcome: Outcome


async def _try(settings: Settings, name: str, to: tuple[str, ...], person: str | None) -> _Tried:
    async with database(settings, "notify test") as connection:
        table = await load_routing(connection)
        configured = table.endpoint.get(name)
        if configured is None:
            known = ", ".join(table.endpoint) or "none"
            message = f"there is no endpoint {name}; the routing table has {known}"
            raise CommandError(message, "see wattwarden notify routing")
        if person is not None:
            to = (*to, await _address(connection, person, name, configured))
        if configured.address is not None and not to:
            message = f"{name} reaches people by their {configured.address}: whom?"
            raise UsageError(message, "--to ADDRESS, or --person ID")
        secrets = Places(settings.data).secrets
        outcome = await send_trial(table, name, to, secrets)
        await note_trial(connection, name, outcome, to)
    return _Tried(configured, to, outcome)


async def _address(connection: Connection, person: str, name: str, configured: Configured) -> str:
    somebody = await load_record(connection, Person, person)
    if somebody is None:
        message = f"there is no person {person}"
        raise CommandError(message, "see wattwarden registry show person")
    kind = configured.address
    if kind is None:
        message = f"{name} takes no address of people"
        raise UsageError(message, "leave --person out")
    found = address_of(somebody, (await load_reaches(connection)).get(person), kind)
    if not found:
        message = f"{person} has no {kind}"
        raise CommandError(message, f"wattwarden notify reach {person} --address {kind}=…")
    return found


def _cure(tried: _Tried, settings: Settings) -> str:
    """Return what to look at, by what went wrong."""
    outcome = tried.outcome
    for part, cure in CURES.items():
        if part in getattr(outcome, "reason", ""):
            return cure.format(secrets=Places(settings.data).secrets)
    match outcome:
        case Throttled(until_second=second) | RetryAt(second=second):
            at = local(datetime.fromtimestamp(second, UTC))
            return f"that may pass by itself: again after {at}"
        case Unknown():
            return "it may have come all the same: look there before you send another"
        case Refused(fault=Fault.CONTACT):
            return f"is {', '.join(tried.to)} right?  see wattwarden notify faulty"
        case _:
            return "see the endpoint in wattwarden notify routing, and the secrets that it names"


def _details(row: dict[str, Any]) -> tuple[str, ...]:
    provider = f"there as {row['provider_id']}" if row["provider_id"] else ""
    return (row["reason"], provider)


def _row(endpoint: str, tried: _Tried) -> dict[str, Any]:
    outcome = tried.outcome
    row = {"endpoint": endpoint, "channel": tried.configured.channel, "to": list(tried.to)}
    if isinstance(outcome, Delivered):
        left_out = f"left out: {', '.join(outcome.missed)}" if outcome.missed else ""
        return {
            **row,
            "outcome": "delivered",
            "reason": left_out,
            "provider_id": outcome.provider_id,
        }
    return {**row, "outcome": NAMES[type(outcome)], "reason": outcome.reason, "provider_id": ""}
