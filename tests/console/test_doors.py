"""Who asks, and how often they may."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from wattwarden.console.doors import POLICY, Doors, Parts, add_headers
from wattwarden.console.limiter import MAX_ASKERS, Limiter


class Transport:
    """A connection's other end."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


def doors(*proxies: str) -> Doors:
    parts = Parts.__new__(Parts)
    object.__setattr__(parts, "proxies", proxies)
    return Doors(parts)


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("10.0.0.1", ", ,", "10.0.0.1"),
    ],
)
def test_only_our_own_proxies_say_whom_they_ask_for(peer: str, said: str, address: str) -> None:
    headers = CIMultiDict({"X-Forwarded-For": said} if said else {})
    transport = Transport(peer)
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    assert doors("10.0.0.0/8").address(request) == address


def test_a_limit_lets_so_many_in_a_window_each() -> None:
    limiter = Limiter(2, 60)
    assert [limiter.lets("a", 0), limiter.lets("a", 1), limiter.lets("a", 59)] == [
        True,
        True,
        False,
    ]
    assert limiter.lets("b", 59)
    assert limiter.lets("a", 60)


def test_a_limit_remembers_a_bounded_number() -> None:
    limiter = Limiter(1, 60)
    for number in range(MAX_ASKERS + 10):
        limiter.lets(str(number), 0)
    assert len(limiter._asked) == MAX_ASKERS
    assert limiter.lets("0", 0)
    assert not limiter.lets(str(MAX_ASKERS), 0)


async def test_what_a_handler_lets_a_file_do_is_no_more_than_it_says() -> None:
    request = make_mocked_request("GET", "/")
    narrow = web.Response(headers={POLICY: "default-src 'none'; sandbox"})
    await add_headers(request, narrow)
    assert narrow.headers[POLICY] == "default-src 'none'; sandbox"
    usual = web.Response()
    await add_headers(request, usual)
    assert "frame-ancestors 'none'" in usual.headers[POLICY]
    assert usual.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert usual.headers["Cache-Control"] == "no-store"
