"""Other people's protocols that find an open port: recognised so that they are counted by name."""

from typing import Final

_HTTP_METHODS: Final = (
    b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"PATCH ",
    b"PRI * ",
)  # fmt: skip
_FIRST_BYTES: Final = frozenset(b"\x16\x03S") | {method[0] for method in _HTTP_METHODS}
_LONGEST_BYTES: Final = max(map(len, _HTTP_METHODS))


def foreign_protocol(head: bytes) -> str | None:
    """Name the protocol of a connection's first bytes, None when it is none of the common ones.

    >>> foreign_protocol(b"GET / HTTP/1.1")
    'HTTP request'
    """
    if len(head) >= 3 and head[0] == 0x16 and head[1] == 0x03 and head[2] <= 0x04:
        return "TLS ClientHello"
    if head.startswith(_HTTP_METHODS):
        return "HTTP request"
    # TPKT (RFC 1006) carrying an X.224 connection request, as RDP clients and scanners send it.
    if head.startswith(b"\x03\x00") and len(head) >= 6 and head[5] == 0xE0:
        return "RDP connection request"
    if head.startswith(b"SSH-"):
        return "SSH banner"
    return None


def may_become_foreign(head: bytes) -> bool:
    """Whether more bytes may make a name of what has none yet."""
    return 0 < len(head) < _LONGEST_BYTES and head[0] in _FIRST_BYTES
