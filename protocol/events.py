"""What a session tells the one who feeds it, and how much a peer may do without sense."""

from dataclasses import dataclass

import msgspec

from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Codec


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long and how much a connection may do without sense."""

    # NB-IoT modules take up to 10 s from connect to first byte; thrice that.
    pre_login_s: float = 30.0
    # 1 KiB takes about a second at 9,600 baud behind a DTU; a stall of twenty is a loss.
    partial_frame_s: float = 20.0
    # Before login a peer has no credit: more than an envelope's worth of noise is a scanner.
    noise_before_login_bytes: int = 4096
    # A meter with a broken cable recovers by itself; one this far in debt of frames does not.
    noise_bytes: int = 65_536


# A Struct takes a fifth of the time of a dataclass to make, and one is made for each segment.
class LoggedIn(msgspec.Struct, frozen=True, gc=False):
    """The peer said who it is (or its first frame did)."""

    codec: Codec
    identity: str


class Received(msgspec.Struct, frozen=True, gc=False):
    """Whole frames of one codec, and what they answer or continue.

    Journal them; then send what ``codec.acknowledge`` gives.
    """

    codec: Codec
    frames: list[bytes]
    asked: Asked = NOTHING_ASKED


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """Bytes that belong to no frame."""

    data: bytes
    reason: str


class Denied(msgspec.Struct, frozen=True, gc=False):
    """The peer did not prove that it is whom it says; what it sent and the end follow."""

    codec: Codec
    identity: str
    reason: str


class Closing(msgspec.Struct, frozen=True, gc=False):
    """The session is over; close the connection.  No event comes after it."""

    reason: str


Event = LoggedIn | Received | Skipped | Denied | Closing
