"""One message by an endpoint at once, past the outbox: whether it is configured as it should be."""

from pathlib import Path
from typing import Final
from uuid import uuid4

from wattwarden.alarms.channels.channel import Message, Outcome
from wattwarden.alarms.channels.texts import local_minute
from wattwarden.alarms.routing.table import Table
from wattwarden.server.courier import wall_us
from wattwarden.server.endpoint import Endpoint
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.contacts import note_contacts, seen_in
from wattwarden.storage.system_time import system_now

KIND: Final = "test"
# Templates ask for parts of an alarm; a test has them all.
FIELDS: Final = {
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


async def send_trial(table: Table, name: str, to: tuple[str, ...], secrets: Path) -> Outcome:
    """Send one message by an endpoint of a table."""
    endpoint = Endpoint(name, table.endpoint[name], table.reader, secrets, wall_us)
    try:
        return await endpoint.send(trial_message(to))
    finally:
        await endpoint.close()


async def note_trial(
    connection: Connection, name: str, outcome: Outcome, to: tuple[str, ...]
) -> None:
    """Note what an endpoint said of the addresses.

    Raises:
        StorageError: The database is away.
    """
    now = await system_now(connection)
    await note_contacts(connection, [(name, seen_in(outcome, to))], now)


def trial_message(to: tuple[str, ...]) -> Message:
    """Return the message that is tried, with every part that templates ask for."""
    now_us = wall_us()
    # A template's time may not be empty; WeChat refuses one that is.
    now = local_minute(now_us)
    return Message(
        id=f"ww_{uuid4().hex}",
        level=1,
        title="【测试】Wattwarden 通知测试",
        text="这是一条测试通知,无需处理。This is a test; nothing needs to be done.",
        url="",
        to=to,
        fields={**FIELDS, "raised": now, "deadline": now},
        at_us=now_us,
        kind=KIND,
    )
