from pathlib import Path

import pytest
from tests.storage.meter_secrets import key_file

from wattwarden.storage.meter_secrets import read_key

KEY = bytes(range(16))


@pytest.mark.parametrize(
    "content",
    [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n", KEY.hex(" ").encode() + b"\r\n"],
    ids=["raw", "hex", "capitals and a line feed", "blanks between"],
)
def test_a_key_is_16_bytes_or_their_hex_digits(tmp_path: Path, content: bytes) -> None:
    key_file(tmp_path, "m1.key", content)
    assert read_key(tmp_path, "m1.key") == KEY


def test_a_key_of_16_letters_may_end_with_a_line_feed(tmp_path: Path) -> None:
    key_file(tmp_path, "m1", b"1234567890123456\n")
    assert read_key(tmp_path, "m1") == b"1234567890123456"


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"short", 0o600, "holds 5 bytes: a key is 16 bytes or 32 hex digits"),
        (KEY.hex().encode()[:-2], 0o600, "holds 30 bytes"),
        (KEY, 0o644, "is open to others: chmod 600"),
        (KEY, 0o640, "is open to others: chmod 600"),
    ],
    ids=["short", "hex too short", "open to all", "open to the group"],
)
def test_a_file_that_is_no_safe_key_is_refused_with_the_cure(
    tmp_path: Path, content: bytes, mode: int, message: str
) -> None:
    key_file(tmp_path, "m1", content, mode)
    with pytest.raises(ValueError, match=message):
        read_key(tmp_path, "m1")


def test_a_missing_key_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file or directory; put the key there, mode 0600"):
        read_key(tmp_path, "m1")


@pytest.mark.parametrize("name", ["../m1", ".m1", "a/b", "", "x" * 65])
def test_a_key_lies_in_the_secrets_folder_and_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a key file"):
        read_key(tmp_path / "secrets", name)
