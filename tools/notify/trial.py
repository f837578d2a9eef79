"""``wattwarden notify test``: one message by an endpoint, and what its gateway says."""

from typing import Annotated, Any
from uuid import uuid4

from cyclopts import Parameter

from wattwarden.alarms.channels.channel import Delivered, Message, Outcome
from wattwarden.server.courier import wall_us
from wattwarden.server.endpoint import Endpoint
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.storage.outbox.load import load_routing
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, run, settings_of

KIND = "test"
# Templates ask for parts of an alarm; a test has them all.
FIELDS = {
    "alarm": "0",
    "enterprise": "",
    "firm": "Wattwarden",
    "line": "",
    "subject": "",
    "what": "测试",
    "rule": "R0",
    "rule_name": "测试通知",
    "class": "",
    "level_name": "提醒",
    "why": "test",
    "reason": "测试",
    "raised": "",
    "cleared": "",
    "deadline": "",
}


def trial(
    endpoint: Annotated[str, Parameter(name="ENDPOINT", help="As the routing table names it.")],
    /,
    *,
    to: Annotated[tuple[str, ...], Parameter(help="An address there; repeatable.")] = (),
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Send one message by an endpoint at once, past the outbox, and say what became of it."""
    settings = settings_of(system)
    outcome = run(_send(settings, endpoint, to))
    row = _row(endpoint, outcome)
    if json:
        print(as_json(row))
    else:
        print(f"{endpoint}: {row['outcome']}" + (f", {row['reason']}" if row["reason"] else ""))
    if not isinstance(outcome, Delivered):
        message = f"{endpoint} has not delivered it"
        raise CommandError(message, "see the routing table and the secrets that it names")


async def _send(settings: Settings, name: str, to: tuple[str, ...]) -> Outcome:
    async with database(settings, "notify test") as connection:
        table = await load_routing(connection)
    configured = table.endpoint.get(name)
    if configured is None:
        known = ", ".join(table.endpoint) or "none"
        message = f"there is no endpoint {name}; the routing table has {known}"
        raise CommandError(message, "see wattwarden notify routing")
    secrets = Places(settings.data).secrets
    endpoint = Endpoint(name, configured, table.reader, secrets, wall_us)
    try:
        return await endpoint.send(_message(to))
    finally:
        await endpoint.close()


def _message(to: tuple[str, ...]) -> Message:
    return Message(
        id=f"ww_{uuid4().hex}",
        level=1,
        title="【测试】Wattwarden 通知测试",
        text="这是一条测试通知,无需处理。This is a test; nothing needs to be done.",
        url="",
        to=to,
        fields=FIELDS,
        at_us=wall_us(),
        kind=KIND,
    )


def _row(endpoint: str, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Delivered):
        left_out = f"left out: {', '.join(outcome.missed)}" if outcome.missed else ""
        provider = outcome.provider_id
        return {
            "endpoint": endpoint,
            "outcome": "delivered",
            "reason": left_out,
            "provider_id": provider,
        }
    name = type(outcome).__name__.lower()
    return {"endpoint": endpoint, "outcome": name, "reason": outcome.reason, "provider_id": ""}
