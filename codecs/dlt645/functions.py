"""The functions of DL/T 645 (bits 0 to 4 of C), and how their data begin.

Data may end behind any part: masters leave out what they do not use.
"""

from dataclasses import dataclass
from typing import Any, Final

from construct import Struct

from wattwarden.protocol.digits import Digits, Hex, Reversed, WallTime

REPLY: Final = 0x80
REFUSED: Final = 0x40
MORE_FOLLOWS: Final = 0x20
CODE: Final = 0x1F
READ: Final = 0x11
READ_NEXT: Final = 0x12
READ_ADDRESS: Final = 0x13
READ_1997: Final = 0x01
READ_NEXT_1997: Final = 0x02
READINGS: Final = frozenset((READ, READ_NEXT, READ_1997, READ_NEXT_1997))


@dataclass(frozen=True, slots=True)
class Function:
    """One function.  ``request`` and ``reply`` declare how its data begin in either direction.

    ``carries`` tells where values of the data item follow: "request", "reply" or "".
    """

    code: int
    kind: str
    name: str
    request: Any
    reply: Any
    carries: str = ""


_DI: Final = ("di" / Reversed(4),)
_DI_1997: Final = ("di" / Reversed(2),)
_SEQUENCE: Final = "sequence" / Digits(1)
# The password is its level and three bytes; both standards let masters leave the operator open.
_RIGHTS: Final = ("password" / Hex(4), "operator" / Hex(4))
_NOTHING: Final = Struct()
_ADDRESS: Final = Struct("new_address" / Reversed(6))
_SPEED: Final = Struct("speed" / Reversed(1))
_CLOCK: Final = Struct("clock" / WallTime("smhdMy"))
REFUSAL: Final = Struct("err" / Reversed(1))

_ALL: Final = (
    Function(READ_1997, "read_1997", "读数据 read", Struct(*_DI_1997), Struct(*_DI_1997), "reply"),
    Function(
        READ_NEXT_1997, "read_next_1997", "读后续数据 read what follows",
        Struct(*_DI_1997), Struct(*_DI_1997), "reply",
    ),
    Function(0x03, "authenticate", "安全认证 authentication", Struct(*_DI), Struct(*_DI)),
    Function(
        0x04, "write_1997", "写数据 write",
        Struct(*_DI_1997, "password" / Hex(4)), _NOTHING, "request",
    ),
    Function(0x08, "set_clock", "广播校时 broadcast of the time", _CLOCK, _CLOCK),
    Function(0x0A, "write_address_1997", "写设备地址 write the address", _ADDRESS, _NOTHING),
    Function(0x0C, "set_speed_1997", "更改通信速率 change the speed", _SPEED, _SPEED),
    Function(
        0x0F, "change_password_1997", "修改密码 change the password",
        Struct("old_password" / Hex(4), "password" / Hex(4)),
        Struct("password" / Hex(4)),
    ),
    Function(0x10, "reset_demand_1997", "最大需量清零 reset the demand", _NOTHING, _NOTHING),
    Function(
        READ, "read", "读数据 read",
        Struct(*_DI, "count" / Digits(1), "from" / WallTime("mhdMy")), Struct(*_DI), "reply",
    ),
    Function(
        READ_NEXT, "read_next", "读后续数据 read what follows",
        Struct(*_DI, _SEQUENCE), Struct(*_DI), "reply",
    ),
    Function(READ_ADDRESS, "read_address", "读通信地址 read the address", _NOTHING, _ADDRESS),
    Function(0x14, "write", "写数据 write", Struct(*_DI, *_RIGHTS), _NOTHING, "request"),
    Function(0x15, "write_address", "写通信地址 write the address", _ADDRESS, _NOTHING),
    Function(
        0x16, "freeze", "冻结命令 freeze", Struct("freeze_at" / WallTime("mhdM")), _NOTHING
    ),
    Function(0x17, "set_speed", "更改通信速率 change the speed", _SPEED, _SPEED),
    Function(
        0x18, "change_password", "修改密码 change the password",
        Struct(*_DI, "old_password" / Hex(4), "password" / Hex(4)),
        Struct("password" / Hex(4)),
    ),
    Function(0x19, "reset_demand", "最大需量清零 reset the demand", Struct(*_RIGHTS), _NOTHING),
    Function(0x1A, "reset_meter", "电表清零 reset the meter", Struct(*_RIGHTS), _NOTHING),
    Function(0x1B, "reset_events", "事件清零 reset events", Struct(*_RIGHTS, *_DI), _NOTHING),
    Function(
        0x1C, "switch", "跳合闸、报警、保电 relay, alarm, kept supply",
        Struct(*_RIGHTS, "command" / Reversed(1), "reserved" / Reversed(1),
               "until" / WallTime("smhdMy")),
        _NOTHING,
    ),
    Function(
        0x1D, "set_output", "多功能端子输出控制 output of the test terminal",
        Struct("output" / Reversed(1)), Struct("output" / Reversed(1)),
    ),
)  # fmt: skip
FUNCTIONS: Final = {function.code: function for function in _ALL}
_OTHER: Final = Function(0, "other", "其他功能 another function", _NOTHING, _NOTHING)

KIND_OF_REFUSAL: Final = "error"
_REPLY_SUFFIX: Final = "_reply"

KINDS: Final = {
    KIND_OF_REFUSAL: "the meter refuses: 异常应答",
    **{one.kind: f"{one.code:02X}: {one.name}" for one in _ALL},
    **{one.kind + _REPLY_SUFFIX: f"{one.code | REPLY:02X}: answer to {one.kind}" for one in _ALL},
    "other": "a function of no table, asked",
    "other_reply": "a function of no table, answered",
}

# 错误信息字 ERR, bit 0 first.
_ERRORS: Final = (
    "其他错误 other", "无请求数据 no such data", "密码错或未授权 password wrong or no right",
    "通信速率不能更改 speed cannot be changed", "年时区数超 too many seasons",
    "日时段数超 too many periods", "费率数超 too many tariffs",
)  # fmt: skip


def function_of(control: int) -> Function:
    """Return the function that C names."""
    return FUNCTIONS.get(control & CODE, _OTHER)


def kind_of(control: int) -> str:
    """Return the slug of a frame's kind."""
    if control & REFUSED and control & REPLY:
        return KIND_OF_REFUSAL
    return function_of(control).kind + (_REPLY_SUFFIX if control & REPLY else "")


def control_of(kind: str) -> int:
    """Return C of a kind.  Raises ValueError for one that does not tell it."""
    stem = kind.removesuffix(_REPLY_SUFFIX)
    for one in _ALL:
        if one.kind == stem:
            return one.code | (REPLY if kind != stem else 0)
    message = f"no control code for {kind!r}: give it, or one of {', '.join(KINDS)}"
    raise ValueError(message)


def errors_of(err: int) -> list[str]:
    """Return what the bits of ERR say."""
    return [text for bit, text in enumerate(_ERRORS) if err >> bit & 1]
