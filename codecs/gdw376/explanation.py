"""Which bytes of a frame of Q/GDW 376.1 say what, for people."""

from typing import Any, Final

from wattwarden.codecs.dlt645.explanation import explain as explain_645
from wattwarden.codecs.gdw376.frame import (
    AFN,
    CONFIRM,
    CONTROL,
    DATA,
    FIRST,
    LAST,
    NUMBER,
    SEQ,
    STAMPED,
    Parts,
    check,
    meter_of,
    parts_of,
)
from wattwarden.codecs.gdw376.kinds import FORWARDING, afn_of
from wattwarden.codecs.gdw376.layouts import event_name
from wattwarden.codecs.gdw376.units import Said, Unit, walk
from wattwarden.protocol import ft12
from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError

_SPANS: Final = {
    "identifier": "数据单元标识 DA DT", "EC": "事件计数器 EC", "Tp": "时间标签 Tp",
    "PW": "消息认证码 PW", "rest": "数据 data",
}  # fmt: skip
_SLUGS: Final = {
    "clock": "终端时间 clock", "tariffs": "费率数M tariffs", "Td": "数据时标 Td",
    "density": "冻结密度 density", "points": "数据点数 points", "hour": "小时 hour",
    "port": "端口号 port", "length": "长度 length", "detail": "事件数据 detail",
    "rest": "数据 data", "at": "发生时间 at",
}  # fmt: skip


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a frame, of a broken one as far as it can be followed."""
    del request
    verdict = "fits"
    try:
        check(frame)
    except ProtocolError as error:
        if not _is_framed(frame):
            return (Field(0, frame, "rest", f"! {error.message}"),) if frame else ()
        verdict = f"! {error.message}"
    parts = parts_of(frame)
    fields = [*_header(frame, parts), *_data(parts)]
    end = len(frame) - 2
    fields.append(Field(end, frame[end:-1], "校验和 CS", verdict))
    fields.append(Field(end + 1, frame[-1:], "结束符 tail"))
    return tuple(fields)


def _is_framed(frame: bytes) -> bool:
    least = ft12.FRAMING_BYTES + DATA - CONTROL
    return len(frame) >= least and frame[0] == ft12.HEAD and ft12.measure(frame, 0) == len(frame)


def _header(frame: bytes, parts: Parts) -> list[Field]:
    size = int.from_bytes(frame[1:3], "little")
    up = "终端 terminal" if parts.is_up else "主站 master station"
    series = [name for bit, name in (
        (STAMPED, "TpV"), (FIRST, "FIR"), (LAST, "FIN"), (CONFIRM, "CON"),
    ) if parts.seq & bit]  # fmt: skip
    at = CONTROL + 1
    return [
        Field(0, frame[:1], "起始符 head"),
        Field(1, frame[1:3], "长度 L", str(size >> 2), "bytes"),
        Field(3, frame[3:5], "长度 L", str(size >> 2), "bytes"),
        Field(5, frame[5:6], "起始符 head"),
        Field(CONTROL, frame[CONTROL:at], "控制域 C", f"{parts.control:08b} {up}"),
        Field(at, frame[at : at + 2], "行政区划码 A1", parts.region),
        Field(at + 2, frame[at + 2 : at + 4], "终端地址 A2",
              f"{parts.terminal} ({meter_of(parts) or 'group'})"),
        Field(at + 4, frame[at + 4 : AFN], "主站地址和组地址标志 A3", str(parts.a3)),
        Field(AFN, frame[AFN:SEQ], "应用层功能码 AFN", afn_of(parts.afn).name),
        Field(SEQ, frame[SEQ:DATA], "帧序列域 SEQ",
              " ".join([*series, f"number {parts.seq & NUMBER}"])),
    ]  # fmt: skip


def _data(parts: Parts) -> list[Field]:
    body = walk(parts)
    fields: list[Field] = []
    for span in body.spans:
        raw = parts.data[span.offset : span.offset + span.size]
        fields.append(Field(DATA + span.offset, raw, _SPANS[span.slug], _span(span)))
    for unit in body.units:
        for one in unit.said:
            fields += _said(parts, unit, one)
    return sorted(fields, key=lambda one: one.offset)


def _span(span: Said) -> str:
    if span.slug == "identifier":
        pns, fns = span.value
        points = " ".join(f"p{pn}" for pn in pns)
        return f"{points} {' '.join(f'F{fn}' for fn in fns)}".strip()
    if isinstance(span.value, dict):
        return ", ".join(f"{name} {value}" for name, value in span.value.items())
    return str(span.value)


def _said(parts: Parts, unit: Unit, one: Said) -> list[Field]:
    at = DATA + one.offset
    raw = parts.data[one.offset : one.offset + one.size]
    if parts.afn == FORWARDING and one.slug == "frame":
        return [
            Field(at + inner.offset, inner.raw, f"645 {inner.name}", inner.value, inner.unit)
            for inner in explain_645(raw)
        ]
    name = _SLUGS.get(one.slug, one.slug.replace("_", " "))
    if one.row is not None and one.slug not in ("ERC", "length", "at", "detail"):
        name += " 总 total" if not one.row and unit.layout is not None else f" {one.row}"
    prefix = "" if unit.layout is None else f"F{unit.fn} {unit.layout.name}: "
    return [Field(at, raw, prefix + name, _value(one), one.unit)]


def _value(one: Said) -> str:
    if one.error is not None:
        return f"! {one.error.message}"
    value: Any = one.value
    if value is None:
        return "无数据 no data"
    if one.slug == "ERC":
        return f"{value} {event_name(value)}"
    return f"{value:.15g}" if isinstance(value, float) else str(value)
