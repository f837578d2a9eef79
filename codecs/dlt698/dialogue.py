"""What is said to meters of DL/T 698.45: at once, and once their frames are stored.

login, heartbeat, logout ─► response with the three times, at once
report ─► its answer, fragment ─► its confirmation, once the journal has them
the last fragment ─► asked: the pieces before it, so that it can be read alone
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from wattwarden.codecs.dlt698.apdu import OTHER, Apdu, read_apdu, write_apdu
from wattwarden.codecs.dlt698.commands import plan_of
from wattwarden.codecs.dlt698.frame import (
    BY_CLIENT,
    CONFIRMATION,
    FRAGMENTED,
    LINK,
    PLACE_SHIFT,
    SCRAMBLED,
    USER,
    Link,
    header_bytes,
    seal,
    take_apart,
)
from wattwarden.codecs.dlt698.pieces import Pieces
from wattwarden.codecs.dlt698.services import LINK_REQUEST_TAG, REPORT_TAG
from wattwarden.protocol.asking import Asking
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Batch, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.line import Line

# The standard leaves the period to the terminal; 60 s to 600 s are seen.
DEFAULT_IDLE_S: Final = 1800.0
LEAST_IDLE_S: Final = 300.0
HEARTBEATS_MISSED: Final = 3
CLOCK_IS_TRUSTED: Final = 0x80

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Dlt698Dialogue(Asking):
    """Answers link requests and keeps the pieces of what comes in fragments."""

    __slots__ = ("_pieces", "_profile_of", "asked", "identity", "idle_limit_s")

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self._pieces = Pieces()
        self.line: Line | None = Line(plan_of)
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S
        self.asked: Asked = NOTHING_ASKED

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take frames in order; return what is to be sent at once."""
        out = b""
        if self.asked is not NOTHING_ASKED:
            self.asked = NOTHING_ASKED
        asked: dict[int, bytes] = {}
        for index, frame in enumerate(frames):
            control = frame[3]
            is_link = frame[header_bytes(frame, 0)] == LINK_REQUEST_TAG or control & SCRAMBLED
            if self.identity is not None and not is_link and not control & FRAGMENTED:
                continue
            try:
                link = take_apart(frame)
            except ProtocolError:
                continue
            if link.from_meter and self.identity is None:
                self._identify(link.meter, now)
            if link.fragment is not None:
                before = self._pieces.join(link)
                if before:
                    asked[index] = before
            elif link.apdu[:1] == bytes([LINK_REQUEST_TAG]) and link.from_meter:
                out += self._answer(link, now)
        if self.line is not None:
            heard = self.line.hear_all(frames, now)
            # With a piece stands what it continues, and nothing else: it is read by that.
            asked |= {at: text for at, text in heard.items() if not frames[at][3] & FRAGMENTED}
        if asked:
            self.asked = asked
        return out + self.tick(now)

    def said(self) -> Mapping[str, str]:
        """Requests repeat nothing."""
        return {}

    def tick(self, now: int) -> bytes:
        """Return what is asked, by the meter's plan or by command."""
        return b"" if self.line is None else self.line.due(now)

    def next_deadline(self) -> int | None:
        """Return when something is to be asked, or an answer overdue."""
        return None if self.line is None else self.line.next_deadline()

    def _identify(self, identity: str | None, now: int) -> None:
        self.identity = identity
        if identity is not None and self.line is not None:
            self.line.begin(identity, self._profile_of, now)

    def _answer(self, link: Link, now: int) -> bytes:
        try:
            request = read_apdu(link.apdu)
        except ProtocolError:
            return b""
        heartbeat_s = request.fields["heartbeat_s"]
        if heartbeat_s:
            self.idle_limit_s = max(LEAST_IDLE_S, float(HEARTBEATS_MISSED * heartbeat_s))
        # A meter may take another address by logging in again.
        self._identify(link.meter or self.identity, now)
        zone = self._profile_of(self.identity or "").zone
        return seal(link._replace(control=LINK, flags=0, apdu=_link_response(request, now, zone)))


def _link_response(request: Apdu, now: int, zone: tzinfo) -> bytes:
    moment = (_EPOCH + timedelta(microseconds=now)).astimezone(zone)
    time = LocalTime.of(moment)
    text = f"{str(time).partition(' dow=')[0]}.{moment.microsecond // 1000:03} dow={time.weekday}"
    return write_apdu(
        "link_response",
        {
            "piid": request.fields["piid"],
            "result": CLOCK_IS_TRUSTED,
            "requested": request.fields["time"],
            "received": text,
            "replied": text,
        },
    )


def acknowledge(batch: Batch) -> list[bytes]:
    """Answer stored reports, and confirm fragments of what the meter says."""
    return [_acknowledgement(batch, index, frame) for index, frame in enumerate(batch.frames())]


def _acknowledgement(batch: Batch, index: int, frame: bytes) -> bytes:
    try:
        link = take_apart(frame)
    except ProtocolError:
        return b""
    if not link.from_meter:
        return b""
    reply = link._replace(control=USER, flags=0)
    if link.fragment is None:
        answer = _report_answer(link.apdu)
        return seal(reply._replace(apdu=answer)) if answer else b""
    if link.place == CONFIRMATION:
        return b""
    confirmation = link.number | CONFIRMATION << PLACE_SHIFT
    control = FRAGMENTED | link.control & (BY_CLIENT | 0x07)
    out = seal(reply._replace(control=control, fragment=confirmation, apdu=b""))
    asked = int(batch.request[index])
    answer = _report_answer(batch.requests[asked] + link.apdu) if asked >= 0 else b""
    return out + (seal(reply._replace(fragment=None, apdu=answer)) if answer else b"")


def _report_answer(apdu: bytes) -> bytes:
    """Return what answers a report, b"" for what is none or cannot be read."""
    if apdu[:1] != bytes([REPORT_TAG]):
        return b""
    try:
        report = read_apdu(apdu)
    except ProtocolError:
        return b""
    if report.kind == OTHER:
        return b""
    fields = {"piid": report.fields["piid"]}
    if "items" in report.fields:
        fields["items"] = [item["oad"] for item in report.fields["items"]]
    return write_apdu(f"{report.kind}_answer", fields)


def is_awaited(frame: bytes) -> bool:
    """Whether the meter may wait for what ``acknowledge`` gives: reports and fragments have it."""
    if frame[3] & (FRAGMENTED | SCRAMBLED):
        return True
    return frame[header_bytes(frame, 0)] == REPORT_TAG
