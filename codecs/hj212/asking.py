"""What people ask of and set in a logger of HJ 212, and how its answer is known.

    ask     time 1011   interval 1061   min-interval 1063   realtime 2011   status 2021
            sampling:POLID 3017   delay:POLID 3018   serial:POLID 3019   POLID.INFOID 3020
    set     time 1012   interval=S 1062   min-interval=MIN 1064   timeout=S, retries=N 1000
            sampling:POLID=HOURS 3016   POLID.INFOID=VALUE 3021
    recall  minute 2051   hour 2061   day 2031   runtime 2041, from BeginTime to EndTime

    request ─► 9011 QnRtn ─► data frames ─► 9012 ExeRtn

All carry the QN of the request, but data of the past, which have numbers of their own.  Source:
HJ 212-2017, 6.6 and annex C.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from wattwarden.codecs.hj212.answer import seal
from wattwarden.codecs.hj212.frame import take_apart
from wattwarden.codecs.hj212.header import (
    CP_BEGIN,
    CP_END,
    VERSION_SHIFT,
    WANTS_ANSWER,
    read_header,
)
from wattwarden.codecs.hj212.plaintext import plain_of
from wattwarden.protocol.both import Both, term
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import ProfileOf
from wattwarden.protocol.command import (
    ANSWER_US,
    STREAM_US,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Question,
    Verb,
    unknown_item,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.pairs import read_pairs
from wattwarden.protocol.timetext import write_digits

# What is said of a logger that has not said it: its system, and version 2017.
_SYSTEM: Final = "91"
_VERSION_2017: Final = "1"
_MILLISECOND_US: Final = 1000
_SECOND_DIGITS: Final = 14
# QnRtn and ExeRtn: HJ 212-2017, 6.6.3 and 6.6.4.
_REFUSALS: Final = {
    b"2": "请求被拒绝 refused", b"3": "PW错误 wrong PW", b"4": "MN错误 wrong MN",
    b"5": "ST错误 wrong ST", b"6": "Flag错误 wrong Flag", b"7": "QN错误 wrong QN",
    b"8": "CN错误 wrong CN", b"9": "CRC校验错误 wrong CRC", b"100": "未知错误 unknown",
}  # fmt: skip
_FAILURES: Final = {
    b"2": "执行失败 failed", b"3": "命令请求条件错误 condition not met", b"4": "通讯超时 timeout",
    b"5": "系统繁忙不能执行 busy", b"6": "系统故障 fault",
}  # fmt: skip
REQUEST_ACK: Final = b"9011"
RESULT: Final = b"9012"
_DONE: Final = b"1"
_NO_DATA: Final = b"100"
_MIN_INTERVALS: Final = frozenset((1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30))

# CN, what of the data is wanted; sent without waiting for a 9012 where the meter goes on reporting.
_ASKED: Final = {
    "time": "1011", "interval": "1061", "min-interval": "1063", "realtime": "2011",
    "status": "2021",
}  # fmt: skip
_ASKED_OF: Final = {"sampling": "3017", "delay": "3018", "serial": "3019"}
_GOES_ON: Final = frozenset(("2011", "2021"))
_HISTORY: Final = {"minute": "2051", "hour": "2061", "day": "2031", "runtime": "2041"}
_NAMED: Final = ", ".join((*_ASKED, *(f"{name}:POLID" for name in _ASKED_OF), "POLID.INFOID"))
_GRAMMAR: Final = Both(
    f"{_NAMED}；补召用 {', '.join(_HISTORY)}", f"{_NAMED}; to recall {', '.join(_HISTORY)}"
)
_SETTABLE: Final = Both(
    "可设的项：time，interval=秒，min-interval=分钟，timeout=秒，retries=次，sampling:POLID=小时，"
    "POLID.INFOID=值",
    "settings are time, interval=SECONDS, min-interval=MINUTES, timeout=SECONDS, retries=COUNT,"
    " sampling:POLID=HOURS, POLID.INFOID=VALUE",
)


_GO_ON: Final = Answer(is_last=False)


class _Wanted(NamedTuple):
    name: str
    cn: str
    data: str
    is_stream: bool = False


def ask(command: Command, peer: Peer) -> tuple[Question, ...]:
    """Return the questions of a command, each under a number (QN) of its own.

    Raises:
        CannotAskError: an item or a value is none.
    """
    zone = peer.profile.zone
    questions = []
    for place, wanted in enumerate(_wanted(command, peer)):
        number = write_digits(peer.now + place * _MILLISECOND_US, zone).encode()
        request = _request(wanted, number, peer)
        hear = partial(_told, wanted, number, _profile_of(peer))
        timeout_us = STREAM_US if wanted.is_stream else ANSWER_US
        questions.append(Question(peer.address, request, hear, timeout_us=timeout_us))
    return tuple(questions)


def _wanted(command: Command, peer: Peer) -> list[_Wanted]:
    if command.verb is Verb.ASK:
        return [_asked(item) for item in command.items]
    if command.verb is Verb.RECALL:
        begin, end = (
            write_digits(at or 0, peer.profile.zone)[:_SECOND_DIGITS]
            # EndTime is that of the last value, ours of what is not wanted any more.
            for at in (command.since, (command.until or 1) - 1)
        )
        data = f"BeginTime={begin};EndTime={end}"
        return [_Wanted(item, _history(item), data, is_stream=True) for item in command.items]
    return _settings(command.values, peer)


def _asked(item: str) -> _Wanted:
    if item in _ASKED:
        return _Wanted(item, _ASKED[item], "")
    name, colon, factor = item.partition(":")
    if colon and name in _ASKED_OF and _is_code(factor):
        return _Wanted(item, _ASKED_OF[name], f"PolId={factor}")
    factor, dot, information = item.partition(".")
    if dot and _is_code(factor) and _is_code(information):
        return _Wanted(item, "3020", f"PolId={factor};InfoId={information}")
    raise unknown_item(item, _GRAMMAR)


def _history(item: str) -> str:
    if item not in _HISTORY:
        raise unknown_item(item, _GRAMMAR)
    return _HISTORY[item]


def _settings(values: Mapping[str, str], peer: Peer) -> list[_Wanted]:
    wanted = []
    both = {"timeout": "OverTime", "retries": "ReCount"}
    given = {name: value for name, value in values.items() if name in both}
    if given and len(given) < len(both):
        message = Both(
            "timeout 与 retries 须一起设（1000：OverTime, ReCount）",
            "timeout and retries are set together (1000: OverTime, ReCount)",
        )
        cure = Both("例如 timeout=10 retries=3", "such as timeout=10 retries=3")
        raise CannotAskError(message, cure)
    if given:
        data = ";".join(f"{both[name]}={_number(name, values[name], 1, 99)}" for name in both)
        wanted.append(_Wanted("timeout", "1000", data))
    wanted += [_setting(name, value, peer) for name, value in values.items() if name not in both]
    return wanted


def _setting(name: str, value: str, peer: Peer) -> _Wanted:
    if name == "time":
        time = write_digits(peer.now, peer.profile.zone)[:_SECOND_DIGITS]
        return _Wanted(name, "1012", f"SystemTime={time}")
    if name == "interval":
        return _Wanted(name, "1062", f"RtdInterval={_number(name, value, 30, 3600)}")
    if name == "min-interval":
        minutes = _number(name, value, 1, 30)
        if minutes not in _MIN_INTERVALS:
            message = Both(f"min-interval 不能是 {minutes} 分钟", f"min-interval is {minutes} min")
            known = ", ".join(map(str, sorted(_MIN_INTERVALS)))
            raise CannotAskError(message, Both(f"可用 {known}", f"allowed are {known}"))
        return _Wanted(name, "1064", f"MinInterval={minutes}")
    word, colon, factor = name.partition(":")
    if colon and word == "sampling" and _is_code(factor):
        return _Wanted(name, "3016", f"PolId={factor};Ctime={_number(name, value, 0, 24)}")
    factor, dot, information = name.partition(".")
    if dot and _is_code(factor) and _is_code(information) and _is_value(value):
        data = f"PolId={factor};InfoId={information};{information}-Info={value}"
        return _Wanted(name, "3021", data)
    message = Both(
        f"{name}={value} 不能在 HJ 212 数采仪上设置",
        f"{name}={value} cannot be set in a logger of HJ 212",
    )
    raise CannotAskError(message, _SETTABLE)


def _is_code(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _is_value(text: str) -> bool:
    return bool(text) and not set(text) & set(";,=&#")


def _number(name: str, text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        message = Both(
            f"{name} 不能是 {text!r}，可用 {least} 至 {most}",
            f"{name} is {text!r}, allowed are {least} to {most}",
        )
        raise CannotAskError(message, _SETTABLE)
    return int(text)


def _request(wanted: _Wanted, number: bytes, peer: Peer) -> bytes:
    """Make the frame of a request, as the logger's own frames say its version and password."""
    said = peer.said
    flag = int(said.get("version", _VERSION_2017)) << VERSION_SHIFT | WANTS_ANSWER
    password = f"PW={said['PW']};" if said.get("PW") else ""
    head = (
        f"ST={said.get('ST', _SYSTEM)};CN={wanted.cn};{password}MN={peer.identity};Flag={flag};"
    ).encode("latin-1")
    segment = b"QN=" + number + b";" + head + CP_BEGIN + wanted.data.encode() + CP_END
    return seal(segment, hj212(segment), peer.profile)


def _profile_of(peer: Peer) -> ProfileOf:
    return lambda _address: peer.profile


def _told(wanted: _Wanted, number: bytes, profile_of: ProfileOf, frame: bytes) -> Answer | None:
    """Return what a frame says to a request."""
    try:
        raw = take_apart(frame)
        plain = raw.segment if raw.is_plain else plain_of(raw, profile_of, None)
    except ProtocolError:
        return None
    head, _, data = plain.partition(CP_BEGIN)
    header = read_header(head)
    pairs = dict(reversed(read_pairs(data.removesuffix(CP_END))[0]))
    is_ours = number in (header.get(b"QN"), pairs.get(b"QN"))
    cn = header.get(b"CN", b"")
    if is_ours and cn == REQUEST_ACK:
        code = pairs.get(b"QnRtn", _DONE)
        is_last = wanted.cn in _GOES_ON
        return _result(code, _REFUSALS, wanted) if is_last or code != _DONE else _GO_ON
    if is_ours and cn == RESULT:
        code = pairs.get(b"ExeRtn", _DONE)
        if code == _NO_DATA:
            return Answer({wanted.name: "没有数据 no data"})
        return _result(code, _FAILURES, wanted)
    if cn != wanted.cn.encode() or not (is_ours or wanted.is_stream):
        return None
    return Answer({} if wanted.is_stream else _values(pairs), is_last=False)


def _result(code: bytes, meanings: Mapping[bytes, str], wanted: _Wanted) -> Answer:
    if code == _DONE:
        return Answer({wanted.name: "done"})
    text = code.decode("latin-1")[:8]
    why = term(meanings.get(code, "未知原因 unknown"))
    refused = Both(f"{wanted.name}：{why.zh}（{text}）", f"{wanted.name}: {why.en} ({text})")
    return Answer(refused=refused)


def _values(pairs: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the data of an answer as texts."""
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in pairs.items()
        if name != b"QN"
    }
