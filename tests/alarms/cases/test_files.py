"""Files: what they are by their bytes, and when a camera says that it took them."""

import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alarms.cases.photo import photo

from wattwarden.alarms.cases.exif import taken_at
from wattwarden.alarms.cases.media import media_of

SHANGHAI = timezone(timedelta(hours=8))
TAKEN = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04....", "application/zip"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"RIFF\x00\x00\x00\x00AVI ", "video/x-msvideo"),
        (b"RIFF\x00\x00\x00\x00????", None),
        (b"<html><script>", None),
        (b"MZ\x90\x00", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_file_is_what_its_first_bytes_say(data: bytes, media: str | None) -> None:
    assert media_of(data) == media


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(
    ("said", "offset", "at"),
    [
        ("2026:11:22 09:30:00", "", TAKEN),
        ("2026:11:22 01:30:00", "+00:00", TAKEN),
        ("2026:11:21 20:30:00", "-05:00", TAKEN),
        ("2026:11:22 09:30:00", "nonsense", TAKEN),
        ("2026:11:22 09:30:00", "+9x:00", TAKEN),
        ("0000:00:00 00:00:00", "", None),
        ("    :  :     :  :  ", "", None),
    ],
    ids=["local", "utc", "west", "no-zone", "odd-zone", "never-set", "blank"],
)
def test_a_camera_s_time_is_read(said: str, offset: str, at: datetime | None, order: str) -> None:
    assert taken_at(photo(said, offset, order), SHANGHAI) == at


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\x89PNG",
        b"\xff\xd8\xff\xe1\x00\x02",
        b"\xff\xd8\xff\xe0\x00\x00\xff\xda",
    ],
    ids=["empty", "bare", "other", "no-exif", "no-length"],
)
def test_a_file_that_does_not_say_has_no_time(data: bytes) -> None:
    assert taken_at(data, SHANGHAI) is None


@pytest.mark.parametrize("keep", range(14, 110, 3))
def test_a_photo_cut_short_has_no_time_or_the_right_one(keep: int) -> None:
    data = photo("2026:11:22 09:30:00", "+08:00")[:keep]
    assert taken_at(data, SHANGHAI) in (None, TAKEN)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 190))
def test_no_photo_however_broken_is_an_error(noise: bytes, at: int) -> None:
    whole = bytearray(photo("2026:11:22 09:30:00", "+08:00"))
    whole[20 + at % 100 : 20 + at % 100 + len(noise)] = noise
    found = taken_at(bytes(whole), SHANGHAI)
    assert found is None or found.tzinfo is UTC


def test_an_offset_beyond_the_file_is_no_time() -> None:
    tiff = b"II*\x00" + struct.pack("<I", 2**32 - 1)
    exif = b"Exif\x00\x00" + tiff
    data = b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    assert taken_at(data, SHANGHAI) is None
