"""The header of a segment: ``QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;][RF=1;]``.

bytes ─ read_header ─► fields;  header without its QN ─ facts_of ─► Facts, remembered
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from wattwarden.codecs.tables import Command, read_commands, read_terms
from wattwarden.protocol.errors import ProtocolError, Refusal

HEAD_BYTES: Final = 6  # ## and the length
CP_BEGIN: Final = b"CP=&&"
CP_END: Final = b"&&"
CN_BYTES: Final = 4
MAX_MN_BYTES: Final = 32  # 24 in the standard, 27 seen
MAX_PART_DIGITS: Final = 6  # the width of PNUM in the 2025 standard

WANTS_ANSWER: Final = 1
IS_SPLIT: Final = 2
VERSION_SHIFT: Final = 2
VERSION_2025: Final = 2
YEARS: Final = {0: "2005", 1: "2017", VERSION_2025: "2025"}
# Never with what the frame holds: messages are shown to people.
WRONG_PASSWORD: Final = "the password (PW) is not the meter's"  # noqa: S105  what is said of one
FIELD_ORDER: Final = ("QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "RF")

COMMANDS: Final[Mapping[bytes, Command]] = read_commands("hj212_commands")
CN_OF_KIND: Final = {command.kind: cn.decode() for cn, command in COMMANDS.items()}
OTHER: Final = Command("other", "", "", "其他命令 a command that is not in the table")
TERMS: Final[Mapping[tuple[str, str], str]] = read_terms("hj212_terms")

NUMBER_BYTES: Final = 21  # QN=, 17 digits, ;
_LEAST_NUMBER: Final = np.frombuffer(b"QN=" + b"0" * 17 + b";", np.uint8)
_MOST_NUMBER: Final = np.frombuffer(b"QN=" + b"9" * 17 + b";", np.uint8)

Header = dict[bytes, bytes]


def read_header(raw: bytes) -> Header:
    """Read the fields before CP.  A comma between them is a misprint that became practice."""
    items = raw.replace(b",", b";").strip(b";").split(b";")
    try:
        fields = dict([item.split(b"=") for item in items])
    except ValueError:
        fields = {}
    if len(fields) != len(items):  # not name=value throughout, or a name twice: the first counts
        fields = {}
        for item in items:
            name, _, value = item.partition(b"=")
            fields.setdefault(name, value)
    return fields


def flag_of(header: Header) -> int:
    """Return the Flag, 0 for none."""
    raw = header.get(b"Flag", b"").strip()
    return int(raw) if raw.isdigit() and len(raw) <= 3 else 0


def version_of(header: Header) -> int:
    """Return the version that the Flag states: 0 for 2005, 1 for 2017, 2 for 2025."""
    return flag_of(header) >> VERSION_SHIFT


def address_of(header: Header) -> str | None:
    """Return the address of the meter, None when there is none.  Raises ProtocolError."""
    raw = header.get(b"MN", b"").strip()
    if not raw:
        return None
    text = raw.decode("latin-1")
    if len(raw) > MAX_MN_BYTES or not raw.isascii() or not text.isprintable() or " " in text:
        raise ProtocolError(
            Refusal.DECODE,
            f"MN is at most {MAX_MN_BYTES} printable ASCII characters, got {text[:40]!r}",
        )
    return text


def part_of(header: Header) -> tuple[int, int] | None:
    """Return which part of how many a frame is."""
    number, count = header.get(b"PNO", b"").strip(), header.get(b"PNUM", b"").strip()
    if not (number.isdigit() and count.isdigit() and len(number + count) <= 2 * MAX_PART_DIGITS):
        return None
    part = (int(number), int(count))
    return part if 1 <= part[0] <= part[1] else None


def command_of(header: Header) -> Command:
    """Return the command that the CN names, ``OTHER`` when it is in no table."""
    return COMMANDS.get(header.get(b"CN", b""), OTHER)


def answer_to(header: Header, cn: bytes, data: bytes) -> bytes:
    """Make the segment that answers a frame, under its number, password and meter."""
    fields = [name + b"=" + header[name] for name in (b"QN", b"PW", b"MN") if name in header]
    fields.insert(b"QN" in header, b"ST=91;CN=" + cn)
    flag = version_of(header) << VERSION_SHIFT
    return b"%b;Flag=%d;CP=&&%b&&" % (b";".join(fields), flag, data)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a header without its QN says.

    ``refused`` tells what is wrong with its MN; ``answer`` is the segment of the 9014 it wants, but
    for its number and data, b"" for none;
    ``may_be_sealed`` whether its version knows encryption; ``password`` is its PW, b"" for none;
    ``is_usual`` whether it is an upload that names its meter and is no part of a packet.
    """

    command: Command
    address: str | None
    refused: str
    repeated: bool
    part: tuple[int, int] | None
    answer: bytes
    may_be_sealed: bool
    password: bytes
    is_usual: bool


def number_and_rest(head: bytes) -> tuple[bytes, bytes]:
    """Part a QN of 17 digits, with its separator, from a header that begins with it."""
    if head.startswith(b"QN=") and head[20:21] == b";" and head[3:20].isdigit():
        return head[:21], head[21:]
    return b"", head


def numbers_and_rests(heads: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Part numbers from many headers, as ``number_and_rest`` does from one."""
    numbers = [head[:NUMBER_BYTES] for head in heads]
    joined = b"".join(numbers)
    if len(joined) == NUMBER_BYTES * len(heads):
        letters = np.frombuffer(joined, np.uint8).reshape(-1, NUMBER_BYTES)
        if ((letters >= _LEAST_NUMBER) & (letters <= _MOST_NUMBER)).all():
            return numbers, [head[NUMBER_BYTES:] for head in heads]
    parted = list(map(number_and_rest, heads))
    return [number for number, _ in parted], [rest for _, rest in parted]


# But for its QN a meter's header is always the same; 400 bytes each, enough for a city's meters.
@lru_cache(maxsize=32_768)
def facts_of(rest: bytes) -> Facts:
    """Read a header from behind its QN."""
    header = read_header(rest)
    command = command_of(header)
    address, refused = None, ""
    try:
        address = address_of(header)
    except ProtocolError as error:
        refused = error.message
    part = part_of(header)
    wanted = command.reply == "data" and flag_of(header) & WANTS_ANSWER
    return Facts(
        command=command,
        address=address,
        refused=refused,
        repeated=header.get(b"RF") == b"1",
        part=part,
        answer=answer_to(header, b"9014", b"") if wanted else b"",
        may_be_sealed=version_of(header) >= VERSION_2025,
        password=header.get(b"PW", b""),
        is_usual=bool(command.period and address) and (part is None or part[1] == 1),
    )
