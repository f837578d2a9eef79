"""Two small protocols, and a conversation that remembers what it was told.

    brace   {{ body CRC }}           delimited, CRC-16/MODBUS low byte first
    hash    ## size body SUM [CR LF] length-prefixed: 4 digits, sum8 as two hex digits

A body that begins with L logs in under the rest of it; one that begins with D is data.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from wattwarden.protocol.checksum import WindowScan, modbus, sum8
from wattwarden.protocol.codec import (
    Asked,
    Claim,
    Codec,
    Columns,
    Message,
    ProfileOf,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import Delimited, LengthPrefixed, Outline

SECOND = 1_000_000
COMMANDS = b"LDX"
LEAST_BRACED = 7


def braced(body: bytes) -> bytes:
    return b"{{" + body + modbus(body).to_bytes(2, "little") + b"}}"


def braced_fits(buffer: bytes, start: int, end: int) -> bool:
    return modbus(buffer[start + 2 : end - 2]) == 0


def braced_plausible(buffer: bytes, start: int) -> bool:
    return start + 2 >= len(buffer) or buffer[start + 2] in COMMANDS


def brace_outline(
    most_bytes: int = 64, fits: Callable[[bytes, int, int], bool] = braced_fits
) -> Delimited:
    return Delimited(
        head=b"{{",
        tail=b"}}",
        least_bytes=LEAST_BRACED,
        most_bytes=most_bytes,
        fits=fits,
        residue=modbus,
        scan=WindowScan(2 * most_bytes, 2, 2),
        plausible=braced_plausible,
    )


def counted(body: bytes) -> bytes:
    return b"##%04d%b%02X" % (len(body), body, sum8(body))


def counted_size(buffer: bytes, start: int) -> int:
    digits = buffer[start + 2 : start + 6]
    if len(digits) < 4:
        return 0
    return 8 + int(digits) if digits.isdigit() else -1


def counted_fits(buffer: bytes, start: int, end: int) -> bool:
    return buffer[end - 2 : end] == b"%02X" % sum8(buffer[start + 6 : end - 2])


def anything_seems(_buffer: bytes, _start: int, _end: int) -> bool:
    return True


def hash_outline(
    most_bytes: int = 64,
    seems: Callable[[bytes, int, int], bool] | None = None,
    fits: Callable[[bytes, int, int], bool] = counted_fits,
) -> LengthPrefixed:
    return LengthPrefixed(
        head=b"##",
        most_bytes=most_bytes,
        measure=counted_size,
        fits=fits,
        seems=seems,
        separators=b"\r\n",
    )


@dataclass
class FakeDialogue:
    """Logs in whoever says L; polls every ``poll_s`` once somebody has."""

    body_at: int
    poll_s: float | None = None
    identity: str | None = None
    idle_limit_s: float = 60.0
    heard: list[bytes] = field(default_factory=list)
    poll_at: int | None = None
    asked: Asked = field(default_factory=dict)

    def receive(self, frames: list[bytes], now: int) -> bytes:
        self.heard += frames
        out = b""
        for frame in frames:
            if frame[self.body_at : self.body_at + 1] == b"L":
                self.identity = frame[self.body_at + 1 : self.body_at + 4].decode()
                out += b"hello " + self.identity.encode()
                if self.poll_s is not None:
                    self.poll_at = now + round(self.poll_s * SECOND)
        return out

    def tick(self, now: int) -> bytes:
        if self.poll_s is None or self.poll_at is None or now < self.poll_at:
            return b""
        self.poll_at = now + round(self.poll_s * SECOND)
        return b"poll"

    def next_deadline(self) -> int | None:
        return self.poll_at


@dataclass
class FakeProtocol:
    """A codec and the dialogues that it began."""

    name: str
    outline: Outline
    body_at: int
    poll_s: float | None = None
    head_bytes: int = 3
    dialogues: list[FakeDialogue] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    def recognise(self, head: bytes) -> Claim:
        self.asked.append(head)
        mark = self.outline.head
        if len(head) < self.head_bytes:
            return Claim.MORE if mark.startswith(head[: len(mark)]) else Claim.NO
        return Claim.YES if head.startswith(mark) else Claim.NO

    def begin(self, _profile_of: ProfileOf) -> FakeDialogue:
        self.dialogues.append(FakeDialogue(self.body_at, self.poll_s))
        return self.dialogues[-1]

    def codec(self) -> Codec:
        def read(_frame: bytes, _profile_of: ProfileOf) -> Message:
            raise ProtocolError(Refusal.UNKNOWN, "a fake reads nothing")

        return Codec(
            name=self.name,
            title=self.name,
            outline=self.outline,
            kinds={},
            recognise=self.recognise,
            dialogue=self.begin,
            confirm=lambda batch: np.ones(len(batch), bool),
            acknowledge=lambda batch: [b""] * len(batch),
            decode=lambda _batch: Columns(()),
            read=read,
            encode=lambda message: message.kind.encode(),
            explain=lambda _frame, _request: (),
        )


def brace_protocol(most_bytes: int = 64, poll_s: float | None = None) -> FakeProtocol:
    return FakeProtocol("brace", brace_outline(most_bytes), body_at=2, poll_s=poll_s)


def hash_protocol(
    most_bytes: int = 64, seems: Callable[[bytes, int, int], bool] | None = None
) -> FakeProtocol:
    return FakeProtocol("hash", hash_outline(most_bytes, seems), body_at=6)


class Denying(FakeProtocol):
    """Knows its head, and never a frame behind it."""

    def recognise(self, head: bytes) -> Claim:
        self.asked.append(head)
        return Claim.NO


def denying_protocols() -> list[Denying]:
    return [
        Denying("brace", brace_outline(), body_at=2),
        Denying("hash", hash_outline(), body_at=6),
    ]
