import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.storage.meter_secrets import secret_file

from wattwarden.storage.meter_secrets import MAX_PASSWORD_BYTES, read_key, read_password

KEY = bytes(range(16))

Read = Callable[[Path, str], bytes]


@pytest.mark.parametrize(
    "content",
    [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n", KEY.hex(" ").encode() + b"\r\n"],
    ids=["raw", "hex", "capitals and a line feed", "blanks between"],
)
def test_a_key_is_16_bytes_or_their_hex_digits(tmp_path: Path, content: bytes) -> None:
    secret_file(tmp_path, "m1.key", content)
    assert read_key(tmp_path, "m1.key") == KEY


def test_a_key_of_16_letters_may_end_with_a_line_feed(tmp_path: Path) -> None:
    secret_file(tmp_path, "m1", b"1234567890123456\n")
    assert read_key(tmp_path, "m1") == b"1234567890123456"


@pytest.mark.parametrize(
    ("read", "content", "mode", "message"),
    [
        (read_key, b"short", 0o600, "holds 5 bytes: a key is 16 bytes or 32 hex digits"),
        (read_key, KEY.hex().encode()[:-2], 0o600, "holds 30 bytes"),
        (read_key, KEY, 0o644, "is open to others: chmod 600"),
        (read_key, KEY, 0o640, "is open to others: chmod 600"),
        (read_password, b"\n", 0o600, "holds 0 bytes, not 1 to 64"),
        (read_password, b"1" * (MAX_PASSWORD_BYTES + 1), 0o600, "holds 65 bytes, not 1 to 64"),
        (read_password, b"482915", 0o640, "is open to others: chmod 600"),
    ],
    ids=[
        "short key",
        "hex too short",
        "key open to all",
        "key open to the group",
        "empty password",
        "long password",
        "password open to the group",
    ],
)
def test_a_file_that_is_no_safe_secret_is_refused_with_the_cure_and_not_shown(
    tmp_path: Path, read: Read, content: bytes, mode: int, message: str
) -> None:
    secret_file(tmp_path, "m1", content, mode)
    with pytest.raises(ValueError, match=message) as refusal:
        read(tmp_path, "m1")
    assert "482915" not in str(refusal.value)


def test_a_missing_key_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file or directory; put the key there, mode 0600"):
        read_key(tmp_path, "m1")


@pytest.mark.parametrize("name", ["../m1", ".m1", "a/b", "", "x" * 65])
def test_a_key_lies_in_the_secrets_folder_and_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a key file"):
        read_key(tmp_path / "secrets", name)


def test_a_password_is_what_stands_between_blanks(tmp_path: Path) -> None:
    secret_file(tmp_path, "pw", b" 482915 \n")
    assert read_password(tmp_path, "pw") == b"482915"


@pytest.mark.parametrize("read", [read_key, read_password])
def test_a_shortage_says_nothing_of_a_secret(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    secret_file(tmp_path, "m1", KEY)
    monkeypatch.setattr(Path, "read_bytes", short)
    with pytest.raises(OSError, match="Too many open files"):
        read(tmp_path, "m1")
