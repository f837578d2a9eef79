"""What each stretch of a frame is, for people."""

from collections.abc import Iterator
from string import hexdigits
from typing import Final

from wattwarden.codecs.dlt698.apdu import key_of, read_apdu
from wattwarden.codecs.dlt698.frame import (
    ADDRESS_BEGIN,
    CRC_BYTES,
    FRAGMENT_BYTES,
    FRAGMENTED,
    FROM_METER,
    HEAD,
    KIBIBYTES,
    NUMBER_MASK,
    PLACE_SHIFT,
    SCRAMBLED,
    SIZE_MASK,
    TAIL,
    header_bytes,
    unscrambled,
)
from wattwarden.codecs.dlt698.objects import TERMS, Told, describe
from wattwarden.codecs.dlt698.services import LINK_REQUEST_TAG, SERVICES
from wattwarden.protocol.axdr import Step, Trace, fields_of
from wattwarden.protocol.checksum import x25
from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError

OAD_DIGITS: Final = 8
_FUNCTIONS: Final = {1: "链路管理 link", 3: "用户数据 data"}


def explain(frame: bytes, request: bytes | None) -> tuple[Field, ...]:
    """Say what each stretch of a frame is, of a broken one as far as it goes.

    The stretches, one behind the other, are the frame.  ``request`` holds the pieces before the
    last fragment of an APDU, which is not needed here.
    """
    del request
    if len(frame) < ADDRESS_BEGIN or len(frame) < header_bytes(frame, 0):
        return (Field(0, frame, "残帧 rest"),)
    header = header_bytes(frame, 0)
    ended = len(frame) >= header + CRC_BYTES + 1 and frame[-1] == TAIL
    end = len(frame) - CRC_BYTES - 1 if ended else len(frame)
    fields = [*_explain_header(frame, header), *_explain_data(frame, header, end)]
    if ended:
        fields.append(Field(end, frame[end:-1], "帧校验 FCS", _verdict(frame, end)))
        fields.append(Field(len(frame) - 1, frame[-1:], "结束符 tail"))
    return tuple(field for field in fields if field.raw)


def _explain_header(frame: bytes, header: int) -> Iterator[Field]:
    word = int.from_bytes(frame[1:3], "little")
    control, features = frame[3], frame[4]
    yield Field(0, frame[:1], "起始符 head", "" if frame[:1] == HEAD else "! not 68")
    size, unit = word & SIZE_MASK, "KiB" if word & KIBIBYTES else "B"
    says = str(size)
    if not word & KIBIBYTES and size != len(frame) - 2:
        says = f"! says {size}, found {len(frame) - 2}"
    yield Field(1, frame[1:3], "长度 length", says, unit)
    yield Field(3, frame[3:4], "控制域 control", _control(control))
    kind = TERMS["address", str(features >> 6)]
    logical = features >> 4 & 3
    yield Field(4, frame[4:5], "地址特征 address kind", f"{kind}, logical {logical}")
    address = frame[ADDRESS_BEGIN : header - 3]
    name = "服务器地址 SA"
    yield Field(ADDRESS_BEGIN, address, name, address[::-1].hex().upper())
    yield Field(header - 3, frame[header - 3 : header - 2], "客户机地址 CA", str(frame[header - 3]))
    yield Field(header - 2, frame[header - 2 : header], "帧头校验 HCS", _verdict(frame, header - 2))


def _control(control: int) -> str:
    sender = "服务器 from the meter" if control & FROM_METER else "客户机 from the client"
    function = _FUNCTIONS.get(control & 0x07, f"function {control & 0x07}")
    more = ", 分帧 fragment" if control & FRAGMENTED else ""
    return f"{sender}, {function}{more}" + (", 扰码 scrambled" if control & SCRAMBLED else "")


def _verdict(frame: bytes, at: int) -> str:
    wanted = x25(frame[1:at])
    found = int.from_bytes(frame[at : at + CRC_BYTES], "little")
    return "fits" if wanted == found else f"! {wanted:04X} would fit"


def _explain_data(frame: bytes, begin: int, end: int) -> Iterator[Field]:
    data = unscrambled(frame[3], frame[begin:end])
    if frame[3] & FRAGMENTED and len(data) >= FRAGMENT_BYTES:
        word = int.from_bytes(data[:FRAGMENT_BYTES], "little")
        place = TERMS["fragment", str(word >> PLACE_SHIFT)]
        text = f"{word & NUMBER_MASK} {place}"
        yield Field(begin, frame[begin : begin + FRAGMENT_BYTES], "分帧 fragment", text)
        begin += FRAGMENT_BYTES
        yield Field(begin, frame[begin:end], "分帧数据 piece of an APDU")
        return
    yield from fields_of(_steps(data), frame, begin, end, _label)


def _steps(apdu: bytes) -> list[Step]:
    """Return the stretches of an APDU, of a broken one as far as they can be read."""
    if not apdu:
        return []
    key = key_of(apdu)
    service = SERVICES.get(key)
    if service is None:
        return [Step(0, len(apdu), "service", "! not known", "")]
    name = TERMS["kind", service.kind]
    if key[0] == LINK_REQUEST_TAG and len(apdu) > 2:
        name = TERMS.get(("link", str(apdu[2])), name)
    trace = Trace()
    trace.subject = Told()
    first = Step(0, 1 if key[1] is None else 2, "service", name, "")
    try:
        read_apdu(apdu, trace)
    except ProtocolError as error:
        trace.tell(error.offset, len(apdu), "rest", f"! {error.message}")
    return [first, *trace.steps]


def _label(name: str) -> str:
    """Name a field in both languages; what is no field's name, such as an object's, stays."""
    if name == "service":
        return "服务 service"
    for word in ("count of ", "choice of ", "presence of ", "type of "):
        if name.startswith(word):
            rest = name.removeprefix(word)
            return f"{word}{TERMS.get(('field', rest), rest)}"
    if len(name) == OAD_DIGITS and set(name) <= set(hexdigits):
        return f"{name} {describe(name)}".strip()
    return TERMS.get(("field", name), name)
