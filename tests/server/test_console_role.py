"""Where pages are listened for, and with what links to them begin."""

import os
import socket

import pytest

from wattwarden.server.console_role import address_of, opened, public_address
from wattwarden.server.listening import PortRefusedError
from wattwarden.server.settings import ConsoleSettings, Settings


def settings(listen: str, public_url: str | None = None) -> Settings:
    return Settings(console=ConsoleSettings(listen=listen, public_url=public_url))


@pytest.mark.parametrize(
    ("public_url", "links"),
    [
        (None, None),
        ("https://ww.example/pages", "https://ww.example/pages"),
        ("https://ww.example:8443", "https://ww.example:8443"),
        ("http://127.0.0.1:0", "http://127.0.0.1:PORT"),
        ("http://[::1]:0/x", "http://[::1]:PORT/x"),
    ],
)
def test_port_0_of_links_is_the_one_that_is_listened_on(
    public_url: str | None, links: str | None
) -> None:
    asked = settings("127.0.0.1:0", public_url)
    with opened(asked.console.listen) as door:
        port = str(door.getsockname()[1])
        assert address_of(asked, door) == f"127.0.0.1:{port}"
        assert public_address(asked, door) == (links and links.replace("PORT", port))


def test_an_address_that_is_taken_names_who_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            PortRefusedError, match=f"console {listen}.*process {os.getpid()}"
        ) as told:
            opened(listen)
    assert "--console" in told.value.cure


@pytest.mark.parametrize(
    "address",
    ["ww.example", "ftp://ww.example", "https://", "https://u@h", "https://h?x", "https://h#x",
     "https://h:70000", "https://h:"],
)  # fmt: skip
def test_an_address_with_which_links_cannot_begin_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="https://HOST"):
        settings("127.0.0.1:0", address)


def test_a_slash_at_the_end_makes_no_difference() -> None:
    assert settings("127.0.0.1:0", "https://h/x/").console.public_url == "https://h/x"
