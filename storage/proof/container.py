"""Canonical zip files: the same parts always give the same bytes, and nothing else is read.

    (local header, name, data)…  (central header, name)…  end

Names are sorted, data are stored as they are, and every other field has one value, so that whoever
has the parts has the file: reading rebuilds it and compares.  No compression: what a library
makes of the same input changes with its version, and nothing can unfold into more than it is.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Final

# A month of a line's meters at a frame a minute is some 100 MB.
MAX_PACKAGE_BYTES: Final = 1024**3
# A file a sender and day: a firm of a hundred meters, two months.
MAX_PARTS: Final = 20_000
MAX_NAME_LETTERS: Final = 120

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_VERSION: Final = 20
# The first moment that a zip can name: a file is not what its clock says.
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1


class ContainerError(ValueError):
    """Bytes are no canonical zip, or more than is read; says which, with the limit's name."""


def packed(parts: Mapping[str, bytes]) -> bytes:
    """Return the file that holds these parts.

    Raises:
        ContainerError: A name is none that is read, or it is too much.
    """
    if len(parts) > MAX_PARTS:
        message = f"{len(parts)} parts, MAX_PARTS is {MAX_PARTS}"
        raise ContainerError(message)
    pieces: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name in sorted(parts):
        _check_name(name)
        data, raw = parts[name], name.encode("ascii")
        fields = (_VERSION, 0, 0, _TIME, _DATE, zlib.crc32(data), len(data), len(data), len(raw))
        local = _LOCAL.pack(b"PK\3\4", *fields, 0) + raw
        directory.append(_CENTRAL.pack(b"PK\1\2", _VERSION, *fields, 0, 0, 0, 0, 0, offset) + raw)
        pieces += (local, data)
        offset += len(local) + len(data)
        if offset > MAX_PACKAGE_BYTES:
            message = f"more than MAX_PACKAGE_BYTES, {MAX_PACKAGE_BYTES}"
            raise ContainerError(message)
    size = sum(map(len, directory))
    count = len(directory)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)
    return b"".join([*pieces, *directory, end])


def unpacked(data: bytes) -> dict[str, bytes]:
    """Return the parts of a file, after comparing it with what they would be packed into.

    Raises:
        ContainerError: It is not the canonical file of its parts, or too much.
    """
    if len(data) > MAX_PACKAGE_BYTES:
        message = f"{len(data)} bytes, MAX_PACKAGE_BYTES is {MAX_PACKAGE_BYTES}"
        raise ContainerError(message)
    parts: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\3\4":
        at = _take(data, at, parts)
        if len(parts) > MAX_PARTS:
            message = f"more than MAX_PARTS, {MAX_PARTS}"
            raise ContainerError(message)
    if packed(parts) != data:
        raise ContainerError("the file is not the canonical zip of its parts")
    return parts


def _take(data: bytes, at: int, parts: dict[str, bytes]) -> int:
    """Read the part that begins at a place; return where the next one does."""
    if len(data) < at + _LOCAL.size:
        raise ContainerError("the file ends within a header")
    fields: tuple[int, ...] = _LOCAL.unpack_from(data, at)
    method, size, length = fields[3], fields[7], fields[9]
    if method:
        message = f"method {method}: parts are stored, never compressed"
        raise ContainerError(message)
    start = at + _LOCAL.size + length
    if length > MAX_NAME_LETTERS or start + size > len(data):
        message = f"a part of {size} bytes, a name of {length}: the file ends before"
        raise ContainerError(message)
    name = data[at + _LOCAL.size : start].decode("latin-1")
    _check_name(name)
    if parts and name <= next(reversed(parts)):
        message = f"{name} comes twice, or out of order"
        raise ContainerError(message)
    parts[name] = data[start : start + size]
    return start + size


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_LETTERS or not _NAME.fullmatch(name):
        message = f"a part is named like frames/2026-11-22/0001.bin, got {name[:80]!a}"
        raise ContainerError(message)
