"""What people ask of and set in a meter of DL/T 645 on somebody's line.

    time, 0201FF00, 9010      data items by name, or by 8 (2007) or 4 (1997) hex digits
    set time                  broadcast of the time (08), which nobody answers
    set 04000102=123456       write (14), with the profile's ``password_645`` (8 hex digits)

item ─► Wanted(request) ─► the line ─► frame ─ told ─► Answer
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wattwarden.codecs.dlt645.asking import Answer as Answered
from wattwarden.codecs.dlt645.asking import answer_of, request
from wattwarden.codecs.dlt645.frame import PREAMBLE
from wattwarden.codecs.dlt645.functions import READ, READ_1997, READINGS
from wattwarden.codecs.dlt645.message import encode, read
from wattwarden.protocol.both import Both, term
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.command import (
    HEARD,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Verb,
    items_are,
    unknown_item,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.microseconds import SECOND_US

CLOCK: Final = "time"
ITEMS: Final = {
    CLOCK: ("04000101", "04000102"),
    "voltage": ("0201FF00",),
    "current": ("0202FF00",),
    "power": ("0203FF00",),
    "reactive": ("0204FF00",),
    "power_factor": ("0206FF00",),
    "energy_forward": ("0001FF00",),
    "energy_reverse": ("0002FF00",),
}
"""Names of data items of 2007 that people ask for."""
PASSWORD: Final = "password_645"  # noqa: S105  # the name of the option
_EVERYBODY: Final = "99" * 6
_WRITE: Final = 0x14
_NO_OPERATOR: Final = "00000000"
_GRAMMAR: Final = Both(
    f"{', '.join(ITEMS)}，或 8 位、4 位十六进制数据标识",
    f"{', '.join(ITEMS)}, or a data item of 8 or 4 hex digits",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request; ``item`` is the data item in hex, "" where none is; nobody answers a broadcast.

    ``function`` is what an answer has.
    """

    name: str
    address: str
    request: bytes
    function: int
    item: str = ""
    is_answered: bool = True


def wanted_of(command: Command, peer: Peer) -> list[Wanted]:
    """Return the requests of a command to the meter at ``peer.address``.

    Raises:
        CannotAskError: an item is none, or cannot be set.
    """
    if command.verb is Verb.RECALL:
        message = Both(
            "DL/T 645 表的历史按数据标识问",
            "history of a DL/T 645 meter is asked for by its data items",
        )
        cure = Both("问冻结数据，如 05060101", "ask for those of a freeze, such as 05060101")
        raise CannotAskError(message, cure)
    if command.verb is Verb.ASK:
        codes = [(item, code) for item in command.items for code in ITEMS.get(item, (item,))]
        return [_read(peer.address, item, code.upper()) for item, code in codes]
    return [_set(name, value, peer) for name, value in command.values.items()]


def told(wanted: Wanted, frame: bytes) -> Answer | None:
    """Return what a frame answers, None for one about something else."""
    answer = _answer(wanted, frame)
    if answer is None:
        return None
    try:
        fields = read(frame, default_profile).fields
    except ProtocolError:
        return None
    if answer.err:
        said = fields.get("errors") or (f"错误{answer.err} error {answer.err}",)
        zh, en = (", ".join(texts) for texts in zip(*map(term, said), strict=True))
        return Answer(refused=Both(f"{wanted.name}：{zh}", f"{wanted.name}: {en}"))
    if wanted.function not in READINGS:
        return Answer({wanted.name: "set"})
    name = wanted.name if wanted.name == wanted.item else f"{wanted.name} {wanted.item}"
    return Answer({name: fields.get("value", fields.get("values", fields.get("data")))})


def heard(wanted: Wanted, frame: bytes) -> Answer | None:
    """Return that a frame answers, without what it says; None for one about something else."""
    return None if _answer(wanted, frame) is None else HEARD


def _answer(wanted: Wanted, frame: bytes) -> Answered | None:
    """Return what a frame answers if that is what is wanted."""
    try:
        answer = answer_of(frame)
    except ProtocolError:
        return None
    if answer is None or answer.address != wanted.address or answer.function != wanted.function:
        return None
    is_about = answer.err or wanted.function not in READINGS or answer.item == wanted.item
    return answer if is_about else None


def _read(address: str, name: str, code: str) -> Wanted:
    try:
        raw = request(address, code)
    except ValueError as error:
        raise unknown_item(name, _GRAMMAR) from error
    return Wanted(name, address, raw, READ if len(code) == 8 else READ_1997, code)


def _set(name: str, value: str, peer: Peer) -> Wanted:
    if name == CLOCK:
        moment = datetime.fromtimestamp(peer.now / SECOND_US, UTC).astimezone(peer.profile.zone)
        clock = f"{moment:%Y-%m-%d %H:%M:%S}"
        raw = encode(Message("set_clock", _EVERYBODY, None, {"clock": clock}))
        return Wanted(name, peer.address, PREAMBLE * 4 + raw, 0x08, is_answered=False)
    password = peer.profile.options.get(PASSWORD)
    if password is None:
        message = Both(f"{name}：写 DL/T 645 表须有密码", f"{name}: writing takes its password")
        option = f"wattwarden meters set … --option {PASSWORD}=02123456"
        cure = Both(f"{option}（权限与三字节密码）", f"{option} (level and three bytes)")
        raise CannotAskError(message, cure)
    fields = {
        "di": name.upper(), "password": str(password), "operator": _NO_OPERATOR, "value": value,
    }  # fmt: skip
    try:
        raw = encode(Message("write", peer.address, None, fields))
    except ValueError as error:
        message = Both(f"{name}={value} 不能这样设：{error}", f"{name}={value}: {error}")
        raise CannotAskError(message, items_are(_GRAMMAR)) from error
    return Wanted(name, peer.address, PREAMBLE * 4 + raw, _WRITE)
