"""The functions of Modbus: what their PDUs look like in either direction.

function 1 | parts … | as many bytes as the last part, ``bytes``, says

Source: MODBUS Application Protocol Specification V1.1b3, section 6.
"""

from dataclasses import dataclass
from typing import Any, Final

from construct import Int8ub, Int16ub, Struct

from wattwarden.protocol.wire import parts_of

FAILED: Final = 0x80
COUNTED: Final = "bytes"
UNTOLD: Final = 0

READ_COILS: Final = 1
READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE_COIL: Final = 5
READ_WRITE: Final = 0x17
IDENTIFY: Final = 0x2B
READ_IDENTIFICATION: Final = 0x0E
READINGS: Final = (READ_HOLDING, READ_INPUT)
OWN: Final = frozenset((*range(65, 73), *range(100, 111)))
"""Codes that the specification leaves to makers."""


class Body:
    """What follows the code of a function in one direction: parts, then counted bytes.

    ``size`` is that of the parts with the code, ``width`` that of the part that counts, 0 for none.
    """

    __slots__ = ("size", "struct", "width")

    def __init__(self, *parts: Any) -> None:
        self.struct: Final = Struct(*parts)
        self.size: Final = 1 + int(self.struct.sizeof())
        counts = bool(parts) and parts[-1].name == COUNTED
        self.width: Final = int(parts[-1].sizeof()) if counts else 0

    def sizes(self, buffer: bytes, at: int) -> int:
        """Return the size of the PDU at ``at``, ``UNTOLD`` where what tells has not arrived."""
        if not self.width:
            return self.size
        end = at + self.size
        if end > len(buffer):
            return UNTOLD
        return self.size + int.from_bytes(buffer[end - self.width : end], "big")

    def head(self, pdu: bytes) -> dict[str, int]:
        """Return the parts by name."""
        parts: dict[str, int] = {}
        at = 1
        for name, piece in parts_of(self.struct):
            size = int(piece.sizeof())
            if name is not None:
                parts[name] = int(piece.parse(pdu[at : at + size]))
            at += size
        return parts


class _Identity(Body):
    """An identification, which counts objects: number 1 | length 1 | text."""

    def sizes(self, buffer: bytes, at: int) -> int:
        end = at + self.size
        if end > len(buffer):
            return UNTOLD
        if buffer[at + 1] != READ_IDENTIFICATION:
            return self.size
        for _ in range(buffer[end - 1]):
            if end + 1 >= len(buffer):
                return UNTOLD
            end += 2 + buffer[end + 1]
        return end - at


@dataclass(frozen=True, slots=True)
class Function:
    """One function.  ``request`` and ``reply`` declare what follows its code in either direction.

    ``asks`` and ``brings`` say what the counted bytes are: "registers", "coils", or "" for bytes.
    """

    code: int
    kind: str
    name: str
    request: Body
    reply: Body
    asks: str = ""
    brings: str = ""

    @property
    def is_echo(self) -> bool:
        """Whether a reply looks like its request."""
        return self.request is self.reply


_NOTHING: Final = Body()
_RANGE: Final = Body("start" / Int16ub, "count" / Int16ub)
_ONE: Final = Body("start" / Int16ub, "value" / Int16ub)
_BYTES: Final = Body(COUNTED / Int8ub)
_MANY: Final = Body("start" / Int16ub, "count" / Int16ub, COUNTED / Int8ub)
_STATUS: Final = Body("status" / Int8ub)
_DIAGNOSIS: Final = Body("subfunction" / Int16ub, "value" / Int16ub)
_EVENTS: Final = Body("status" / Int16ub, "events" / Int16ub)
_MASK: Final = Body("start" / Int16ub, "and_mask" / Int16ub, "or_mask" / Int16ub)
_BOTH: Final = Body(
    "read_start" / Int16ub, "read_count" / Int16ub,
    "start" / Int16ub, "count" / Int16ub, COUNTED / Int8ub,
)  # fmt: skip
_QUEUE: Final = Body("start" / Int16ub)
_QUEUED: Final = Body(COUNTED / Int16ub)
_WHICH: Final = Body("mei" / Int8ub, "level" / Int8ub, "object" / Int8ub)
_IDENTITY: Final = _Identity(
    "mei" / Int8ub, "level" / Int8ub, "conformity" / Int8ub, "more" / Int8ub, "next" / Int8ub,
    "objects" / Int8ub,
)  # fmt: skip

_ALL: Final = (
    Function(0x01, "read_coils", "读线圈 read coils", _RANGE, _BYTES, "", "coils"),
    Function(0x02, "read_inputs", "读离散输入 read discrete inputs", _RANGE, _BYTES, "", "coils"),
    Function(0x03, "read_holding", "读保持寄存器 read holding registers", _RANGE, _BYTES, "",
             "registers"),
    Function(0x04, "read_input", "读输入寄存器 read input registers", _RANGE, _BYTES, "",
             "registers"),
    Function(0x05, "write_coil", "写单个线圈 write a coil", _ONE, _ONE),
    Function(0x06, "write_register", "写单个寄存器 write a register", _ONE, _ONE),
    Function(0x07, "read_status", "读异常状态 read exception status", _NOTHING, _STATUS),
    Function(0x08, "diagnose", "诊断 diagnostics", _DIAGNOSIS, _DIAGNOSIS),
    Function(0x0B, "count_events", "读事件计数 get event counter", _NOTHING, _EVENTS),
    Function(0x0C, "read_events", "读事件记录 get event log", _NOTHING, _BYTES),
    Function(0x0F, "write_coils", "写多个线圈 write coils", _MANY, _RANGE, "coils"),
    Function(0x10, "write_registers", "写多个寄存器 write registers", _MANY, _RANGE, "registers"),
    Function(0x11, "report_id", "报告从站标识 report server id", _NOTHING, _BYTES),
    Function(0x14, "read_file", "读文件记录 read file record", _BYTES, _BYTES),
    Function(0x15, "write_file", "写文件记录 write file record", _BYTES, _BYTES),
    Function(0x16, "mask_register", "屏蔽写寄存器 mask write register", _MASK, _MASK),
    Function(0x17, "read_write", "读写寄存器 read and write registers", _BOTH, _BYTES, "registers",
             "registers"),
    Function(0x18, "read_queue", "读先入先出队列 read FIFO queue", _QUEUE, _QUEUED),
    Function(0x2B, "identify", "读设备标识 read identification", _WHICH, _IDENTITY),
)  # fmt: skip
FUNCTIONS: Final = {function.code: function for function in _ALL}
BY_KIND: Final = {function.kind: function for function in _ALL}

_FAILURES: Final = frozenset(code | FAILED for code in (*FUNCTIONS, *OWN))
CODES: Final = bytes((*FUNCTIONS, *sorted(_FAILURES)))
"""What may stand where a function is."""

KIND_OF_EXCEPTION: Final = "exception"
OTHER: Final = "other"
REPLY_SUFFIX: Final = "_reply"
KINDS: Final = {
    KIND_OF_EXCEPTION: "the meter refuses: 异常应答",
    **{one.kind: f"{one.code:02X}: {one.name}" for one in _ALL},
    **{
        one.kind + REPLY_SUFFIX: f"{one.code:02X}: answer to {one.kind}"
        for one in _ALL
        if not one.is_echo
    },
    OTHER: "a function of no table",
}

EXCEPTIONS: Final = {
    1: "非法功能 illegal function", 2: "非法数据地址 illegal data address",
    3: "非法数据值 illegal data value", 4: "从站故障 server device failure",
    5: "确认 acknowledge", 6: "从站忙 server device busy", 8: "存储奇偶错 memory parity error",
    10: "网关路径不可用 gateway path unavailable",
    11: "网关目标无响应 gateway target did not respond",
}  # fmt: skip


def pdu_sizes(buffer: bytes, at: int) -> tuple[int, ...]:
    """Return the sizes that the PDU at ``at``, of which one byte is there, may have.

    ``UNTOLD`` where the byte that tells has not arrived; none for a function of no table.
    """
    code = buffer[at]
    function = FUNCTIONS.get(code)
    if function is None:
        return (2,) if code in _FAILURES else ()
    if function.is_echo:
        return (function.request.sizes(buffer, at),)
    return function.request.sizes(buffer, at), function.reply.sizes(buffer, at)
