"""Lines are read within bounds, and say where they are wrong."""

import io
import sys
from pathlib import Path

import pytest

from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.storage import meter_secrets
from wattwarden.tools import lines
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.lines import numbered_lines, opened, parse_key, payload

KEY = "000102030405060708090a0b0c0d0e0f"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"7b7b", b"{{"),
        (b"7B 7b", b"{{"),
        (b"7b:7b-84\t91", b"{{\x84\x91"),
        (b'{"body": 1}', b'{"body": 1}'),
        (b"##0087QN=1", b"##0087QN=1"),
    ],
    ids=["hex", "spaces", "separators", "JSON", "text"],
)
def test_a_line_stands_for_bytes(line: bytes, expected: bytes) -> None:
    assert payload(line) == expected


@pytest.mark.parametrize(
    ("line", "offset"), [(b"7b7bzz", 2), (b"7b 7", 1), (b"7b7b7", 2), (b"7bx", 1)]
)
def test_a_line_that_is_not_hex_says_after_how_many_bytes(line: bytes, offset: int) -> None:
    with pytest.raises(ProtocolError, match=r"two of 0-9|lacks one") as caught:
        payload(line)
    assert (caught.value.kind, caught.value.offset) == (Refusal.UNKNOWN, offset)


def test_lines_are_numbered_and_blank_ones_passed_over() -> None:
    file = io.BytesIO(b"aa\n\n  bb \r\ncc")
    assert list(numbered_lines(file)) == [(1, b"aa"), (3, b"bb"), (4, b"cc")]


def test_a_line_beyond_the_bound_is_none_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 4)
    seen: list[int] = []
    file = io.BytesIO(b"aaaa" * 5 + b"\nbb\n")
    assert list(numbered_lines(file, seen.append)) == [(1, None), (2, b"bb")]
    assert sum(seen) == 24


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match="No such file"),
        opened(str(tmp_path / "absent")),
    ):
        pass


def test_what_looks_like_an_option_is_no_file() -> None:
    with pytest.raises(UsageError, match="no option --josn"), opened("--josn"):
        pass


def test_a_hyphen_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"aa")))
    with opened("-") as file:
        assert file.read() == b"aa"


def test_a_key_is_read_and_its_meter_may_contain_equals_signs() -> None:
    assert parse_key(f"A=B={KEY}") == ("A=B", bytes.fromhex(KEY))


def test_a_key_is_as_long_as_the_store_wants_it() -> None:
    assert lines.KEY_BYTES == meter_secrets.KEY_BYTES


@pytest.mark.parametrize(
    "text", ["", "A", "A=", f"={KEY}", "A=xyz", "A=0", f"A={KEY}00", f"A={KEY[2:]}", "A=0011"]
)
def test_a_key_of_another_form_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_key(text)
    assert "xyz" not in caught.value.message
    assert KEY[2:] not in caught.value.message
    assert caught.value.cure == "write --key MN=HEX, 32 hex digits"
