"""The meter port is tried before anything is started, and who holds it is named."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wattwarden.server import listening
from wattwarden.server.listening import (
    METERS,
    Holder,
    PortRefusedError,
    check_ports,
    holders,
    probe,
)
from wattwarden.server.places import Places, Running, write_running
from wattwarden.server.settings import ConsoleSettings, GatewaySettings, Settings
from wattwarden.server.supervise import System

GATEWAY = "/usr/bin/python3 -m wattwarden gateway"
JOURNAL = "nats://n:1"


@pytest.fixture
def taken() -> Iterator[str]:
    """An address at which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def settings(data: Path, listen: str, nats: str | None = None) -> Settings:
    return Settings(
        data=data,
        nats=nats,
        gateway=GatewaySettings(listen=listen),
        console=ConsoleSettings(listen="127.0.0.1:0"),
    )


async def test_a_system_starts_nothing_when_its_meter_port_is_taken(
    tmp_path: Path, taken: str
) -> None:
    said: list[str] = []
    with pytest.raises(PortRefusedError, match=f"{taken} is held by process {os.getpid()}") as told:
        await System(settings(tmp_path, taken)).start(said.append)
    assert "--listen" in told.value.cure
    assert said == []


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_any_free_port_is_fine(listen: str, tmp_path: Path) -> None:
    check_ports(settings(tmp_path, listen))


def test_our_own_gateway_may_hold_it_still(tmp_path: Path, taken: str) -> None:
    write_running(Places(tmp_path), Running(taken, {"gateway": [os.getpid()]}))
    check_ports(settings(tmp_path, taken))


def test_a_port_that_we_were_handed_over_is_not_tried(tmp_path: Path, taken: str) -> None:
    check_ports(settings(tmp_path, taken), {METERS})


@pytest.mark.parametrize(
    ("command", "nats"),
    [
        pytest.param(GATEWAY, None, id="of another journal"),
        pytest.param("nginx: gateway", JOURNAL, id="a stranger"),
    ],
)
def test_nobody_else_may(
    command: str, nats: str | None, tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "holders", lambda _port: iter([Holder(7, command)]))
    with pytest.raises(PortRefusedError, match="process 7"):
        check_ports(settings(tmp_path, taken, nats))


def test_gateways_share_it_where_they_may_share_a_journal(
    tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "holders", lambda _port: iter([Holder(7, GATEWAY)]))
    check_ports(settings(tmp_path, taken, JOURNAL))


def test_a_holder_that_cannot_be_seen_is_told_how_to_find(
    taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody: Callable[[int], Iterator[Holder]] = lambda _port: iter(())  # noqa: E731  one line
    monkeypatch.setattr(listening, "holders", nobody)
    with pytest.raises(PortRefusedError, match="another user") as told:
        probe(taken)
    assert f"sport = :{taken.rpartition(':')[2]}" in told.value.cure


@pytest.mark.parametrize("listen", ["203.0.113.9:1", "no.such.host.invalid:1"])
def test_an_address_of_another_machine_is_refused_with_the_cure(listen: str) -> None:
    with pytest.raises(PortRefusedError, match="cannot be opened") as told:
        probe(listen)
    assert "all addresses of this machine" in told.value.cure


def test_a_port_that_is_roots_is_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_socket: object, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    with pytest.raises(PortRefusedError, match="Permission denied") as told:
        probe("0.0.0.0:80")
    assert "1024" in told.value.cure


def test_nobody_listens_at_a_port_that_is_bound_and_no_more() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert list(holders(bound.getsockname()[1])) == []
