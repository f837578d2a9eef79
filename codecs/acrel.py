"""Acrel (安科瑞) meters on 4G, 2G and NB-IoT: the private protocol 7B7B … 7D7D.

7B 7B | command 1 | body n | CRC 2 | 7D 7D     CRC-16/MODBUS over command and body, low byte first
body of an upload:  [serial 20]  { 5B5B address 2828 payload 2929 5D5D } …
payload:            a Modbus RTU reply with its own CRC; its size selects the layout

There is neither length nor stuffing, so 7D7D may stand inside: only an end before which the CRC
fits is the end.  Source: six independent servers and thirteen frames from the field, all CRCs
recomputed.  Values are secondary ones; transformer ratios are applied by whoever reads the store.

Options of a meter's profile: ``power_scale_w`` (1) is how many watts one count of the power
registers of the 0x60 and 0x90 blocks stands for; no source states it, both 1 and 10 are met.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import construct as cs
import numpy as np
from construct import Bytes, Int8ub, Int16sb, Int16ub, Int32sb, Int32ub, Struct
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wattwarden.protocol.checksum import WindowScan, modbus, modbus_at_once, modbus_each
from wattwarden.protocol.clock import LocalTime, utc_moment, utc_us
from wattwarden.protocol.codec import (
    MAX_CHANNEL_BYTES,
    Batch,
    Block,
    Claim,
    Codec,
    Columns,
    Field,
    Message,
    Profile,
    ProfileOf,
    Refused,
    refusal,
)
from wattwarden.protocol.columns import Layout
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.explain import explain_struct
from wattwarden.protocol.outline import Delimited
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES, Unit
from wattwarden.protocol.wire import BinaryClock, FixedText, Scaled, fixed_text

HEAD: Final = b"{{"
TAIL: Final = b"}}"
LEAST_BYTES: Final = 7
# The longest report seen is 512 bytes; servers in the field cap at 2,048.  Twice that.
MOST_BYTES: Final = 4096
SERIAL_BYTES: Final = 20
NB_HEARTBEAT_BYTES: Final = 25  # the one command without a CRC

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


def _seal(command: int, body: bytes = b"") -> bytes:
    summed = bytes([command]) + body
    return HEAD + summed + modbus(summed).to_bytes(2, "little") + TAIL


ACKS: Final = {command: _seal(command) for command in (REGISTER, UPLOAD, ALARM_SETTINGS)}

REGISTRATION: Final = Struct(
    "serial" / FixedText(SERIAL_BYTES),
    "iccid" / FixedText(30),
    "rssi" / Int8ub,
    "firmware_1" / Bytes(2),
    "firmware_2" / Bytes(2),
    "firmware_3" / Bytes(2),
    "report_interval_min" / Int8ub,
)
CLOCK: Final = Struct("clock" / BinaryClock("yMdwhms"))


def _phases(stem: str, count: Any, scale: str | int, unit: Unit, *more: str) -> list[Any]:
    return [f"{stem}_{phase}" / Scaled(count, scale, unit) for phase in ("a", "b", "c", *more)]


def _energies(*names: str) -> list[Any]:
    return [name / Scaled(Int32ub, 10, Unit.WATT_HOUR) for name in names]


_COMMON: Final = (
    "word_0" / Int16ub,
    *_phases("voltage", Int16ub, "0.1", Unit.VOLT),
    *_phases("current", Int16ub, "0.01", Unit.AMPERE),
    *_phases("power", Int16sb, 1, Unit.WATT, "total"),
    *_phases("reactive", Int16sb, 1, Unit.VAR, "total"),
    *_phases("power_factor", Int16sb, "0.001", Unit.ONE, "total"),
    "pt" / Int16ub,
    "ct" / Int16ub,
    *_energies("energy_forward", "energy_forward_sharp", "energy_forward_peak"),
    *_energies("energy_forward_flat", "energy_forward_valley"),
)
PREPAID: Final = Struct(  # DTSY1352-4G, DDSY1352-4G
    *_COMMON,
    "money" / Scaled(Int32ub, "0.01", Unit.ONE),
    "purchases" / Int16ub,
    "bytes_68" / Bytes(12),
    "clock" / BinaryClock("yMdwhms"),
    "bytes_87" / Bytes(9),
)
EIGHT_TARIFFS: Final = Struct(
    *_COMMON,
    "bytes_62" / Bytes(18),
    "clock" / BinaryClock("yMdhms"),
    "bytes_86" / Bytes(10),
    *_energies("energy_forward_deep_valley"),
    "bytes_100" / Bytes(44),
)
THREE_PHASE_NB: Final = Struct(  # registers 0x0014 to 0x0039
    *_phases("voltage", Int16ub, "0.1", Unit.VOLT),
    "bytes_6" / Bytes(6),
    *_phases("current", Int16ub, "0.01", Unit.AMPERE),
    "bytes_18" / Bytes(2),
    *_phases("power", Int32sb, 1, Unit.WATT, "total"),
    *_phases("reactive", Int32sb, 1, Unit.VAR, "total"),
    "bytes_52" / Bytes(16),
    *_phases("power_factor", Int16sb, "0.001", Unit.ONE, "total"),
)
SINGLE_PHASE_NB: Final = Struct(
    "voltage_a" / Scaled(Int16ub, "0.1", Unit.VOLT),
    "current_a" / Scaled(Int16ub, "0.01", Unit.AMPERE),
    "power_total" / Scaled(Int16sb, 1, Unit.WATT),
    "reactive_total" / Scaled(Int16sb, 1, Unit.VAR),
    "apparent_total" / Scaled(Int16ub, 1, Unit.VOLT_AMPERE),
    "power_factor_total" / Scaled(Int16sb, "0.001", Unit.ONE),
    "frequency" / Scaled(Int16ub, "0.01", Unit.HERTZ),
)
ENERGIES_NB: Final = Struct(*_energies("energy_combined", "energy_forward", "energy_reverse"))
BOTH_ENERGIES: Final = Struct(*_energies("energy_forward", "energy_reverse"))
TOTAL_ENERGY: Final = Struct(*_energies("energy_combined"))
SIGNAL: Final = Struct("signal" / Int16ub, "sequence" / Int16ub)
OUTPUTS: Final = Struct("do1" / Int16ub, "do2" / Int16ub)
CONTROL: Final = Struct("forced" / Int16ub, "tripped" / Int16ub)
ALARM_BLOCK: Final = Struct(
    "enabled" / Bytes(2),
    "over_voltage" / Scaled(Int16ub, "0.1", Unit.VOLT),
    "over_voltage_delay" / Int16ub,
    "under_voltage" / Scaled(Int16ub, "0.1", Unit.VOLT),
    "under_voltage_delay" / Int16ub,
    "over_current" / Scaled(Int16ub, "0.1", Unit.AMPERE),
    "over_current_delay" / Int16ub,
    "under_current" / Scaled(Int16ub, "0.1", Unit.AMPERE),
    "under_current_delay" / Int16ub,
    "over_power" / Scaled(Int16ub, 1, Unit.WATT),
    "over_power_delay" / Int16ub,
    "under_power" / Scaled(Int16ub, 1, Unit.WATT),
    "under_power_delay" / Int16ub,
    "inputs_and_outputs" / Bytes(28),
    "status" / Bytes(2),
    "values" / Bytes(28),
)

# Which blocks an upload carries, by the size of its first; the following sections belong to the
# same meter and are told apart by their order.
_BLOCKS: Final[dict[int, tuple[tuple[str, Any], ...]]] = {
    0x60: (("prepaid_0x60", PREPAID),),
    0x90: (("eight_tariffs_0x90", EIGHT_TARIFFS),),
    0x4C: (
        ("three_phase_nb_0x4c", THREE_PHASE_NB),
        ("energies_0x0c", ENERGIES_NB),
        ("signal_0x04", SIGNAL),
        ("outputs_0x04", OUTPUTS),
    ),
    0x0E: (
        ("single_phase_nb_0x0e", SINGLE_PHASE_NB),
        ("signal_0x04", SIGNAL),
        ("control_0x04", CONTROL),
        ("both_energies_0x08", BOTH_ENERGIES),
        ("total_energy_0x04", TOTAL_ENERGY),
    ),
    0x54: (("alarm_0x54", ALARM_BLOCK),),
}
STRUCTS: Final = dict(entry for blocks in _BLOCKS.values() for entry in blocks)
LAYOUTS: Final = {name: Layout(struct) for name, struct in STRUCTS.items()}
_WANTED: Final = frozenset((*QUANTITIES, "clock"))
_SCALED_BY_OPTION: Final = ("power_", "reactive_")


@dataclass(frozen=True, slots=True)
class Section:
    """One section of an upload.  ``begin`` and ``end`` bound its payload within the frame.

    ``layout`` names the block, "" when the payload is none that is known; ``leads`` says that it is
    the first block of a reading, which the following sections may complete.
    """

    channel: str
    begin: int
    end: int
    layout: str
    leads: bool = False

    @property
    def data(self) -> int:
        """Where the registers of the Modbus reply begin."""
        return self.begin + 3


def _fits(buffer: bytes, start: int, end: int) -> bool:
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
    fits=_fits,
    scan=WindowScan(2 * MOST_BYTES, len(HEAD), len(TAIL)),
    plausible=_plausible,
)


def recognise(head: bytes) -> Claim:
    """Know an Acrel meter by 7B7B and a command that exists."""
    if len(head) <= len(HEAD):
        return Claim.MORE if HEAD.startswith(head) else Claim.NO
    return Claim.YES if head.startswith(HEAD) and head[2] in NAMES else Claim.NO


# --- dialogue -----------------------------------------------------------------------------------

# Meters report every 1 to 15 minutes and send 94 in between; no source states its period.
DEFAULT_IDLE_S: Final = 1800.0
LEAST_IDLE_S: Final = 300.0


class AcrelDialogue:
    """Registration, clock and heartbeat; uploads are answered once they are stored."""

    __slots__ = ("_profile_of", "identity", "idle_limit_s")

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Answer registration and time requests."""
        out = b""
        for frame in frames:
            if self.identity is None or frame[2] == REGISTER:
                self._identify(frame)
            if frame[2] in _ANSWERED_AT_ONCE:
                out += self._answer(frame, now)
        return out

    def tick(self, now: int) -> bytes:  # noqa: ARG002  # the seam's; these meters talk by themselves
        """Nothing is asked of these meters."""
        return b""

    def next_deadline(self) -> int | None:
        """Nothing is asked of these meters."""
        return None

    def _identify(self, frame: bytes) -> None:
        serial = _serial(frame)
        if serial is None:
            return
        self.identity = serial
        if frame[2] == REGISTER and frame[-5]:
            self.idle_limit_s = max(LEAST_IDLE_S, 3 * 60.0 * frame[-5])

    def _answer(self, frame: bytes, now: int) -> bytes:
        body = len(frame) - LEAST_BYTES
        if frame[2] == REGISTER:
            return ACKS[REGISTER] if body else b""
        if body not in (0, SERIAL_BYTES):
            return b""
        zone = self._profile_of(self.identity or "").zone
        moment = datetime.fromtimestamp(now / 1_000_000, UTC).astimezone(zone)
        return _seal(TIME, CLOCK.build({"clock": LocalTime.of(moment)}))


_ANSWERED_AT_ONCE: Final = frozenset((REGISTER, TIME))


def acknowledge(batch: Batch) -> list[bytes]:
    """Answer stored uploads and alarm settings; frames without body are answers themselves."""
    codes = np.frombuffer(batch.data, np.uint8)[batch.offsets[:-1] + 2]
    lengths = np.diff(batch.offsets)
    if ((codes == UPLOAD) & (lengths > LEAST_BYTES)).all():
        return [ACKS[UPLOAD]] * len(batch)
    commands, sizes = codes.tolist(), lengths.tolist()
    stored = {UPLOAD: ACKS[UPLOAD], ALARM_SETTINGS: ACKS[ALARM_SETTINGS]}
    return [
        stored.get(command, b"") if size > LEAST_BYTES else b""
        for command, size in zip(commands, sizes, strict=True)
    ]


def _body(frame: bytes) -> bytes:
    """Return what stands between command and checksum."""
    bare = frame[2] == NB_HEARTBEAT and len(frame) == NB_HEARTBEAT_BYTES
    return frame[3:-2] if bare else frame[3:-4]


def _serial(frame: bytes) -> str | None:
    """Return the serial that a frame names, None when it names none."""
    body = _body(frame)
    if len(body) < SERIAL_BYTES or body.startswith(b"[["):
        return None
    if frame[2] in (PASS_THROUGH, SERVICE_PASS_THROUGH) and modbus(body) == 0:
        return None
    try:
        return fixed_text(body[:SERIAL_BYTES]) or None
    except ProtocolError:
        return None


# --- sections -----------------------------------------------------------------------------------


def sections(frame: bytes) -> tuple[Section, ...]:
    """Find the sections of an upload or alarm.

    Raises:
        ProtocolError: something else stands where a section should begin or end.
    """
    at = 3 if frame.startswith(b"[[", 3) else 3 + SERIAL_BYTES
    end = len(frame) - 4
    if at > end:
        raise ProtocolError(Refusal.DECODE, f"a serial has {SERIAL_BYTES} bytes", 3)
    found: list[Section] = []
    while at < end:
        opened = frame.find(b"((", at, at + 2 + MAX_CHANNEL_BYTES + 2)
        if not frame.startswith(b"[[", at) or opened < 0:
            raise ProtocolError(Refusal.DECODE, "a section begins with [[address((", at)
        begin = opened + 2
        finish = _payload_end(frame, begin, end)
        channel = _channel(frame[at + 2 : opened], at)
        layout, leads = _layout(frame, begin, finish, channel, found)
        found.append(Section(channel, begin, finish, layout, leads))
        at = finish + 4
    return tuple(found)


def _channel(raw: bytes, at: int) -> str:
    channel = fixed_text(raw)
    if not channel or len(channel) != len(raw):
        raise ProtocolError(Refusal.DECODE, "a section's address is printable ASCII", at + 2)
    return channel


def _payload_end(frame: bytes, begin: int, end: int) -> int:
    """Trust the byte count of a Modbus reply; else take the first close that ends a section."""
    if begin + 5 <= end and frame[begin + 1] in (3, 4):
        counted = begin + 5 + frame[begin + 2]
        if frame[counted:end].startswith(b"))]]") and _closes(frame, counted, end):
            return counted
    at = frame.find(b"))]]", begin, end)
    while at >= 0:
        if _closes(frame, at, end):
            return at
        at = frame.find(b"))]]", at + 1, end)
    raise ProtocolError(Refusal.DECODE, "a section ends with ))]]", begin)


def _closes(frame: bytes, at: int, end: int) -> bool:
    return at + 4 == end or frame.startswith(b"[[", at + 4)


def _layout(
    frame: bytes, begin: int, end: int, channel: str, before: list[Section]
) -> tuple[str, bool]:
    """Name the block of a payload, and say whether it begins a reading or completes one.

    A channel has one reading a frame.
    """
    size = end - begin - 5
    if size < 0 or frame[begin + 1] not in (3, 4) or frame[begin + 2] != size:
        return "", False
    leaders = [place for place, section in enumerate(before) if section.leads]
    if leaders:
        leader, behind = before[leaders[-1]], len(before) - leaders[-1]
        for name, struct in _BLOCKS[leader.end - leader.begin - 5][behind : behind + 1]:
            if struct.sizeof() == size:
                return name, False
    taken = any(section.channel == channel for section in before if section.leads)
    return (_BLOCKS[size][0][0], True) if size in _BLOCKS and not taken else ("", False)


# --- columns ------------------------------------------------------------------------------------


def decode(batch: Batch) -> Columns:
    """Decode the uploads of a batch; frames of the same build are decoded together."""
    if not len(batch):
        return Columns(())
    data = np.frombuffer(batch.data, np.uint8)
    starts = batch.offsets[:-1]
    sizes = np.diff(batch.offsets)
    uploads = np.flatnonzero((data[starts + 2] == UPLOAD) & (sizes > LEAST_BYTES))
    addresses: dict[str, int] = {}
    blocks: list[Block] = []
    refused: list[Refused] = []
    for size in np.unique(sizes[uploads]).tolist():
        alike = uploads[sizes[uploads] == size]
        matrix = _matrix(data, starts[alike], size)
        while len(alike):
            build, error = _build_of(matrix[0].tobytes())
            if build is not None and build.repeats:
                same = build.matches(matrix)
                those = (alike, matrix) if same.all() else (alike[same], matrix[same])
                _decode_build(batch, build, *those, (addresses, blocks, refused))
                alike, matrix = alike[~same], matrix[~same]
                continue
            if build is None:
                refused.append(refusal(int(alike[0]), error))
            else:
                first = alike[:1], matrix[:1]
                _decode_build(batch, build, *first, (addresses, blocks, refused))
            alike, matrix = alike[1:], matrix[1:]
    return Columns(tuple(addresses), tuple(blocks), (), tuple(refused))


def _matrix(data: NDArray[np.uint8], starts: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Return the frames of one size that begin at these places, in order, a row each."""
    first, last, count = int(starts[0]), int(starts[-1]), len(starts)
    if last - first == (count - 1) * size:
        return data[first : last + size].reshape(count, size)
    windows: NDArray[np.uint8] = sliding_window_view(data, size)[starts]
    return windows


@dataclass(frozen=True, slots=True)
class _Build:
    """What frames decoded together share: where sections lie, and the bytes that say so."""

    serial: bool
    sections: tuple[Section, ...]
    places: NDArray[np.int64]
    content: NDArray[np.uint8]

    @property
    def repeats(self) -> bool:
        """Whether those bytes tell the sections: no payload had to be searched for its end."""
        return all(section.layout for section in self.sections)

    def matches(self, matrix: NDArray[np.uint8]) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = (matrix[:, self.places] == self.content).all(axis=1)
        if self.serial:
            same &= (matrix[:, 3] != HEAD_OF_SECTION) | (matrix[:, 4] != HEAD_OF_SECTION)
        same[0] = True
        return same


HEAD_OF_SECTION: Final = ord("[")
_NO_ERROR: Final = ProtocolError(Refusal.DECODE, "")


def _build_of(frame: bytes) -> tuple[_Build | None, ProtocolError]:
    try:
        found = sections(frame)
    except ProtocolError as error:
        return None, error
    places: list[int] = []
    at = 3 if frame.startswith(b"[[", 3) else 3 + SERIAL_BYTES
    serial = at > 3
    for section in found:
        # The opening with its address, the header of the Modbus reply, and the closing.
        header = section.data if section.layout else section.begin
        places += [*range(at, header), *range(section.end, section.end + 4)]
        at = section.end + 4
    where = np.array(places, np.int64)
    return _Build(serial, found, where, np.frombuffer(frame, np.uint8)[where]), _NO_ERROR


def _decode_build(
    batch: Batch,
    build: _Build,
    frames: NDArray[np.int64],
    matrix: NDArray[np.uint8],
    into: tuple[dict[str, int], list[Block], list[Refused]],
) -> None:
    addresses, blocks, refused = into
    readings = _readings_of(build)
    if not readings:
        refused += [Refused(int(index), *_UNREAD) for index in frames if _is_unread(matrix, build)]
        return
    meter, good = _meters(batch, build, frames, matrix, addresses)
    found: list[dict[str, NDArray[Any]]] = []
    for sections_of_one in readings:
        values: dict[str, NDArray[Any]] = {}
        for section in sections_of_one:
            columns, fine = LAYOUTS[section.layout].decode(
                matrix[:, section.data : section.end - 2], _WANTED
            )
            good &= fine & _section_sound(matrix, section)
            values |= columns
        found.append(values)
    if not good.all():
        _refuse(batch, frames[~good], refused)
        frames, meter = frames[good], meter[good]
        found = [{name: column[good] for name, column in one.items()} for one in found]
    if not len(frames):
        return
    names = list(addresses)
    profiles = {place: batch.profile_of(names[place]) for place in np.unique(meter).tolist()}
    for sections_of_one, values in zip(readings, found, strict=True):
        blocks.append(_block(batch, frames, meter, sections_of_one[0], values, profiles))


_UNREAD: Final = (Refusal.DECODE, "no section is of a size that is known")


def _readings_of(build: _Build) -> list[list[Section]]:
    """Group the sections that make up one reading each."""
    readings: list[list[Section]] = []
    for section in build.sections:
        if section.leads and section.layout != "alarm_0x54":
            readings.append([section])
        elif section.layout and not section.leads and readings:
            readings[-1].append(section)
    return readings


def _is_unread(matrix: NDArray[np.uint8], build: _Build) -> bool:
    """Whether an upload without readings has sections that say something else than an error."""
    frame = matrix[0].tobytes()
    return any(
        not section.layout and not frame.startswith(b"un", section.begin)
        for section in build.sections
    )


def _block(
    batch: Batch,
    frames: NDArray[np.int64],
    meter: NDArray[np.int32],
    first: Section,
    values: dict[str, NDArray[Any]],
    profiles: Mapping[int, Profile],
) -> Block:
    quality = np.zeros(len(frames), np.int16)
    clock = values.pop("clock", None)
    if clock is None:
        at = batch.received_at[frames]
        quality |= Quality.NO_CLOCK.value
    else:
        at = _in_utc(clock, meter, profiles)
    values = {
        name: column if QUANTITIES[name].exact else column.astype(np.float64, copy=False)
        for name, column in values.items()
        if name in QUANTITIES
    }
    if first.layout in ("prepaid_0x60", "eight_tariffs_0x90"):
        _apply_power_scale(values, meter, profiles)
    return Block(frames.astype(np.int32), meter, first.channel, "instant", at, quality, values)


def _meters(
    batch: Batch,
    build: _Build,
    frames: NDArray[np.int64],
    matrix: NDArray[np.uint8],
    addresses: dict[str, int],
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Number each frame's meter: by the serial in the frame, else by its session."""
    if build.serial:
        serials = _pieces(matrix[:, 3 : 3 + SERIAL_BYTES])
        number_of = {raw: _number(_text(raw), addresses) for raw in dict.fromkeys(serials)}
        meter = np.fromiter(map(number_of.__getitem__, serials), np.int32, len(serials))
    else:
        sessions, where = np.unique(batch.session[frames], return_inverse=True)
        identities = [batch.identities[session] for session in sessions.tolist()]
        numbers = [_number(identity, addresses) for identity in identities]
        meter = np.array(numbers, np.int32)[where]
    return meter, meter >= 0


def _number(address: str | None, addresses: dict[str, int]) -> int:
    return addresses.setdefault(address, len(addresses)) if address else -1


def _text(raw: bytes) -> str | None:
    try:
        return fixed_text(raw)
    except ProtocolError:
        return None


def _pieces(matrix: NDArray[np.uint8]) -> list[bytes]:
    """Return the bytes of each row."""
    pieces: list[bytes] = (
        np.ascontiguousarray(matrix).view(f"V{matrix.shape[1]}").reshape(-1).tolist()
    )
    return pieces


def _section_sound(matrix: NDArray[np.uint8], section: Section) -> NDArray[np.bool_]:
    """Check the CRC of the Modbus reply inside, row by row."""
    sound: NDArray[np.bool_] = modbus_each(_pieces(matrix[:, section.begin : section.end])) == 0
    return sound


def _refuse(batch: Batch, frames: NDArray[np.int64], refused: list[Refused]) -> None:
    """Say of each refused frame what ``read`` says of it: rare, so one by one."""
    for index in frames.tolist():
        frame = batch.frame(index)
        try:
            message = read(frame, batch.profile_of)
        except ProtocolError as error:
            refused.append(refusal(index, error))
            continue
        if message.meter is None:
            text = "no serial in the frame and no registration before it"
            refused.append(Refused(index, Refusal.UNKNOWN, text))
        else:
            text = "the CRC of a section does not fit"
            refused.append(Refused(index, Refusal.CHECKSUM, text))


def _in_utc(
    clock: NDArray[np.int64], meter: NDArray[np.int32], profiles: Mapping[int, Profile]
) -> NDArray[np.int64]:
    zones = dict.fromkeys(profile.zone for profile in profiles.values())
    if len(zones) == 1:
        return utc_us(clock, *zones)
    at = np.empty(len(clock), np.int64)
    for zone in zones:
        mine = [place for place, profile in profiles.items() if profile.zone == zone]
        of_zone = np.isin(meter, mine)
        at[of_zone] = utc_us(clock[of_zone], zone)
    return at


def _apply_power_scale(
    values: dict[str, NDArray[Any]], meter: NDArray[np.int32], profiles: Mapping[int, Profile]
) -> None:
    options = ((place, profile.options) for place, profile in profiles.items())
    others = {place: found["power_scale_w"] for place, found in options if "power_scale_w" in found}
    if not others:
        return
    scales = np.ones(max(profiles) + 1)
    for place, scale in others.items():
        scales[place] = float(scale)
    for name, column in values.items():
        if name.startswith(_SCALED_BY_OPTION) and not name.startswith("power_factor"):
            values[name] = column * scales[meter]


# --- one frame, for people and simulators ---------------------------------------------------------


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one frame, checking everything.

    Raises:
        ProtocolError: of every kind.
    """
    command = _checked(frame)
    serial = _serial(frame)
    body = _body(frame)
    rest = body if serial is None else body[SERIAL_BYTES:]
    fields: dict[str, Any] = {"command": f"{command:02X}"}
    if serial is not None:
        fields["serial"] = serial
    kind, at = NAMES[command], None
    if not body and command in ACKS:
        kind += "_ack"
    elif command == REGISTER:
        fields |= _plain(_parse(REGISTRATION, body, 3))
    elif command == TIME:
        kind, more = _read_time(body)
        fields |= more
    elif command in (UPLOAD, ALARM, ALARM_SETTINGS) and body:
        fields["sections"], at = _read_sections(frame, profile_of(serial or "").zone)
    elif command == PASS_THROUGH:
        fields |= _read_pass_through(rest)
    elif rest:
        fields["body"] = rest.hex()
    return Message(kind, serial, at, fields)


def _checked(frame: bytes) -> int:
    """Check head, tail, size and CRC; return the command."""
    if not frame.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, "an Acrel frame begins with 7B7B")
    if len(frame) < LEAST_BYTES or not frame.endswith(TAIL):
        raise ProtocolError(Refusal.LENGTH, "the frame ends before its 7D7D", len(frame))
    if len(frame) > MOST_BYTES:
        message = f"{len(frame)} bytes, at most {MOST_BYTES} are accepted"
        raise ProtocolError(Refusal.LENGTH, message, MOST_BYTES)
    if not _fits(frame, 0, len(frame)):
        found = frame[-4:-2].hex().upper()
        wanted = modbus(frame[2:-4]).to_bytes(2, "little").hex().upper()
        message = f"CRC {found} does not fit, {wanted} would"
        raise ProtocolError(Refusal.CHECKSUM, message, len(frame) - 4)
    if frame[2] not in NAMES:
        raise ProtocolError(Refusal.UNKNOWN, f"no such command {frame[2]:02X}", 2)
    return frame[2]


def _parse(struct: Any, raw: bytes, offset: int) -> dict[str, Any]:
    try:
        return dict(struct.parse(raw))
    except cs.ConstructError as error:
        message = f"{struct.sizeof()} bytes are needed, got {len(raw)}"
        raise ProtocolError(Refusal.LENGTH, message, offset) from error


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn parsed values into what JSON can carry."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            plain[name] = value.hex()
        elif isinstance(value, LocalTime):
            plain[name] = str(value)
        elif not name.startswith("_"):
            plain[name] = value
    return plain


def _read_time(body: bytes) -> tuple[str, dict[str, Any]]:
    if len(body) in (0, SERIAL_BYTES):
        return "time_request", {}
    return "time", _plain(_parse(CLOCK, body, 3))


def _read_sections(frame: bytes, zone: Any) -> tuple[list[dict[str, Any]], datetime | None]:
    rows: list[dict[str, Any]] = []
    at = None
    for section in sections(frame):
        payload = frame[section.begin : section.end]
        row: dict[str, Any] = {"channel": section.channel, "payload": payload.hex()}
        text = payload.rstrip(b"\0 ").decode("latin-1")
        if text.startswith("un") and text.isascii() and text.isprintable():
            row["error"] = text
        if section.layout:
            values = _parse(STRUCTS[section.layout], payload[3:-2], section.data)
            row |= {"layout": section.layout, "values": _plain(values)}
            clock = values.get("clock")
            at = at or (clock and _moment(clock, zone))
        rows.append(row)
    return rows, at


def _moment(clock: LocalTime, zone: Any) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=utc_moment(clock, zone))


def _read_pass_through(rtu: bytes) -> dict[str, Any]:
    """Read the Modbus RTU frame inside as far as its own bytes say what it is."""
    fields: dict[str, Any] = {"rtu": rtu.hex()}
    if len(rtu) < 4 or modbus(rtu) != 0:
        return fields
    slave, function, data = rtu[0], rtu[1], rtu[2:-2]
    fields |= {"slave": slave, "fc": function}
    if function in (3, 4) and len(data) == 1 + data[0]:
        fields["values"] = _registers(data[1:])
    elif function in (3, 4) and len(data) == 4:
        fields |= {"start": data[:2].hex(), "count": int.from_bytes(data[2:], "big")}
    elif function == 16 and len(data) > 5 and len(data) == 5 + data[4]:
        fields |= {"start": data[:2].hex(), "count": int.from_bytes(data[2:4], "big")}
        fields["values"] = _registers(data[5:])
    return fields


def _registers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def encode(message: Message) -> bytes:
    """Build the frame of a message; the inverse of ``read``.

    A section is given by ``payload`` (hex) or by ``layout`` and ``values``.

    Raises:
        ValueError: unknown kind, or a field that the layout cannot hold.
    """
    fields = message.fields
    kind = message.kind.removesuffix("_ack").removesuffix("_request")
    command = next((code for code, name in NAMES.items() if name == kind), None)
    if command is None:
        text = f"no such kind {message.kind!r}, known are {', '.join(KINDS)}"
        raise ValueError(text)
    serial = str(fields.get("serial", "")).encode("ascii")
    body = serial.ljust(SERIAL_BYTES, b"\0") if serial else b""
    try:
        if command == REGISTER and fields.get("iccid") is not None:
            body = _built(REGISTRATION, fields)
        elif "clock" in fields:
            body = _built(CLOCK, fields)
        elif "sections" in fields:
            body += b"".join(_build_section(section) for section in fields["sections"])
        else:
            body += bytes.fromhex(str(fields.get("rtu", fields.get("body", ""))))
    except (cs.ConstructError, KeyError, OverflowError, AttributeError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error
    bare = HEAD + bytes([command]) + body + TAIL
    if command == NB_HEARTBEAT and len(bare) == NB_HEARTBEAT_BYTES and _fits(bare, 0, len(bare)):
        return bare
    return _seal(command, body)


def _built(struct: Any, values: Mapping[str, Any]) -> bytes:
    """Build a struct from plain values; what is not given is zero."""
    whole: dict[str, Any] = {}
    for part in struct.subcons:
        value, piece = values.get(part.name), part.subcon
        if isinstance(piece, BinaryClock):
            whole[part.name] = value if isinstance(value, LocalTime) else _clock_of(str(value))
        elif isinstance(piece, FixedText):
            whole[part.name] = value or ""
        elif isinstance(piece, cs.Bytes):
            whole[part.name] = bytes.fromhex(value) if value else bytes(piece.sizeof())
        else:
            whole[part.name] = value or 0
    return bytes(struct.build(whole))


def _clock_of(text: str) -> LocalTime:
    moment, _, weekday = text.partition(" dow=")
    time = LocalTime.of(datetime.fromisoformat(moment))
    return time._replace(weekday=int(weekday) if weekday else None)


def _build_section(section: Mapping[str, Any]) -> bytes:
    if "payload" in section:
        payload = bytes.fromhex(section["payload"])
    else:
        data = _built(STRUCTS[section["layout"]], section["values"])
        payload = bytes([1, 3, len(data)]) + data
        payload += modbus(payload).to_bytes(2, "little")
    return b"[[" + str(section["channel"]).encode("ascii") + b"((" + payload + b"))]]"


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a frame, of a broken one as far as it can be followed."""
    del request
    if len(frame) < LEAST_BYTES:
        return (Field(0, frame, "rest"),)
    command = frame[2]
    name = NAMES.get(command, "no such command")
    fields = [Field(0, frame[:2], "head"), Field(2, frame[2:3], "command", name)]
    fields += _explain_body(frame, command)
    if command == NB_HEARTBEAT and len(frame) == NB_HEARTBEAT_BYTES:
        return (*fields, Field(len(frame) - 2, frame[-2:], "tail"))
    fits = "fits" if _fits(frame, 0, len(frame)) else "! does not fit"
    at = len(frame) - 4
    return (*fields, Field(at, frame[at:-2], "CRC", fits), Field(at + 2, frame[-2:], "tail"))


def _explain_body(frame: bytes, command: int) -> list[Field]:
    end = len(frame) - (2 if command == NB_HEARTBEAT and len(frame) == NB_HEARTBEAT_BYTES else 4)
    if command == REGISTER and end > 3:
        return list(explain_struct(REGISTRATION, frame[3:end], 3))
    if command == TIME and end - 3 == CLOCK.sizeof():
        return list(explain_struct(CLOCK, frame[3:end], 3))
    fields, at = [], 3
    serial = _serial(frame)
    if serial is not None:
        at += SERIAL_BYTES
        fields.append(Field(3, frame[3:at], "serial", serial))
    if command in (UPLOAD, ALARM, ALARM_SETTINGS):
        return fields + _explain_sections(frame, at, end)
    if at < end:
        fields.append(Field(at, frame[at:end], "RTU" if command == PASS_THROUGH else "body"))
    return fields


def _explain_sections(frame: bytes, at: int, end: int) -> list[Field]:
    try:
        found = sections(frame)
    except ProtocolError as error:
        return [Field(at, frame[at:end], "sections", f"! {error.message}")] if at < end else []
    fields: list[Field] = []
    for section in found:
        fields.append(Field(at, frame[at : section.begin], "section", section.channel))
        payload = frame[section.begin : section.end]
        if section.layout:
            fields.append(Field(section.begin, payload[:3], "modbus reply", section.layout))
            fields += explain_struct(STRUCTS[section.layout], payload[3:-2], section.data)
            fits = "fits" if modbus(payload) == 0 else "! does not fit"
            fields.append(Field(section.end - 2, payload[-2:], "section CRC", fits))
        else:
            fields.append(Field(section.begin, payload, "payload"))
        at = section.end + 4
        fields.append(Field(section.end, frame[section.end : at], "end of section"))
    if at < end:
        fields.append(Field(at, frame[at:end], "body"))
    return fields


CODEC: Final = Codec(
    name="acrel",
    title="Acrel 7B7B (安科瑞 4G/NB)",
    outline=OUTLINE,
    kinds=KINDS,
    recognise=recognise,
    dialogue=AcrelDialogue,
    confirm=None,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
)
