"""Which bytes of a Modbus frame say what, for people."""

from collections.abc import Iterator

from wattwarden.codecs.modbus.frame import MBAP_BYTES, Adu, check
from wattwarden.codecs.modbus.functions import EXCEPTIONS, FAILED, FUNCTIONS, Function
from wattwarden.codecs.modbus.pdu import WORD_BYTES, is_failure, is_reply
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.wire import parts_of

_NAMES = {
    "start": "起始地址 start", "count": "数量 count", "value": "值 value",
    "bytes": "字节数 bytes", "status": "状态 status", "subfunction": "子功能 subfunction",
    "events": "事件数 events", "and_mask": "与屏蔽 and mask", "or_mask": "或屏蔽 or mask",
    "read_start": "读起始地址 read from", "read_count": "读数量 read count",
    "mei": "封装接口 MEI", "level": "标识级别 level", "object": "对象 object",
    "conformity": "一致性 conformity", "more": "有后续 more follows", "next": "下一对象 next",
    "objects": "对象数 objects",
}  # fmt: skip


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a frame; with its request, registers by their addresses."""
    try:
        adu = check(frame)
    except ProtocolError:
        return (Field(0, frame, "rest"),) if frame else ()
    fields = list(_around(frame, adu))
    fields += _pdu(adu, _asked(adu, request))
    if adu.transaction is None:
        end = len(frame) - rtu.CRC_BYTES
        fields.append(Field(end, frame[end:], "校验码 CRC", "fits"))
    return tuple(fields)


def _around(frame: bytes, adu: Adu) -> Iterator[Field]:
    if adu.transaction is not None:
        yield Field(0, frame[:2], "事务标识 transaction", str(adu.transaction))
        yield Field(2, frame[2:4], "协议标识 protocol")
        yield Field(4, frame[4:6], "长度 length", str(len(frame) - MBAP_BYTES + 1))
    yield Field(adu.begin - 1, frame[adu.begin - 1 : adu.begin], "从站地址 slave", str(adu.slave))


def _asked(adu: Adu, request: bytes | None) -> bytes:
    """Return the PDU of the request when this frame may answer it, else nothing."""
    if request is None:
        return b""
    try:
        asked = check(request)
    except ProtocolError:
        return b""
    return asked.pdu if asked.pdu[0] == adu.pdu[0] & ~FAILED else b""


def _pdu(adu: Adu, asked: bytes) -> Iterator[Field]:
    pdu, at = adu.pdu, adu.begin
    function = FUNCTIONS.get(pdu[0] & ~FAILED)
    name = function.name if function is not None else "其他 another"
    failed = ", 异常 refused" if is_failure(pdu) else ""
    yield Field(at, pdu[:1], "功能码 function", f"{pdu[0]:02X} {name}{failed}")
    if is_failure(pdu) and len(pdu) > 1:
        code = pdu[1]
        yield Field(at + 1, pdu[1:2], "异常码 exception", f"{code} {EXCEPTIONS.get(code, '')}")
        if len(pdu) > 2:
            yield Field(at + 2, pdu[2:], "rest")
    elif function is not None:
        yield from _parts(function, pdu, at, asked)
    elif len(pdu) > 1:
        yield Field(at + 1, pdu[1:], "数据 data")


def _parts(function: Function, pdu: bytes, at: int, asked: bytes) -> Iterator[Field]:
    reply = is_reply(function, pdu, asked=bool(asked))
    body = function.reply if reply else function.request
    place = 1
    start = None
    for name, piece in parts_of(body.struct):
        size = int(piece.sizeof())
        raw = pdu[place : place + size]
        if len(raw) < size:
            break
        value = int(piece.parse(raw))
        if name == "start":
            start = value
        shown = f"{value:04X}H" if name in ("start", "read_start") else str(value)
        yield Field(at + place, raw, _NAMES.get(name or "", name or ""), shown)
        place += size
    what = function.brings if reply else function.asks
    if body.width and what == "registers" and (len(pdu) - place) % WORD_BYTES == 0:
        if reply and len(asked) > WORD_BYTES:
            start = int.from_bytes(asked[1 : 1 + WORD_BYTES], "big")
        yield from _registers(pdu, place, at, start)
    elif place < len(pdu):
        yield Field(at + place, pdu[place:], "数据 data")


def _registers(pdu: bytes, place: int, at: int, start: int | None) -> Iterator[Field]:
    for number, begin in enumerate(range(place, len(pdu), WORD_BYTES)):
        raw = pdu[begin : begin + WORD_BYTES]
        where = f"寄存器 register {number}" if start is None else (
            f"寄存器 register {(start + number) & 0xFFFF:04X}H"
        )  # fmt: skip
        yield Field(at + begin, raw, where, str(int.from_bytes(raw, "big")))
