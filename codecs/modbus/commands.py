"""What people ask of and set in a Modbus meter, by register or by quantity.

    voltage_a            a quantity of the meter's map        0x0014, 20:3   holding registers
    i:0x0034:2           input registers (function 04)        0x1001=5       set (function 10)

item ─► Wanted(request) ─► the line ─► answer ─ told ─► Answer
"""

from dataclasses import dataclass
from typing import Final

from wattwarden.codecs.modbus.frame import check, seal
from wattwarden.codecs.modbus.functions import EXCEPTIONS, FAILED, READ_HOLDING, READ_INPUT
from wattwarden.codecs.modbus.maps import WORD_BYTES, MeterType, Register
from wattwarden.codecs.modbus.pdu import MOST_REGISTERS, registers_of
from wattwarden.protocol.both import Both, term
from wattwarden.protocol.command import (
    Answer,
    CannotAskError,
    Command,
    Verb,
    items_are,
    unknown_item,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.rtu import WRITE_REGISTERS

INPUT_MARK: Final = "i:"
_MOST_ADDRESS: Final = 0xFFFF
_MOST_WRITTEN: Final = 123
_GRAMMAR: Final = Both(
    "其点表中的量，或寄存器，如 0x0014:3、i:0x34:2",
    "a quantity of its map, or registers such as 0x0014:3 or i:0x34:2",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request, as an RTU frame; ``register`` scales what it brings."""

    name: str
    request: bytes
    register: Register | None = None

    @property
    def alike(self) -> bytes:
        """What answers have in common that cannot be told apart: slave, function and count."""
        return self.request[:2] + self.request[4:6]


def wanted_of(command: Command, slave: int, kind: MeterType | None) -> list[Wanted]:
    """Return the requests of a command to a slave, whose map is ``kind`` if it is known.

    Raises:
        CannotAskError: an item is none, or the past is asked for.
    """
    if command.verb is Verb.RECALL:
        message = Both(
            "Modbus 表不存历史", "a Modbus meter keeps no history that could be recalled"
        )
        raise CannotAskError(message, Both("缺的补不回", "what was missed is missing"))
    if command.verb is Verb.SET:
        return [_written(slave, name, value) for name, value in command.values.items()]
    return [_read(slave, item, kind) for item in command.items]


def is_answer(request: bytes, reply: bytes) -> bool:
    """Whether a sound frame may be the answer to a request, or a refusal of it."""
    asked, said = check(request), check(reply)
    if said.slave != asked.slave:
        return False
    if said.pdu[0] == asked.pdu[0] | FAILED:
        return True
    if said.pdu[0] != asked.pdu[0]:
        return False
    if asked.pdu[0] == WRITE_REGISTERS:
        return said.pdu == asked.pdu[:5]
    count = int.from_bytes(asked.pdu[3:5], "big")
    return len(said.pdu) == 2 + WORD_BYTES * count


def told(wanted: Wanted, reply: bytes) -> Answer | None:
    """Return what an RTU frame answers, None for one about something else."""
    try:
        if not is_answer(wanted.request, reply):
            return None
        said = check(reply)
    except ProtocolError:
        return None
    if said.pdu[0] & FAILED:
        code = said.pdu[1] if len(said.pdu) > 1 else 0
        why = term(EXCEPTIONS.get(code, f"异常{code} exception {code}"))
        return Answer(refused=Both(f"{wanted.name}：{why.zh}", f"{wanted.name}: {why.en}"))
    if said.pdu[0] == WRITE_REGISTERS:
        return Answer({wanted.name: "set"})
    data = said.pdu[2:]
    if wanted.register is None:
        return Answer({wanted.name: registers_of(data)})
    value = float(wanted.register.piece.parse(data)) * wanted.register.scale
    return Answer({wanted.name: value})


def _read(slave: int, item: str, kind: MeterType | None) -> Wanted:
    register = _register(item, kind)
    if register is not None and kind is not None:
        function, start, count = kind.function, register.at, register.end - register.at
    else:
        bare = item.removeprefix(INPUT_MARK)
        function = READ_HOLDING if bare == item else READ_INPUT
        begin, _, size = bare.partition(":")
        start = _number(begin, 0, _MOST_ADDRESS, item)
        count = _number(size or "1", 1, MOST_REGISTERS, item)
    pdu = bytes([function]) + start.to_bytes(2, "big") + count.to_bytes(2, "big")
    return Wanted(item, seal(None, slave, pdu), register)


def _register(item: str, kind: MeterType | None) -> Register | None:
    if kind is None:
        return None
    return next((one for one in kind.registers if one.quantity and one.quantity == item), None)


def _written(slave: int, name: str, value: str) -> Wanted:
    start = _number(name, 0, _MOST_ADDRESS, name)
    words = [_number(word, 0, _MOST_ADDRESS, f"{name}={value}") for word in value.split(",")]
    if len(words) > _MOST_WRITTEN:
        message = Both(
            f"一次 {len(words)} 个寄存器，最多 {_MOST_WRITTEN} 个",
            f"{len(words)} registers at once, at most {_MOST_WRITTEN} can be set",
        )
        raise CannotAskError(message, Both("请分几条命令", "set them in several commands"))
    return Wanted(name, write_registers(slave, start, words))


def write_registers(slave: int, start: int, words: list[int]) -> bytes:
    """Return the RTU frame that sets registers (function 10)."""
    data = b"".join(word.to_bytes(WORD_BYTES, "big") for word in words)
    pdu = bytes([WRITE_REGISTERS]) + start.to_bytes(2, "big") + len(words).to_bytes(2, "big")
    return seal(None, slave, pdu + bytes([len(data)]) + data)


def _number(text: str, least: int, most: int, item: str) -> int:
    try:
        number = int(text, 0)
    except ValueError as error:
        raise unknown_item(item, _GRAMMAR) from error
    if not least <= number <= most:
        message = Both(
            f"{item}：{number} 超出 {least} 至 {most}",
            f"{item}: {number} is not within {least} and {most}",
        )
        raise CannotAskError(message, items_are(_GRAMMAR))
    return number
