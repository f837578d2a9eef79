"""A running system tells monitoring how it is, and says so when a part of it has gone."""

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.system import System, eventually

from wattwarden.server.metrics.families import FAMILIES, PREFIX

pytestmark = pytest.mark.integration


def asked(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}/{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_a_system_tells_how_it_is_and_what_is_gone() -> None:
    with System(settings={"METRICS__LISTEN": "127.0.0.1:0"}) as system:
        address = system.ready["metrics"]

        async def reasons() -> list[dict[str, str]]:
            _, text = await asyncio.to_thread(asked, address, "readyz")
            found: list[dict[str, str]] = json.loads(text)["reasons"]
            return found

        await eventually(reasons, lambda found: not found)
        status, text = asked(address, "metrics")
        assert status == 200
        families = {one.name: one for one in text_string_to_metric_families(text)}
        ours = {name for name in families if name.startswith(PREFIX)}
        known = {f"{PREFIX}{name}".removesuffix("_total") for name in FAMILIES}
        assert ours <= known
        roles = {one.labels["role"] for one in families["wattwarden_build_info"].samples}
        assert roles == {"up", "gateway", "writer", "side", "archivist"}
        assert [one.value for one in families["wattwarden_slices_held"].samples] == [32]

        os.kill(system.pids()["writer"][0], signal.SIGSTOP)
        await eventually(reasons, lambda found: any("writer" in one["check"] for one in found))
        assert asked(address, "readyz")[0] == 503
        assert asked(address, "healthz")[0] == 200
        os.kill(system.pids()["writer"][0], signal.SIGCONT)
        await eventually(reasons, lambda found: not found)
