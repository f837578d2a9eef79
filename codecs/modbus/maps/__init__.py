"""What the registers of meters hold: a file of data for each type of meter.

A map names the function that reads its registers, how many one request may ask for, and each
register: address, type, scale, quantity, Chinese, English.  A scale is how many of the quantity's
unit one count is; a register without a quantity is shown and gives no reading.  Types: u16 s16 u32
s32 u64 i64 f32, high word first; with ``r`` behind it, low word first.  Adding a type is adding a
file.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import construct as cs

SUFFIX: Final = ".toml"
WORD_BYTES: Final = 2
# Registers between two that are wanted are read along up to here: a request costs more.
MOST_GAP: Final = 16


def _low_word_first(piece: Any) -> Any:
    """Swap the words of a number: its bytes within a word stay, high first."""
    size = int(piece.sizeof())

    def swap(raw: bytes) -> bytes:
        return b"".join(raw[at : at + WORD_BYTES] for at in range(size - 2, -1, -WORD_BYTES))

    return cs.Transformed(piece, swap, size, swap, size)


TYPES: Final[dict[str, Any]] = {
    "u16": cs.Int16ub, "s16": cs.Int16sb, "u32": cs.Int32ub, "s32": cs.Int32sb,
    "u64": cs.Int64ub, "i64": cs.Int64sb, "f32": cs.Float32b,
    "u32r": _low_word_first(cs.Int32ub), "s32r": _low_word_first(cs.Int32sb),
    "f32r": _low_word_first(cs.Float32b),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a meter.

    ``quantity`` is ours, "" for none; ``scale`` brings it to our unit; ``piece`` reads and writes
    its bytes; ``end`` is the register that follows.
    """

    at: int
    end: int
    piece: Any
    scale: float
    quantity: str
    zh: str
    en: str

    @classmethod
    def of(cls, at: int, kind: str, scale: float, quantity: str, zh: str, en: str) -> "Register":
        """Make a register of a line of a map."""
        piece = TYPES[kind]
        words = int(piece.sizeof()) // WORD_BYTES
        return cls(at, at + words, piece, float(scale), quantity, zh, en)

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return isinstance(self.piece.parse(bytes(WORD_BYTES * (self.end - self.at))), int)


@dataclass(frozen=True, slots=True, eq=False)
class MeterType:
    """The registers of a type of meter, in order of address; ``function`` reads them.

    ``blocks`` are the (start, count) that read every register with a quantity, as few as may be.
    """

    name: str
    title: str
    function: int
    most_registers: int
    registers: tuple[Register, ...]
    blocks: tuple[tuple[int, int], ...]

    def within(self, start: int, count: int) -> tuple[Register, ...]:
        """Return the registers that lie wholly in a stretch."""
        return tuple(one for one in self.registers if start <= one.at and one.end <= start + count)


@cache
def type_names() -> tuple[str, ...]:
    """Return the names of all types of meters that are known."""
    found = (path.name for path in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


@cache
def find_type(name: str) -> MeterType | None:
    """Return a type of meter by its name, None for one that is unknown."""
    if name not in type_names():
        return None
    text = files(__name__).joinpath(name + SUFFIX).read_text(encoding="utf-8")
    table = tomllib.loads(text)
    most = table["most_registers"]
    registers = sorted((Register.of(*row) for row in table["registers"]), key=lambda one: one.at)
    blocks = _blocks(registers, most)
    return MeterType(name, table["title"], table["function"], most, tuple(registers), blocks)


def _blocks(registers: list[Register], most: int) -> tuple[tuple[int, int], ...]:
    blocks: list[tuple[int, int]] = []
    for register in registers:
        if not register.quantity:
            continue
        if blocks:
            start, count = blocks[-1]
            reach = register.end - start
            if register.at - start - count <= MOST_GAP and reach <= most:
                blocks[-1] = (start, max(count, reach))
                continue
        blocks.append((register.at, register.end - register.at))
    return tuple(blocks)
