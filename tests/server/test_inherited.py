"""Sockets that outlive the gateways that listen at them."""

import asyncio
import os
import socket
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path

import pytest

from wattwarden.server.inherited import (
    DATAGRAM_SOCKETS,
    METER_SOCKETS,
    PUSH_SOCKETS,
    TLS_SOCKETS,
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

HIGH_NUMBER = 500
ANYWHERE = "127.0.0.1:0"
EVERYTHING = GatewaySettings(
    listen=ANYWHERE,
    tls_listen=ANYWHERE,
    tls_certificate_file="tls.pem",
    tls_key_file="tls.pem",
    http_listen=ANYWHERE,
    udp_listen=ANYWHERE,
    listeners={"plant": ANYWHERE},
)
DOORS = [METER_SOCKETS, TLS_SOCKETS, PUSH_SOCKETS, DATAGRAM_SOCKETS, listener_sockets("plant")]


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
    assert len({number for made in sets for number in descriptors(made)}) == 15
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
        ("tls:datagrams", [TLS_SOCKETS, DATAGRAM_SOCKETS]),
        ("gateway.socket:listener-plant", [METER_SOCKETS, listener_sockets("plant")]),
        ("", [METER_SOCKETS]),
    ],
    ids=["named", "with TLS", "one with the name of its unit", "not named at all"],
)
def test_systemd_hands_sockets_over_in_its_own_way(
    names: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as one, socket.socket() as other:
        # Whatever other tests opened and left, they have not opened as many.
        first, second = (fcntl(sock, F_DUPFD_CLOEXEC, HIGH_NUMBER) for sock in (one, other))
    assert second == first + 1
    # It would begin with 3, which is somebody else's here.
    monkeypatch.setattr("wattwarden.server.inherited._FIRST_OF_SYSTEMD", first)
    words = {"LISTEN_PID": "17", "LISTEN_FDS": "2", "LISTEN_FDNAMES": names}
    found = inherited(words, 17)
    assert list(found) == expected
    assert sum(map(len, found.values())) == 2
    close_all(found)
    assert inherited(words, 18) == {}


@pytest.mark.parametrize(
    ("held", "gateways", "shares"),
    [(1, 1, [[0]]), (4, 2, [[0, 2], [1, 3]]), (1, 3, [[0], [0], [0]]), (2, 3, [[0], [1], [0]])],
    ids=["one each", "several each", "one for all", "fewer than gateways"],
)
async def test_what_up_was_handed_over_is_dealt_out_and_not_opened_again(
    held: int, gateways: int, shares: list[list[int]]
) -> None:
    given = await open_sets(GatewaySettings(listen=ANYWHERE), held)
    sockets = [one for made in given for one in made[METER_SOCKETS]]
    settings = GatewaySettings(listen="127.0.0.1:1", udp_listen=ANYWHERE)
    sets = await open_sets(settings, gateways, {METER_SOCKETS: sockets})
    assert [[sockets.index(one) for one in made[METER_SOCKETS]] for made in sets] == shares
    assert len({made[DATAGRAM_SOCKETS][0].getsockname() for made in sets}) == 1
    for made in sets:
        close_all(made)


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
