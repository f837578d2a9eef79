"""What can be wrong with bytes that a peer sent.

ProtocolError             the peer's bytes are refused; carries kind, message, offset
└── (no subclasses: the kind is data, since it travels through journals, tables and JSON)

ValueError and TypeError remain for mistakes of our own callers.
"""

from enum import StrEnum


class Refusal(StrEnum):
    """Why bytes were refused, in the order in which a reader can notice it."""

    UNKNOWN = "unknown"
    """No codec knows a frame that begins like this, or the frame's kind is not known."""
    LENGTH = "length"
    """The frame is cut short, or its length field contradicts its bytes or exceeds the bound."""
    CHECKSUM = "checksum"
    """The checksum does not fit."""
    DECODE = "decode"
    """The checksum fits, yet a value is impossible (month 13, a BCD nibble above 9)."""


class ProtocolError(Exception):
    """Bytes of a peer that no codec accepts.

    ``offset`` counts bytes from the start of what was given, ``kind`` says what is wrong.
    """

    def __init__(self, kind: Refusal, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.offset = offset
