"""Pushes over HTTP and datagrams: from the doors beside the meter port to rows."""

import asyncio
import base64
import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import orjson
import pytest
from tests.integration.system import PATIENCE_S, Port, System, eventually
from tests.integration.wire import ACREL_UPLOAD_ACK, acrel_upload

from wattwarden.codecs.onenet.signature import sign

pytestmark = pytest.mark.integration

TOKEN: Final = "integration-token"  # noqa: S105  made up
START: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
ADDRESS: Final = "12006130940002"
FRAME: Final = acrel_upload(ADDRESS, START, 123)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    ports = [Port(), Port()]
    http, udp = (f"127.0.0.1:{port.number}" for port in ports)
    settings = {
        "GATEWAY__HTTP_LISTEN": http,
        "GATEWAY__UDP_LISTEN": udp,
        "GATEWAY__ONENET_TOKEN_FILE": "onenet.token",
        "GATEWAY__CTWING_TOKEN_FILE": "ctwing.token",
    }
    made = System(settings=settings)
    secrets = made.data / "secrets"
    secrets.mkdir(parents=True)
    for name in ("onenet", "ctwing"):
        (secrets / f"{name}.token").write_text(TOKEN)
    with made:
        yield made
    for port in ports:
        port.close()


def address_of(system: System, door: str) -> tuple[str, int]:
    host, _, number = system._settings[f"GATEWAY__{door}_LISTEN"].rpartition(":")
    return host, int(number)


async def push(system: System, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    host, number = address_of(system, "HTTP")
    async with aiohttp.ClientSession() as http:
        url = f"http://{host}:{number}/push/{path}"
        async with http.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()


async def rows(system: System, codec: str) -> list[tuple[Any, ...]]:
    found = await system.fetch(
        "SELECT m.address, r.at, r.voltage_a, r.quality FROM reading AS r"
        " JOIN meter AS m ON m.id = r.meter WHERE m.codec = $1 ORDER BY r.at",
        codec,
    )
    return [tuple(row) for row in found]


def onenet_push(value: Any, at: datetime, nonce: str, stream: str = "3300_0_5706") -> bytes:
    msg = {
        "at": round(at.timestamp()) * 1000,
        "imei": "864162044318999",
        "type": 1,
        "ds_id": stream,
        "value": value,
        "dev_id": 606702219,
    }
    signature = sign(TOKEN, nonce, orjson.dumps(msg))
    return orjson.dumps({"msg": msg, "msg_signature": signature, "nonce": nonce})


async def test_a_frame_that_ctwing_pushes_becomes_a_row_of_its_meter(system: System) -> None:
    body = {
        "messageType": "dataReport",
        "deviceId": "40edca19b0124480864366de4621de99",
        "IMEI": "862592051651472",
        "timestamp": round(START.timestamp() * 1000) + 500,
        "payload": {"APPdata": base64.b64encode(FRAME).decode()},
    }
    assert await push(system, f"ctwing/{TOKEN}", orjson.dumps(body)) == (200, "ok")
    assert await push(system, "ctwing/wrong", orjson.dumps(body)) == (403, "")

    async def stored() -> bool:
        return bool(await rows(system, "ctwing"))

    await eventually(stored)
    ((address, at, voltage, _),) = await rows(system, "ctwing")
    assert (address, at) == (ADDRESS, START)
    assert voltage is not None


async def test_what_onenet_says_again_behind_a_restart_is_one_row(system: System) -> None:
    at = START + timedelta(minutes=1)
    assert await push(system, "onenet", onenet_push(221.5, at, "one", "3316_0_5700")) == (200, "ok")
    (gateway,) = system.pids()["gateway"]
    os.kill(gateway, signal.SIGKILL)
    again = onenet_push(221.5, at, "two", "3316_0_5700")

    async def taken() -> bool:
        try:
            return await push(system, "onenet", again) == (200, "ok")
        except aiohttp.ClientError:
            return False

    await eventually(taken)
    later = onenet_push(222.5, at + timedelta(minutes=1), "three", "3316_0_5700")
    assert await push(system, "onenet", later) == (200, "ok")

    async def stored() -> bool:
        return len(await rows(system, "onenet")) > 1

    await eventually(stored)
    assert await rows(system, "onenet") == [
        ("864162044318999", at, 221.5, 0),
        ("864162044318999", at + timedelta(minutes=1), 222.5, 0),
    ]
    assert await system.value("SELECT count(*) FROM revision") == 0


async def test_a_report_in_a_datagram_is_answered_and_stored(system: System) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as meter:
        meter.settimeout(0)
        meter.connect(address_of(system, "UDP"))
        meter.send(FRAME)
        answer = await asyncio.wait_for(loop.sock_recv(meter, 4096), PATIENCE_S)
    assert answer == ACREL_UPLOAD_ACK

    async def stored() -> bool:
        return [row[:2] for row in await rows(system, "acrel")] == [(ADDRESS, START)]

    await eventually(stored)
