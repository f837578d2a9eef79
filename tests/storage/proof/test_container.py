import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from wattwarden.storage.proof import container
from wattwarden.storage.proof.container import ContainerError, packed, unpacked

PARTS = {"b/1.bin": b"x" * 100, "a.json": b"{}", "c.txt": b""}


def test_parts_come_back_as_they_were_and_any_zip_program_reads_them() -> None:
    data = packed(PARTS)

    assert unpacked(data) == PARTS
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == PARTS
        assert archive.testzip() is None
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert packed(dict(reversed(PARTS.items()))) == data


def other_program() -> bytes:
    """The same parts, as Python's own library writes them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(PARTS):
            archive.writestr(name, PARTS[name])
    return file.getvalue()


def bomb() -> bytes:
    """Ten megabytes in ten kilobytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", bytes(10_000_000))
    return file.getvalue()


def with_name(name: bytes) -> bytes:
    """A part whose name is replaced by another of the same length."""
    return packed({"a" * len(name): b"1"}).replace(b"a" * len(name), name)


def twice() -> bytes:
    """The same name in two local headers."""
    data = packed({"a.json": b"1"})
    local = data[: data.index(b"PK\1\2")]
    return local + data


def claims(size: int) -> bytes:
    """A part that says it is of another size."""
    data = bytearray(packed({"a.json": b"1"}))
    struct.pack_into("<II", data, 18, size, size)
    return bytes(data)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (other_program, "not the canonical zip"),
        (bomb, "stored, never compressed"),
        (lambda: with_name(b"../../etc/passwd"), "a part is named like"),
        (lambda: with_name(b"/etc/shadow"), "a part is named like"),
        (lambda: with_name(b"c:\\win.ini"), "a part is named like"),
        (lambda: with_name(b"a/../b"), "a part is named like"),
        (twice, "comes twice"),
        (lambda: claims(2**32 - 1), "the file ends before"),
        (lambda: packed(PARTS) + b"\0", "not the canonical zip"),
        (lambda: b"MZ" + packed(PARTS), "not the canonical zip"),
        (lambda: packed(PARTS)[:-1], "not the canonical zip"),
        (lambda: packed(PARTS)[:20], "ends within a header"),
        (lambda: b"", "not the canonical zip"),
    ],
    ids=[
        "another program's", "bomb", "traversal", "absolute", "drive", "dots", "duplicate",
        "giant number", "tail", "head", "cut", "cut in a header", "nothing",
    ],
)  # fmt: skip
def test_whatever_is_no_canonical_zip_is_refused(made: Callable[[], bytes], says: str) -> None:
    with pytest.raises(ContainerError, match=says):
        unpacked(made())


def test_limits_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(PARTS)
    monkeypatch.setattr(container, "MAX_PARTS", 2)
    with pytest.raises(ContainerError, match="MAX_PARTS"):
        unpacked(data)
    with pytest.raises(ContainerError, match="MAX_PARTS"):
        packed(PARTS)
    monkeypatch.setattr(container, "MAX_PACKAGE_BYTES", 100)
    with pytest.raises(ContainerError, match="MAX_PACKAGE_BYTES"):
        unpacked(data)
    with pytest.raises(ContainerError, match="MAX_PACKAGE_BYTES"):
        packed({"a": bytes(101)})
