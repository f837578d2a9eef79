"""What a DTU sent in readable form, and back: for people, and for simulators."""

import re
from typing import Any, Final

from wattwarden.codecs.dlt645 import CODEC as DLT645
from wattwarden.codecs.dtu.frame import Carried, inner_of
from wattwarden.codecs.dtu.packets import NONE, UNTOLD, Packets
from wattwarden.codecs.modbus import CODEC as MODBUS
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError, Refusal

REGISTRATION: Final = "registration"
HEARTBEAT: Final = "heartbeat"
KINDS: Final = {
    REGISTRATION: "a DTU says who it is: 注册包",
    HEARTBEAT: "a DTU is there: 心跳包",
    Carried.MODBUS.value: "a frame of Modbus RTU from behind the DTU: 透传",
    Carried.DLT645.value: "a frame of DL/T 645 from behind the DTU: 透传",
}
CODECS: Final = {Carried.MODBUS: MODBUS, Carried.DLT645: DLT645}
_NUMBER: Final = re.compile(rb"\d{15}")


def read(packets: Packets, frame: bytes, profile_of: ProfileOf) -> Message:
    """Read a packet, or a frame of a meter with what its own codec says of it.

    ``raw`` is the frame as hex; ``carried`` the kind that the meter's codec names.

    Raises:
        ProtocolError: of kind unknown or length; what the meter's codec raises.
    """
    fields: dict[str, Any] = {"raw": frame.hex()}
    end = packets.end(frame, 0)
    if frame and end == len(frame):
        identity = packets.identity_of(frame)
        if identity is None:
            return Message(HEARTBEAT, None, None, fields | {"text": _text(frame)})
        return Message(REGISTRATION, identity, None, fields | {"text": _text(frame)})
    at = max(0, packets.prefix_end(frame, 0))
    inner = inner_of(frame, at)
    if inner is None:
        raise _fault(frame, end)
    if at:
        fields["prefix"] = frame[:at].hex()
    said = CODECS[inner.kind].read(inner.raw, profile_of)
    meter = said.meter if inner.kind is Carried.DLT645 else None
    return Message(
        inner.kind.value, meter, said.at, {"carried": said.kind, **said.fields, **fields}
    )


def _text(packet: bytes) -> str:
    return packet.decode("ascii", "backslashreplace")


def _fault(frame: bytes, end: int) -> ProtocolError:
    if _NUMBER.fullmatch(frame):
        message = "15 digits are no IMEI: the check digit does not fit"
        return ProtocolError(Refusal.UNKNOWN, message, len(frame) - 1)
    if frame and end == UNTOLD:
        message = f"{len(frame)} bytes are the beginning of a packet"
        return ProtocolError(Refusal.LENGTH, message, len(frame))
    message = "no packet of a DTU that is known, and no sound frame of Modbus or DL/T 645"
    return ProtocolError(Refusal.UNKNOWN, message, 0 if end == NONE else max(0, end))


def encode(message: Message) -> bytes:
    """Build what a DTU sends: from ``raw`` (hex), a packet also from ``text``.

    A frame of a meter is built by its own codec: ``carried`` and the fields of that kind.

    Raises:
        ValueError: unknown kind, or nothing to build it from.
    """
    fields = message.fields
    try:
        if "raw" in fields:
            return bytes.fromhex(str(fields["raw"]))
        if message.kind in (REGISTRATION, HEARTBEAT):
            return str(fields["text"]).encode("ascii")
        carried = Message(str(fields["carried"]), message.meter, message.at, fields)
        prefix = bytes.fromhex(str(fields.get("prefix", "")))
        return prefix + CODECS[Carried(message.kind)].encode(carried)
    except (ValueError, KeyError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error
