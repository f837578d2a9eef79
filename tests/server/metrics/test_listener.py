"""The small port for monitoring: who may ask, and what is answered."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from wattwarden.server.listening import PortRefusedError
from wattwarden.server.metrics.listener import watched
from wattwarden.server.metrics.parts import Part, SystemTold
from wattwarden.server.metrics.watch import Trouble
from wattwarden.server.settings import MetricsSettings, Settings

GUARDED = {"token_file": "monitor"}


class FakeTold:
    """Tells what it is given."""

    def __init__(self, text: str = "", troubles: Sequence[Trouble] = ()) -> None:
        self._text = text
        self._troubles = troubles

    async def text(self) -> str:
        return self._text

    async def unready(self) -> Sequence[Trouble]:
        return self._troubles


def settings_of(folder: Path, **metrics: str) -> Settings:
    return Settings(data=folder, metrics=MetricsSettings(**{"listen": "127.0.0.1:0", **metrics}))


@asynccontextmanager
async def listening(
    folder: Path, told: Any, role: str = "gateway", **metrics: str
) -> AsyncIterator[tuple[ClientSession, str]]:
    async with (
        watched(settings_of(folder, **metrics), role, told) as address,
        ClientSession() as session,
    ):
        assert address is not None
        yield session, f"http://{address}"


async def ask(session: ClientSession, address: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and text."""
    async with session.get(address, headers=headers) as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.text()


async def test_numbers_are_told_in_prometheus_own_format(tmp_path: Path) -> None:
    async with listening(tmp_path, FakeTold("ww 1\n")) as (session, root):
        status, kind, text = await ask(session, f"{root}/metrics")
    assert (status, text) == (200, "ww 1\n")
    assert kind.startswith("text/plain; version=")


async def test_a_process_that_answers_is_alive_whatever_is_wrong(tmp_path: Path) -> None:
    async with listening(tmp_path, FakeTold("", [Trouble("a", "b")])) as (session, root):
        status, _, text = await ask(session, f"{root}/healthz")
    assert (status, json.loads(text)) == (200, {"role": "gateway", "status": "ok"})


@pytest.mark.parametrize(
    ("troubles", "status"),
    [
        pytest.param([], 200, id="ready"),
        pytest.param([Trouble("journal", "full")], 503, id="not ready"),
    ],
)
async def test_readiness_names_its_reasons(
    tmp_path: Path, troubles: list[Trouble], status: int
) -> None:
    async with listening(tmp_path, FakeTold("", troubles)) as (session, root):
        answered, _, text = await ask(session, f"{root}/readyz")
    told = json.loads(text)
    assert answered == status
    assert told["ready"] == (status == 200)
    assert told["reasons"] == [{"check": t.check, "reason": t.reason} for t in troubles]


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        pytest.param({}, 401, id="nothing"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="another"),
        pytest.param({"Authorization": "Basic right"}, 401, id="another scheme"),
        pytest.param({"Authorization": "Bearer right"}, 200, id="the token"),
    ],
)
async def test_with_a_token_only_who_shows_it_gets_numbers(
    tmp_path: Path, shown: dict[str, str], status: int
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "monitor").write_text("right\n")
    async with listening(tmp_path, FakeTold("ww 1\n"), **GUARDED) as (session, root):
        assert (await ask(session, f"{root}/metrics", **shown))[0] == status
        assert (await ask(session, f"{root}/readyz"))[0] == 200


async def test_a_token_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PortRefusedError, match="secret file monitor"):
        async with watched(settings_of(tmp_path, **GUARDED), "up", FakeTold()):
            pass


async def test_switched_off_nothing_listens(tmp_path: Path) -> None:
    async with watched(settings_of(tmp_path, listen="off"), "up", FakeTold()) as address:
        assert address is None


async def test_an_address_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path) -> None:
    async with watched(settings_of(tmp_path), "up", FakeTold()) as address:
        assert address is not None
        with pytest.raises(PortRefusedError, match="port for monitoring"):
            async with watched(settings_of(tmp_path, listen=address), "up", FakeTold()):
                pass


async def test_a_system_tells_what_its_roles_tell_and_which_are_silent(tmp_path: Path) -> None:
    role = FakeTold("# HELP ww x\nww 1\n", [Trouble("journal", "full")])
    async with watched(settings_of(tmp_path), "gateway", role) as address:
        assert address is not None
        parts = [Part("gateway", address, 2), Part("writer", "127.0.0.1:1", 0), Part("side", "", 0)]
        told = SystemTold(lambda: parts, None)
        text, troubles = await told.text(), await told.unready()
    assert "ww 1" in text
    assert 'wattwarden_role_up{part="gateway",role="up"} 1.0' in text
    assert 'wattwarden_role_up{part="writer",role="up"} 0.0' in text
    assert 'wattwarden_role_restarts_total{part="gateway",role="up"} 2.0' in text
    assert [one.check for one in troubles] == ["gateway: journal", "writer", "side"]


@pytest.mark.parametrize(
    ("troubles", "ready"),
    [([], "1.0"), ([Trouble("journal", "full")], "0.0")],
    ids=["all can work", "one cannot"],
)
async def test_a_system_is_ready_when_all_its_roles_are(
    tmp_path: Path, troubles: list[Trouble], ready: str
) -> None:
    role = FakeTold("# HELP ww x\nww 1\n", troubles)
    async with watched(settings_of(tmp_path), "gateway", role) as address:
        assert address is not None
        told = SystemTold(lambda: [Part("gateway", address, 0)], None)
        assert f'wattwarden_ready{{role="up"}} {ready}' in await told.text()
