"""What the AFN of Q/GDW 376.1 are called, and which slug a frame has."""

from dataclasses import dataclass
from typing import Final

CONFIRMATION: Final = 0x00
LINK: Final = 0x02
PARAMETERS: Final = 0x04
CONFIGURATION: Final = 0x09
CLASS_1: Final = 0x0C
CLASS_2: Final = 0x0D
EVENTS: Final = 0x0E
FORWARDING: Final = 0x10
WITH_PASSWORD: Final = frozenset((0x01, 0x04, 0x05, 0x06, 0x10))
"""The AFN whose frames from the master station may end with a password."""

LOGIN: Final = 1
LOGOUT: Final = 2
HEARTBEAT: Final = 3


@dataclass(frozen=True, slots=True)
class Afn:
    """One AFN: its slug from the master station and from the terminal, and its names."""

    code: int
    down: str
    up: str
    name: str


_ALL: Final = (
    Afn(CONFIRMATION, "confirm", "confirm", "确认/否认 confirmation"),
    Afn(0x01, "reset", "reset_reply", "复位 reset"),
    Afn(LINK, "link_test", "link_test", "链路接口检测 link test"),
    Afn(0x03, "relay_command", "relay_reply", "中继站命令 relay command"),
    Afn(PARAMETERS, "set_parameters", "set_parameters_reply", "设置参数 setting of parameters"),
    Afn(0x05, "control", "control_reply", "控制命令 control"),
    Afn(0x06, "authenticate", "authenticate_reply", "身份认证及密钥协商 authentication"),
    Afn(0x08, "cascade", "cascade_report", "请求被级联终端主动上报 cascaded terminals"),
    Afn(CONFIGURATION, "query_configuration", "configuration", "请求终端配置及信息 configuration"),
    Afn(0x0A, "query_parameters", "parameters", "查询参数 parameters"),
    Afn(0x0B, "query_task", "task", "请求任务数据 data of a task"),
    Afn(CLASS_1, "query_class1", "class1", "请求1类数据(实时) class 1: data of now"),
    Afn(CLASS_2, "query_class2", "class2", "请求2类数据(历史) class 2: frozen data and curves"),
    Afn(EVENTS, "query_events", "events", "请求3类数据(事件) class 3: events"),
    Afn(0x0F, "file", "file_reply", "文件传输 file transfer"),
    Afn(FORWARDING, "forward", "forward_reply", "数据转发 forwarding"),
)
_OTHER: Final = Afn(-1, "other", "other_reply", "备用 reserved")
AFNS: Final = {afn.code: afn for afn in _ALL}

_LINK_KINDS: Final = {LOGIN: "login", LOGOUT: "logout", HEARTBEAT: "heartbeat"}

KINDS: Final = {
    **{afn.down: f"AFN {afn.code:02X}, from the master: {afn.name}" for afn in _ALL},
    **{afn.up: f"AFN {afn.code:02X}, from the terminal: {afn.name}" for afn in _ALL},
    "login": "AFN 02 F1: 登录",
    "logout": "AFN 02 F2: 退出登录",
    "heartbeat": "AFN 02 F3: 心跳",
    "other": "an AFN of no table, from the master",
    "other_reply": "an AFN of no table, from the terminal",
}


def afn_of(code: int) -> Afn:
    """Return the AFN of a code."""
    return AFNS.get(code, _OTHER)


def kind_of(code: int, *, up: bool, fn: int | None) -> str:
    """Return the slug of a frame; ``fn`` is that of its first unit."""
    if code == LINK and fn in _LINK_KINDS:
        return _LINK_KINDS[fn]
    afn = afn_of(code)
    return afn.up if up else afn.down


def afn_and_fn(kind: str) -> tuple[int, int, bool]:
    """Return AFN, Fn (0 if the kind leaves it open) and whether the terminal says it.

    Raises:
        ValueError: the kind does not tell the AFN.
    """
    for fn, name in _LINK_KINDS.items():
        if name == kind:
            return LINK, fn, True
    for afn in _ALL:
        if kind in (afn.up, afn.down):
            return afn.code, 0, kind == afn.up != afn.down
    message = f"no AFN for {kind!r}: give it, or one of {', '.join(KINDS)}"
    raise ValueError(message)
