"""What to do about other people's protocols where frames were expected."""

from typing import Final

from wattwarden.protocol.foreign import foreign_protocol

# By the names that ``foreign_protocol`` gives.
_ON_THE_PORT: Final = {
    "HTTP request": "set the sender to plain TCP (transparent mode), keep browsers off the port",
    "TLS ClientHello": "set the meter to plain TCP, or end TLS in front of the port",
}
_SCANNER: Final = "somebody looks for open ports: let only the meters' networks through"


def advice_on_the_port(raw: bytes) -> str:
    """Say what to do about a peer that began with these bytes; "" when nobody knows them."""
    name = foreign_protocol(raw)
    return "" if name is None else _ON_THE_PORT.get(name, _SCANNER)


def unknown_bytes(raw: bytes, shown_bytes: int) -> str:
    """Say what bytes are that no codec knows, and what to give instead."""
    name = foreign_protocol(raw)
    if name == "HTTP request":
        return "an HTTP request is no frame: give its body alone, as text or in hex"
    if name is not None:
        return f"{name} where a frame was expected: nothing in it is a meter's"
    head = raw[:shown_bytes]
    if raw.isascii() and raw.decode("ascii").isprintable():
        shown = repr(head.decode("ascii"))
        if raw[:1] in b"{[":
            return f"no codec knows a push body that begins with {shown}"
        return f"no codec knows text that begins with {shown}: give bytes as hex, two digits each"
    return f"no codec knows bytes that begin with {head.hex(' ')}: --codec NAME asks one alone"
