"""What people see of a system that stands: its pages, how it is, and which meters wait."""

import asyncio
import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import aiohttp
import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.system import PATIENCE_S, System, database, eventually
from tests.integration.wire import ACREL_UPLOAD_ACK, acrel_login, acrel_upload, say
from tests.storage.outbox.receiver import Receiver

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.server.metrics.families import FAMILIES, PREFIX
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

pytestmark = pytest.mark.integration

ROLES = {"up", "gateway", "writer", "side", "archivist"}
KNOWN = "SELECT r.* FROM reading AS r JOIN meter AS m ON m.id = r.meter WHERE m.address = 'KNOWN'"


async def shown(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as browser, browser.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    settings = {"CONSOLE__PUBLIC_URL": "http://127.0.0.1:0", "METRICS__LISTEN": "127.0.0.1:0"}
    with System("--unknown-meters", "known", settings=settings) as system:
        yield system


async def test_pages_are_served_where_the_ready_line_says_also_after_a_kill(
    system: System,
) -> None:
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


def asked(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}/{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_a_system_tells_how_it_is_and_what_is_gone(system: System) -> None:
    address = system.ready["metrics"]

    async def reasons() -> list[dict[str, str]]:
        _, text = await asyncio.to_thread(asked, address, "readyz")
        found: list[dict[str, str]] = json.loads(text)["reasons"]
        return found

    await eventually(reasons, lambda found: not found)

    async def metrics() -> tuple[int, str]:
        return await asyncio.to_thread(asked, address, "metrics")

    # Each role is asked, and one that was busy just now is left out.
    status, text = await eventually(
        metrics, lambda found: all(f'role="{role}"' in found[1] for role in ROLES)
    )
    assert status == 200
    families = {one.name: one for one in text_string_to_metric_families(text)}
    ours = {name for name in families if name.startswith(PREFIX)}
    known = {f"{PREFIX}{name}".removesuffix("_total") for name in FAMILIES}
    assert ours <= known
    roles = {one.labels["role"] for one in families["wattwarden_build_info"].samples}
    assert roles == ROLES
    assert [one.value for one in families["wattwarden_slices_held"].samples] == [32]

    [writer] = system.pids()["writer"]
    os.kill(writer, signal.SIGSTOP)
    await eventually(reasons, lambda found: any("writer" in one["check"] for one in found))
    assert asked(address, "readyz")[0] == 503
    assert asked(address, "healthz")[0] == 200
    os.kill(writer, signal.SIGCONT)
    await eventually(reasons, lambda found: not found)


async def test_unknown_meters_wait_until_they_are_registered(system: System) -> None:
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    frames = acrel_login("KNOWN") + acrel_upload("KNOWN", now, 7)
    answers = await say(system.target, "127.0.0.2", frames, 2 * len(ACREL_UPLOAD_ACK))
    assert answers.endswith(ACREL_UPLOAD_ACK)

    async def held() -> int:
        count: int = await system.value("SELECT count(*) FROM quarantine")
        return count

    await eventually(held)
    [row] = system.call("quarantine", "list", "--json").rows
    assert (row["codec"], row["kind"], row["reason"]) == ("acrel", "unknown", "unknown_meter")
    assert await system.fetch(KNOWN) == []
    system.call("meters", "add", "acrel:KNOWN")

    async def rows() -> list[asyncpg.Record]:
        return await system.fetch(KNOWN)

    [reading] = await eventually(rows)
    assert (reading["at"], reading["energy_forward"]) == (now, 70)
    await say(system.target, "127.0.0.2", acrel_upload("KNOWN", now, 7), len(ACREL_UPLOAD_ACK))
    assert system.call("quarantine", "list", "--json").rows == []
    assert len(await rows()) == 1
