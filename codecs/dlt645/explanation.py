"""Which bytes of a frame of DL/T 645 say what, for people."""

from wattwarden.codecs.dlt645.fields import Said, name_of, walk
from wattwarden.codecs.dlt645.frame import (
    CONTROL,
    DATA,
    FRAMING_BYTES,
    HEAD,
    LENGTH,
    SECOND_HEAD,
    bare,
    begin_of,
    sound_end,
)
from wattwarden.codecs.dlt645.functions import (
    MORE_FOLLOWS,
    REFUSED,
    REPLY,
    errors_of,
    function_of,
)
from wattwarden.protocol.codec import Field

_NAMES = {
    "di": "数据标识 data item", "password": "密码 password", "operator": "操作者代码 operator",
    "old_password": "原密码 old password", "count": "记录块数 count", "from": "给定时间 from",
    "sequence": "帧序号 sequence", "err": "错误信息字 ERR", "new_address": "通信地址 address",
    "clock": "时间 time", "freeze_at": "冻结时间 freeze at", "speed": "速率特征字 speed",
    "command": "控制命令 command", "reserved": "保留 reserved", "until": "命令有效截止 valid until",
    "output": "输出信号 output", "end": "块结束 end of block", "rest": "数据 data",
}  # fmt: skip


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a frame, of a broken one as far as it can be followed."""
    del request
    begin = begin_of(frame)
    fields = [Field(0, frame[:begin], "前导字节 preamble")] if begin else []
    here = len(frame) - begin
    if (
        here < FRAMING_BYTES
        or not frame.startswith(HEAD, begin)
        or frame[begin + SECOND_HEAD] != HEAD[0]
        or here < FRAMING_BYTES + frame[begin + LENGTH]
    ):
        return (*fields, Field(begin, frame[begin:], "rest")) if here else tuple(fields)
    control = frame[begin + CONTROL]
    end = begin + FRAMING_BYTES + frame[begin + LENGTH]
    address = frame[begin + 1 : begin + SECOND_HEAD]
    fields += [
        Field(begin, frame[begin : begin + 1], "帧起始符 head"),
        Field(begin + 1, address, "地址域 address", address[::-1].hex()),
        Field(begin + SECOND_HEAD, HEAD, "帧起始符 head"),
        Field(begin + CONTROL, frame[begin + CONTROL : begin + LENGTH], "控制码 control",
              _control(control)),
        Field(begin + LENGTH, frame[begin + LENGTH : begin + DATA], "长度 length",
              str(frame[begin + LENGTH])),
    ]  # fmt: skip
    data = begin + DATA
    for said in walk(control, bare(frame[data : end - 2])):
        at = data + said.offset
        fields.append(Field(at, frame[at : at + said.size], *_said(said)))
    verdict = "fits" if sound_end(frame, begin) == end else "! does not fit"
    fields.append(Field(end - 2, frame[end - 2 : end - 1], "校验码 sum", verdict))
    fields.append(Field(end - 1, frame[end - 1 : end], "结束符 tail"))
    if end < len(frame):
        fields.append(Field(end, frame[end:], "rest"))
    return tuple(fields)


def _control(control: int) -> str:
    words = [function_of(control).name, "应答 reply" if control & REPLY else "请求 request"]
    if control & REFUSED:
        words.append("异常 refused")
    if control & MORE_FOLLOWS:
        words.append("有后续帧 more follows")
    return ", ".join(words)


def _said(said: Said) -> tuple[str, str, str]:
    """Return name, value and unit of a part."""
    item = said.item
    name = _NAMES.get(said.slug, said.slug) if item is None else item.name
    unit = item.unit if item is not None and said.slug == "value" else ""
    if said.error is not None:
        return name, f"! {said.error.message}", ""
    if item is not None and said.slug != "value":
        name += f" ({said.slug})"
    if said.value is None:
        return name, "无数据 no data", ""
    value = f"{said.value:.15g}" if isinstance(said.value, float) else str(said.value)
    if said.slug == "di":
        value = f"{value} {name_of(value)}".rstrip()
    if said.slug == "err":
        value = ", ".join([value, *errors_of(int(value, 16))])
    return name, value, unit
