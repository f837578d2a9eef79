"""Other people's protocols by their first bytes, and what may still become one."""

import pytest

from wattwarden.protocol.foreign import foreign_protocol, may_become_foreign

HELLOS = [
    pytest.param(b"\x16\x03\x01\x02\x00\x01", "TLS ClientHello", id="tls"),
    pytest.param(b"\x16\x03\x04", "TLS ClientHello", id="tls 1.3"),
    *(
        pytest.param(f"{method} / HTTP/1.1".encode(), "HTTP request", id=method)
        for method in ["GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH"]
    ),
    pytest.param(b"PRI * HTTP/2.0", "HTTP request", id="http2"),
    pytest.param(b"\x03\x00\x00\x13\x0e\xe0\x00\x00", "RDP connection request", id="rdp"),
    pytest.param(b"\x03\x00\x00\x13\x0e\xe0", "RDP connection request", id="rdp, no more"),
    pytest.param(b"SSH-2.0-OpenSSH_9.2", "SSH banner", id="ssh"),
]


@pytest.mark.parametrize(("hello", "name"), HELLOS)
def test_a_foreign_protocol_is_named(hello: bytes, name: str) -> None:
    assert foreign_protocol(hello) == name


@pytest.mark.parametrize(("hello", "name"), HELLOS)
def test_until_it_is_named_it_may_become_foreign(hello: bytes, name: str) -> None:
    for size in range(1, len(hello)):
        named = foreign_protocol(hello[:size])
        assert named == name or (named is None and may_become_foreign(hello[:size]))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"##0101QN=",
        b"{{\x84",
        b"\x68\x01\x02\x03\x04\x05\x06\x68",
        b"\x16\x03\x05\x00\x00\x00\x00\x00",
        b"\x16\x04\x01\x00\x00\x00\x00\x00",
        b"\x03\x00\x00\x13\x0e\xd0\x00\x00",
        b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x00",
        b"GETTING ON WITH IT",
        b"get / HTTP/1.1",
        b"SSH ",
    ],
)
def test_anything_else_is_not_foreign(head: bytes) -> None:
    assert foreign_protocol(head) is None


@pytest.mark.parametrize("head", [b"", b"#", b"{{", b"\x68", b"GETTING O"])
def test_what_cannot_become_foreign_is_not_waited_for(head: bytes) -> None:
    assert not may_become_foreign(head)
