"""What is said to Acrel's meters: at once, and once their frames are stored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from wattwarden.codecs.acrel.frame import (
    ACKS,
    ALARM_SETTINGS,
    BODY_BEGIN,
    CARD_BYTES,
    LEAST_BYTES,
    REGISTER,
    SERIAL_BYTES,
    TIME,
    UPLOAD,
    seal,
    serial_of,
)
from wattwarden.codecs.acrel.layouts import CLOCK
from wattwarden.protocol.asking import Asking, Denial, Doubting
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Batch, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.wire import fixed_text

if TYPE_CHECKING:
    from wattwarden.protocol.line import Line

# Meters report every 1 to 15 minutes and send 94 in between; no source states its period.
DEFAULT_IDLE_S: Final = 1800.0
LEAST_IDLE_S: Final = 300.0
# A meter that missed three of its own reports is gone.
REPORTS_MISSED: Final = 3

OTHER_CARD: Final = "the SIM card is not the meter's"
_CARD: Final = slice(BODY_BEGIN + SERIAL_BYTES, BODY_BEGIN + SERIAL_BYTES + CARD_BYTES)

ANSWERED_AT_ONCE: Final = frozenset((REGISTER, TIME))
_ANSWERED_ONCE_STORED: Final = {command: ACKS[command] for command in (UPLOAD, ALARM_SETTINGS)}


class AcrelDialogue(Asking, Doubting):
    """Registration, clock and heartbeat; uploads are answered once they are stored."""

    __slots__ = ("_profile_of", "asked", "denial", "identity", "idle_limit_s")

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self.asked: Asked = NOTHING_ASKED
        self.line: Line | None = None
        self.identity: str | None = None
        self.denial: Denial | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Answer registration and time requests."""
        out = b""
        for frame in frames:
            command = frame[2]
            if command in ANSWERED_AT_ONCE:
                if command == REGISTER or self.identity is None:
                    self._identify(frame)
                if self.denial is None:
                    out += self._answer(frame, now)
            elif self.identity is None:
                self._identify(frame)
        if self.line is not None:
            self.asked = self.line.hear_all(frames, now)
            out += self.line.due(now)
        return out

    def said(self) -> Mapping[str, str]:
        """Requests repeat nothing."""
        return {}

    def tick(self, now: int) -> bytes:
        """Return what is asked by command: these meters talk by themselves."""
        return b"" if self.line is None else self.line.due(now)

    def next_deadline(self) -> int | None:
        """Return when an answer is overdue."""
        return None if self.line is None else self.line.next_deadline()

    def _identify(self, frame: bytes) -> None:
        serial = serial_of(frame)
        if serial is None:
            return
        access = self._profile_of(serial).access
        if access.sim is not None and not access.takes_sim(_card_of(frame)):
            self.identity, self.denial = None, Denial(serial, OTHER_CARD)
            return
        self.identity = serial
        interval_min = frame[-5]
        if frame[2] == REGISTER and interval_min:
            self.idle_limit_s = max(LEAST_IDLE_S, REPORTS_MISSED * 60.0 * interval_min)

    def _answer(self, frame: bytes, now: int) -> bytes:
        body = len(frame) - LEAST_BYTES
        if frame[2] == REGISTER:
            return ACKS[REGISTER] if body else b""
        if body not in (0, SERIAL_BYTES):
            return b""
        zone = self._profile_of(self.identity or "").zone
        moment = datetime.fromtimestamp(now / 1_000_000, UTC).astimezone(zone)
        return seal(TIME, CLOCK.build({"clock": LocalTime.of(moment)}))


def _card_of(frame: bytes) -> str:
    """Return the ICCID that a frame names, "" for none: frames but registrations do not."""
    try:
        return fixed_text(frame[_CARD]) if frame[2] == REGISTER else ""
    except ProtocolError:
        return ""


def acknowledge(batch: Batch) -> list[bytes]:
    """Answer stored uploads and alarm settings; frames without body are answers themselves."""
    codes = np.frombuffer(batch.data, np.uint8)[batch.offsets[:-1] + 2]
    lengths = np.diff(batch.offsets)
    if ((codes == UPLOAD) & (lengths > LEAST_BYTES)).all():
        return [ACKS[UPLOAD]] * len(batch)
    return [
        _ANSWERED_ONCE_STORED.get(command, b"") if size > LEAST_BYTES else b""
        for command, size in zip(codes.tolist(), lengths.tolist(), strict=True)
    ]
