"""A role obeys the order to stop at any time, also while it waits for what is away."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.server.service_manager import Manager

from wattwarden.server import lifetime
from wattwarden.server.lifetime import give_up, report_ready, stop_event, unless, until
from wattwarden.server.roles import run_archivist, run_gateway, run_writer
from wattwarden.server.settings import GatewaySettings, Settings
from wattwarden.server.warden_role import run_warden

NOWHERE = "127.0.0.1:9"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("role", [run_gateway, run_writer, run_archivist, run_warden])
async def test_a_role_that_waits_for_its_engines_stops_when_it_is_told(
    role: Callable[[Settings], Coroutine[Any, Any, None]], number: signal.Signals, tmp_path: Path
) -> None:
    settings = Settings(
        data=tmp_path,
        dsn=f"postgresql://{NOWHERE}/d",
        nats=f"nats://{NOWHERE}",
        gateway=GatewaySettings(listen="127.0.0.1:0"),
    )
    running = asyncio.create_task(role(settings))
    # Its first step waits for the order; the second one dials.
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), number)
    async with asyncio.timeout(60):
        await running


async def test_who_keeps_services_is_told_of_the_start_and_of_the_order_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Manager(str(tmp_path / "notify")) as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        stop = stop_event()
        report_ready("writer", shards=2)
        assert manager.heard() == ["READY=1"]
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        assert manager.heard() == ["STOPPING=1"]
    assert '"shards":2' in capsys.readouterr().out


async def test_what_is_done_before_the_order_has_its_result() -> None:
    stop = asyncio.Event()

    async def work() -> int:
        stop.set()
        return 7

    assert await unless(stop, work()) == 7


async def test_what_is_not_done_at_the_order_is_given_up_however_often_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifetime, "CANCEL_INTERVAL_S", 0.0)
    stop, given_up = asyncio.Event(), 0

    async def deaf() -> int:
        nonlocal given_up
        stop.set()
        while given_up < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                given_up += 1
        raise asyncio.CancelledError

    assert await unless(stop, deaf()) is None
    assert given_up == 3


async def test_what_fails_before_the_order_fails() -> None:
    async def work() -> None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await unless(asyncio.Event(), work())
    with pytest.raises(OSError, match="away"):
        await until(asyncio.Event(), asyncio.create_task(work()))


async def test_work_that_loses_a_cancellation_is_given_up_nevertheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifetime, "CANCEL_INTERVAL_S", 0.01)
    lost: list[str] = []

    async def work() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("as wait_for of Python 3.11 does")

    async def fails() -> None:
        message = "nobody wants to know"
        raise ValueError(message)

    tasks = asyncio.create_task(work()), asyncio.create_task(fails())
    await asyncio.sleep(0)
    await give_up(*tasks)
    assert lost
    assert tasks[0].cancelled()
    assert tasks[1].done()
