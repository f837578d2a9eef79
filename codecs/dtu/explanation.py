"""Which bytes of what a DTU sent say what, for people."""

from dataclasses import replace

from wattwarden.codecs.dtu.frame import inner_of
from wattwarden.codecs.dtu.message import CODECS
from wattwarden.codecs.dtu.packets import Packets
from wattwarden.protocol.codec import Field


def explain(packets: Packets, frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a packet or frame."""
    if not frame:
        return ()
    if packets.end(frame, 0) == len(frame):
        identity = packets.identity_of(frame)
        text = frame.decode("ascii", "backslashreplace")
        if identity is None:
            return (Field(0, frame, "心跳包 heartbeat", text),)
        return (Field(0, frame, "注册包 registration", identity),)
    at = max(0, packets.prefix_end(frame, 0))
    inner = inner_of(frame, at)
    if inner is None:
        return (Field(0, frame, "rest"),)
    prefix = (Field(0, frame[:at], "前缀 prefix", packets.prefixes[frame[:at]]),) if at else ()
    carried = CODECS[inner.kind].explain(inner.raw, request)
    return (*prefix, *(replace(field, offset=field.offset + at) for field in carried))
