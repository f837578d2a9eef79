"""One frame of Acrel's: its commands, where it ends, whose it is.

7B 7B | command 1 | body n | CRC 2 | 7D 7D     CRC-16/MODBUS over command and body, low byte first

There is neither length nor stuffing, so 7D7D may stand inside: only an end before which the CRC
fits is the end.
"""

from typing import Final

from wattwarden.protocol.checksum import WindowScan, modbus, modbus_at_once
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import Delimited
from wattwarden.protocol.wire import fixed_text

HEAD: Final = b"{{"
TAIL: Final = b"}}"
BODY_BEGIN: Final = 3
LEAST_BYTES: Final = 7
# The longest report seen is 512 bytes; servers in the field cap at 2,048.  Twice that.
MOST_BYTES: Final = 4096
SERIAL_BYTES: Final = 20
CARD_BYTES: Final = 30
NB_HEARTBEAT_BYTES: Final = 25  # the one command without a CRC
SECTION_HEAD: Final = b"[["

REGISTER, UPLOAD, TIME, HEARTBEAT, NB_HEARTBEAT = 0x84, 0x91, 0x93, 0x94, 0xAB
ALARM_SETTINGS, ALARM, PASS_THROUGH, REPORT_GROUPS = 0x89, 0xA1, 0x90, 0x31
SET_PARAMETERS, REBOOT, SET_SERVER, FIRMWARE, SERVICE_PASS_THROUGH = 0x82, 0x87, 0x88, 0xA3, 0x97

NAMES: Final[dict[int, str]] = {
    REGISTER: "register",
    UPLOAD: "upload",
    TIME: "time",
    HEARTBEAT: "heartbeat",
    NB_HEARTBEAT: "heartbeat_nb",
    ALARM_SETTINGS: "alarm_settings",
    ALARM: "alarm",
    PASS_THROUGH: "pass_through",
    REPORT_GROUPS: "report_groups",
    SET_PARAMETERS: "set_parameters",
    REBOOT: "reboot",
    SET_SERVER: "set_server",
    FIRMWARE: "firmware",
    SERVICE_PASS_THROUGH: "service_pass_through",
}

KINDS: Final = {
    "register": "84: the meter names itself, its SIM card and its report interval",
    "register_ack": "84 without body: the server has taken the registration",
    "upload": "91: readings, in sections",
    "upload_ack": "91 without body: the server has stored the upload",
    "time_request": "93: the meter asks for the time",
    "time": "93 with 7 bytes: the server tells it",
    "heartbeat": "94: sign of life, unanswered",
    "heartbeat_nb": "AB: sign of life of NB-IoT meters, without CRC, unanswered",
    "alarm_settings": "89: the alarm thresholds in force",
    "alarm_settings_ack": "89 without body: the server has stored them",
    "alarm": "A1: a threshold was crossed",
    "pass_through": "90: a Modbus RTU frame for, or from, the meter's bus",
    "report_groups": "31: which registers the uploads carry",
    "set_parameters": "82: set parameters",
    "reboot": "87: restart the meter",
    "set_server": "88: set the server's address",
    "firmware": "A3: firmware update",
    "service_pass_through": "97: pass-through with a service number",
}


def seal(command: int, body: bytes = b"") -> bytes:
    """Return the frame of a command."""
    summed = bytes([command]) + body
    return HEAD + summed + modbus(summed).to_bytes(2, "little") + TAIL


ACKS: Final = {command: seal(command) for command in (REGISTER, UPLOAD, ALARM_SETTINGS)}
"""What the server answers; a frame that looks like this is an answer, not to be answered."""


def fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether what stands between head and tail proves that the frame ends here."""
    # A message followed by its own CRC, low byte first, leaves the register zero.
    if modbus_at_once(buffer[start + 2 : end - 2]) == 0:
        return True
    if end - start != NB_HEARTBEAT_BYTES or buffer[start + 2] != NB_HEARTBEAT:
        return False
    # Without a checksum nothing tells one end from another: it is the first.
    return buffer.find(TAIL, start, end) == end - len(TAIL)


def _plausible(buffer: bytes, start: int) -> bool:
    return start + 2 >= len(buffer) or buffer[start + 2] in NAMES


OUTLINE: Final = Delimited(
    head=HEAD,
    tail=TAIL,
    least_bytes=LEAST_BYTES,
    most_bytes=MOST_BYTES,
    fits=fits,
    # A message followed by its own CRC leaves none.
    residue=modbus_at_once,
    scan=WindowScan(2 * MOST_BYTES, len(HEAD), len(TAIL)),
    plausible=_plausible,
)


def recognise(head: bytes) -> Claim:
    """Know an Acrel meter by 7B7B and a command that exists."""
    if len(head) <= len(HEAD):
        return Claim.MORE if HEAD.startswith(head) else Claim.NO
    return Claim.YES if head.startswith(HEAD) and head[2] in NAMES else Claim.NO


def check(frame: bytes) -> int:
    """Check head, tail, size and CRC; return the command.

    Raises:
        ProtocolError: of every kind but decode.
    """
    if not frame.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, "an Acrel frame begins with 7B7B")
    if len(frame) < LEAST_BYTES or not frame.endswith(TAIL):
        raise ProtocolError(Refusal.LENGTH, "the frame ends before its 7D7D", len(frame))
    if len(frame) > MOST_BYTES:
        message = f"{len(frame)} bytes, at most {MOST_BYTES} are accepted"
        raise ProtocolError(Refusal.LENGTH, message, MOST_BYTES)
    if not fits(frame, 0, len(frame)):
        found = frame[-4:-2].hex().upper()
        wanted = modbus(frame[2:-4]).to_bytes(2, "little").hex().upper()
        message = f"CRC {found} does not fit, {wanted} would"
        raise ProtocolError(Refusal.CHECKSUM, message, len(frame) - 4)
    if frame[2] not in NAMES:
        raise ProtocolError(Refusal.UNKNOWN, f"no such command {frame[2]:02X}", 2)
    return frame[2]


def body_end(frame: bytes) -> int:
    """Return where the body ends: before the CRC, or before the tail of a heartbeat without one."""
    bare = frame[2] == NB_HEARTBEAT and len(frame) == NB_HEARTBEAT_BYTES
    return len(frame) - (2 if bare else 4)


def serial_of(frame: bytes) -> str | None:
    """Return the serial that a frame names, None when it names none."""
    body = frame[BODY_BEGIN : body_end(frame)]
    if len(body) < SERIAL_BYTES or body.startswith(SECTION_HEAD):
        return None
    if frame[2] in (PASS_THROUGH, SERVICE_PASS_THROUGH) and modbus(body) == 0:
        return None
    try:
        return fixed_text(body[:SERIAL_BYTES]) or None
    except ProtocolError:
        return None
