"""What each stretch of a frame is, for people."""

from collections.abc import Iterator

from wattwarden.codecs.hj212.cipher import is_sealed
from wattwarden.codecs.hj212.frame import CRC_BYTES, HEAD, HEX_DIGITS, measure
from wattwarden.codecs.hj212.header import (
    COMMANDS,
    CP_BEGIN,
    CP_END,
    HEAD_BYTES,
    IS_SPLIT,
    OTHER,
    TERMS,
    VERSION_SHIFT,
    WANTS_ANSWER,
    YEARS,
    flag_of,
)
from wattwarden.codecs.hj212.plan import TEXTS
from wattwarden.codecs.tables import find_factor, read_factors
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import Field
from wattwarden.protocol.pairs import charset_of, split


def explain(frame: bytes, request: bytes | None) -> tuple[Field, ...]:  # noqa: ARG001  # the seam's
    """Say what each stretch of a frame is, of a broken one as far as it goes.

    The stretches, one behind the other, are the frame.
    """
    end = _segment_end(frame)
    head_end = frame.find(CP_BEGIN, HEAD_BYTES, end)
    head_end = end if head_end < 0 else head_end
    data_begin = min(head_end + len(CP_BEGIN), end)
    data_end = end - len(CP_END) if frame[data_begin:end].endswith(CP_END) else end
    cipher = is_sealed(frame[HEAD_BYTES:end])
    data = frame[data_begin:data_end]
    shown = (
        [Field(data_begin, data, "密文 ciphertext", f"encrypted, {len(data)} bytes")]
        if cipher
        else _explain_data(frame, data_begin, data_end)
    )
    fields = (
        Field(0, frame[:2], "包头 head", "" if frame[:2] == HEAD else "! not ##"),
        Field(2, frame[2:HEAD_BYTES], "长度 length", _explain_length(frame, end), "B"),
        *_explain_head(frame, head_end),
        Field(head_end, frame[head_end:data_begin], f"CP {TERMS['field', 'CP']}"),
        *shown,
        Field(data_end, frame[data_end:end], "CP end"),
        Field(end, frame[end : end + CRC_BYTES], "校验 checksum", _explain_crc(frame, end)),
        Field(end + CRC_BYTES, frame[end + CRC_BYTES :], "包尾 tail"),
    )
    return tuple(field for field in fields if field.raw)


def _segment_end(frame: bytes) -> int:
    """Return where the segment ends: by its length, or at the last && of a broken frame."""
    size = measure(frame, 0)
    if 0 < size <= len(frame):
        return size - CRC_BYTES
    last = frame.rfind(CP_END, HEAD_BYTES)
    return last + len(CP_END) if last >= 0 else max(len(frame), HEAD_BYTES)


def _explain_length(frame: bytes, end: int) -> str:
    digits = frame[2:HEAD_BYTES]
    if not digits.isdigit():
        return "! four digits are due"
    found = max(min(end, len(frame)) - HEAD_BYTES, 0)
    return str(int(digits)) if int(digits) == found else f"! says {int(digits)}, found {found}"


def _explain_crc(frame: bytes, end: int) -> str:
    crc = frame[end : end + CRC_BYTES]
    if len(crc) < CRC_BYTES or not HEX_DIGITS.issuperset(crc):
        return "! four hex digits are due"
    segment = frame[HEAD_BYTES:end]
    computed = hj212(segment)
    if computed == int(crc, 16):
        return "fits"
    return "of the plain text" if is_sealed(segment) else f"! computed {computed:04X}"


def _items(frame: bytes, begin: int, items: list[bytes]) -> Iterator[tuple[int, bytes, str, str]]:
    """Yield offset, bytes with separator, name and value of items that follow each other."""
    at = begin
    for item in items:
        name, _, value = item.decode(charset_of(item)).partition("=")
        yield at, frame[at : at + len(item) + 1], name, value
        at += len(item) + 1


def _explain_head(frame: bytes, end: int) -> Iterator[Field]:
    items = frame[HEAD_BYTES:end].replace(b",", b";").split(b";")
    for at, raw, name, value in _items(frame[:end], HEAD_BYTES, items):
        meaning = ""
        if name == "CN":
            meaning = COMMANDS.get(value.encode(), OTHER).name
        elif name == "ST":
            meaning = TERMS.get(("system", value), "")
        elif name == "Flag":
            meaning = _flag_meaning(flag_of({b"Flag": value.encode()}))
        label = f"{name} {TERMS.get(('field', name), '')}"
        yield Field(at, raw, label.strip(), f"{value} {meaning}".strip())


def _flag_meaning(flag: int) -> str:
    version = YEARS.get(flag >> VERSION_SHIFT, "unknown version")
    answer = "answer wanted" if flag & WANTS_ANSWER else "no answer wanted"
    return f"{version}, {answer}" + (", split packet" if flag & IS_SPLIT else "")


def _explain_data(frame: bytes, begin: int, end: int) -> Iterator[Field]:
    for at, raw, name, value in _items(frame[:end], begin, split(frame[begin:end])):
        code, _, statistic = name.rpartition("-")
        factor = find_factor(read_factors("hj212_factors"), code)
        called = f"{factor.name_zh} {factor.name_en}" if factor is not None else ""
        term = TERMS.get(("statistic", statistic) if code else ("parameter", name), "")
        meaning = TERMS.get(("flag", value), "") if statistic == "Flag" else ""
        unit = factor.unit if factor is not None and statistic not in TEXTS else ""
        label = " ".join(part for part in (name, called, term) if part)
        yield Field(at, raw, label, f"{value} {meaning}".strip(), unit)
