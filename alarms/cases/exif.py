"""When a camera says that it took a picture (Exif 2.32: JPEG's APP1, a TIFF within).

    FF D8 │ FF E1 │ length │ "Exif" 0 0 │ TIFF: "II"/"MM" 42 offset ─► IFD0 ─► 8769 ─► 9003, 9011

A camera's clock can be wrong and its file forged; it can prove that a picture is old, never that it
is new.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_APP1: Final = 0xE1
_START_OF_SCAN: Final = 0xDA
_EXIF: Final = b"Exif\x00\x00"
_EXIF_IFD: Final = 0x8769
_TAKEN: Final = 0x9003  # DateTimeOriginal, "2026:11:22 09:30:00"
_OFFSET: Final = 0x9011  # OffsetTimeOriginal, "+08:00"
_ASCII: Final = 2
_LONG: Final = 4
# The largest IFD of common cameras has some sixty entries.
MAX_ENTRIES: Final = 1_000
# Longer texts are none of the two that are read.
MAX_TEXT_BYTES: Final = 64


def taken_at(data: bytes, zone: tzinfo) -> datetime | None:
    """Return when a JPEG was taken, in UTC; None where it does not say.

    Args:
        data: The file; whatever it holds, nothing is raised.
        zone: Of the camera, where it does not name one.
    """
    tiff = next(_tiffs(data), None)
    if tiff is None:
        return None
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}4xI", tiff)
        (inner,) = _values(tiff, order, first, _EXIF_IFD) or (None,)
        if not isinstance(inner, int):
            return None
        (said,) = _values(tiff, order, inner, _TAKEN) or ("",)
        (offset,) = _values(tiff, order, inner, _OFFSET) or ("",)
    except struct.error:
        # It points beyond its own end.
        return None
    return _moment(str(said), str(offset), zone)


def _tiffs(data: bytes) -> Iterator[bytes]:
    """Yield the TIFFs in a JPEG's segments before its picture."""
    at = 2
    if data[:2] != b"\xff\xd8":
        return
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _START_OF_SCAN:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        if data[at + 1] == _APP1 and segment.startswith(_EXIF):
            yield segment[len(_EXIF) :]
        # A length counts itself: less than 2 would stand still.
        at += 2 + max(length, 2)


def _values(tiff: bytes, order: str, offset: int, wanted: int) -> tuple[int | str, ...]:
    """Return a tag's value in an IFD, () where it is not there; struct.error beyond the end."""
    (count,) = struct.unpack_from(f"{order}H", tiff, offset)
    for entry in range(min(count, MAX_ENTRIES)):
        at = offset + 2 + 12 * entry
        tag, kind, size, value = struct.unpack_from(f"{order}HHII", tiff, at)
        if tag != wanted:
            continue
        if kind == _LONG:
            return (value,)
        if kind == _ASCII and size <= MAX_TEXT_BYTES:
            start = value if size > 4 else at + 8
            text = tiff[start : start + size]
            return (text.split(b"\x00")[0].decode("ascii", "replace"),)
    return ()


def _moment(said: str, offset: str, zone: tzinfo) -> datetime | None:
    try:
        # The camera's zone is added below.
        naive = datetime.strptime(said, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  # EXIF has none
        return naive.replace(tzinfo=_zone(offset) or zone).astimezone(UTC)
    except (ValueError, OverflowError):
        # A clock that was never set says 0000:00:00.
        return None


def _zone(offset: str) -> timezone | None:
    if len(offset) != 6 or offset[0] not in "+-":
        return None
    try:
        span = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
        return timezone(span if offset[0] == "+" else -span)
    except ValueError:
        return None
