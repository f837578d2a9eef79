"""What stands beside the gateways: one process that folds, sends and shows, started again."""

import asyncio
import os
import re
import signal
from datetime import UTC, datetime

import aiohttp
import pytest
from tests.integration.system import PATIENCE_S, System, database, eventually
from tests.storage.outbox.receiver import Receiver

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.storage.registry.decisions import Decision, enter

pytestmark = pytest.mark.integration


async def shown(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as browser, browser.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


async def test_pages_are_served_where_the_ready_line_says_also_after_a_kill() -> None:
    with System(settings={"CONSOLE__PUBLIC_URL": "http://127.0.0.1:0"}) as system:
        links = system.ready["links"]
        assert links == f"http://{system.ready['console']}"
        assert system.ready["endpoints"] == []
        assert await shown(f"{links}/a/nothing") == 403
        # Nobody has an account yet: whoever started it gets in.
        assert system.ready["sign_in"].startswith(f"{links}/welcome/")
        assert await shown(system.ready["sign_in"]) == 200
        [side] = system.pids()["side"]
        os.kill(side, signal.SIGKILL)

        async def successor() -> int:
            return system.pids()["side"][0]

        await eventually(successor, lambda pid: pid not in {0, side}, within_s=2 * PATIENCE_S)
        assert await eventually(lambda: shown(f"{links}/a/nothing")) == 403
        held = await eventually(
            lambda: system.value(
                "SELECT count(*) FROM warden WHERE seen_at > now() - interval '5 seconds'"
            )
        )
        assert held
        await an_answer_is_asked_for(system)
        keys = await asyncio.to_thread(os.listdir, system.data / "secrets")
        assert any(name.startswith("answer-") for name in keys)
        system.hold_log_structured()


ENDPOINT = """
[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "k" }
allow = ["127.0.0.0/8"]
address = "mail"
"""


async def an_answer_is_asked_for(system: System) -> None:
    """A notice for a person goes out with a link that the same process opens."""
    receiver = Receiver()
    await receiver.start()
    (system.data / "secrets" / "k").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    text = default_text() + ENDPOINT.replace("URL", receiver.url)
    async with database(system.dsn) as store:
        now = datetime.now(UTC)
        await enter(store, Decision(Routing(version="1", text=text), "me", now))
        await store.execute(
            "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint,"
            " title, state, due, expires) VALUES (7, 'E1', $1::timestamptz, 'raised', 4, 'P1',"
            " 'first', 'hook', 'T', 'waiting', $1, $1 + interval '1 hour')",
            now,
        )

    async def got() -> int:
        return len(receiver.got)

    try:
        await eventually(got, within_s=2 * PATIENCE_S)
    finally:
        await receiver.stop()
    found = re.search(rf'"url":"({system.ready["links"]}/a/[^"]+)"', receiver.got[0][2].decode())
    assert found is not None, receiver.got[0][2]
    # Right in itself: there is no alarm 7 here, and nobody of that name.
    assert await shown(found[1]) == 404
    assert await shown(found[1][:-2]) == 403
