"""Sockets that outlive the gateways that listen at them."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from wattwarden.server.inherited import (
    DATAGRAM_SOCKETS,
    METER_SOCKETS,
    PUSH_SOCKETS,
    VARIABLE,
    Sockets,
    close_all,
    descriptors,
    handed_over,
    inherited,
    listener_sockets,
    open_sets,
)
from wattwarden.server.listening import PortRefusedError
from wattwarden.server.settings import GatewaySettings

ANYWHERE = "127.0.0.1:0"
EVERYTHING = GatewaySettings(
    listen=ANYWHERE, http_listen=ANYWHERE, udp_listen=ANYWHERE, listeners={"plant": ANYWHERE}
)
DOORS = [METER_SOCKETS, PUSH_SOCKETS, DATAGRAM_SOCKETS, listener_sockets("plant")]


def doubled(sockets: Sockets) -> dict[str, list[socket.socket]]:
    """As in another process: the same sockets under other numbers."""
    return {name: [one.dup() for one in held] for name, held in sockets.items()}


def detached(sockets: Sockets) -> None:
    """As after a handing over: their numbers belong to somebody else."""
    for held in sockets.values():
        for one in held:
            one.detach()


async def test_all_gateways_listen_at_the_same_addresses() -> None:
    sets = await open_sets(EVERYTHING, 3)
    assert [list(one) for one in sets] == [DOORS] * 3
    for name in DOORS:
        assert len({one.getsockname() for made in sets for one in made[name]}) == 1
    assert len({number for made in sets for number in descriptors(made)}) == 12
    for made in sets:
        close_all(made)


async def test_who_dials_in_while_nobody_listens_is_let_in_by_the_next_gateway() -> None:
    [kept] = await open_sets(GatewaySettings(listen=ANYWHERE), 1)
    first = doubled(kept)
    close_all(first)
    address = kept[METER_SOCKETS][0].getsockname()
    reader, writer = await asyncio.open_connection(*address)
    given = doubled(kept)
    text = handed_over(given)
    found = inherited({VARIABLE: text}, 1)
    detached(given)
    [listening] = found[METER_SOCKETS]
    assert not listening.get_inheritable()
    accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
    accepted.send(b"here")
    assert await reader.readexactly(4) == b"here"
    accepted.close()
    writer.close()
    await writer.wait_closed()
    close_all(found)
    close_all(kept)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("meters:datagrams", [METER_SOCKETS, DATAGRAM_SOCKETS]),
        ("gateway.socket:listener-plant", [METER_SOCKETS, listener_sockets("plant")]),
        ("", [METER_SOCKETS]),
    ],
    ids=["named", "one with the name of its unit", "not named at all"],
)
def test_systemd_hands_sockets_over_in_its_own_way(
    names: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [socket.socket() for _ in range(2)]
    # It would begin with 3, which is somebody else's here.
    monkeypatch.setattr("wattwarden.server.inherited._FIRST_OF_SYSTEMD", given[0].fileno())
    assert given[1].fileno() == given[0].fileno() + 1
    words = {"LISTEN_PID": "17", "LISTEN_FDS": "2", "LISTEN_FDNAMES": names}
    found = inherited(words, 17)
    for one in given:
        one.detach()
    assert list(found) == expected
    assert sum(map(len, found.values())) == 2
    close_all(found)
    assert inherited(words, 18) == {}


def test_what_is_no_socket_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        number = os.dup(file.fileno())
        with pytest.raises(PortRefusedError, match="cannot be used"):
            inherited({VARIABLE: f'{{"meters": [{number}]}}'}, 1)
        os.close(number)


async def test_an_address_that_is_taken_is_refused_with_who_holds_it() -> None:
    # Whatever was open before and stays so would be told as an error by the collector.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = GatewaySettings(listen=ANYWHERE, listeners={"plant": listen})
        with pytest.raises(PortRefusedError, match=f"{listen} is held by process {os.getpid()}"):
            await open_sets(settings, 2)
