import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.storage.proof.scene import WHEN

from wattwarden.storage.errors import StorageError
from wattwarden.storage.proof.keys import (
    FILE,
    KeyChainError,
    KeyRecord,
    check_chain,
    fingerprint,
    is_signed,
    open_signer,
    rotate,
)


def test_the_first_key_is_made_once_and_is_open_to_its_owner_alone(secrets: Path) -> None:
    signer = open_signer(secrets, WHEN)

    assert open_signer(secrets, WHEN).keys == signer.keys
    assert (secrets / FILE).stat().st_mode & 0o777 == 0o600
    assert [one.name for one in secrets.iterdir()] == [FILE]
    assert len(fingerprint(signer.public).replace(" ", "")) == 32


def test_a_signature_holds_for_its_key_its_purpose_and_its_data(secrets: Path) -> None:
    signer = open_signer(secrets, WHEN)
    signature = signer.sign(b"root", b"data")

    assert is_signed(signer.public, b"root", b"data", signature)
    assert not is_signed(signer.public, b"package", b"data", signature)
    assert not is_signed(signer.public, b"root", b"date", signature)
    assert not is_signed("00" * 32, b"root", b"data", signature)
    assert not is_signed("no key", b"root", b"data", "no signature")


def test_each_key_is_vouched_for_by_the_one_before(secrets: Path) -> None:
    first = open_signer(secrets, WHEN)
    rotate(secrets, WHEN)
    third = rotate(secrets, WHEN)

    assert third.keys[0].public == first.public
    assert len({one.public for one in third.keys}) == 3
    check_chain(third.keys)
    assert open_signer(secrets, WHEN).keys == third.keys
    assert first.private.private_bytes_raw().hex() not in (secrets / FILE).read_text()


def _foreign(keys: tuple[KeyRecord, ...]) -> list[KeyRecord]:
    return [keys[0], msgspec.structs.replace(keys[1], public=keys[0].public)]


@pytest.mark.parametrize(
    "broken",
    [
        _foreign,
        lambda keys: [keys[1]],
        lambda keys: [keys[0], msgspec.structs.replace(keys[1], signature="00" * 64)],
        lambda _: [],
        lambda keys: [keys[0]] * 101,
    ],
    ids=["another key", "without the first", "another signature", "none", "too many"],
)
def test_a_key_that_nobody_vouches_for_breaks_the_chain(
    secrets: Path, broken: Callable[[tuple[KeyRecord, ...]], list[KeyRecord]]
) -> None:
    open_signer(secrets, WHEN)
    with pytest.raises(KeyChainError):
        check_chain(broken(rotate(secrets, WHEN).keys))


@pytest.mark.parametrize(
    ("mischief", "says"),
    [
        (lambda path: path.chmod(0o644), "open to others"),
        (lambda path: path.write_text("{}"), "backup"),
        (lambda path: path.write_text(_without_private(path)), "another's"),
    ],
    ids=["open to others", "damaged", "another private key"],
)
def test_a_key_that_cannot_be_used_is_refused_with_the_cure(
    secrets: Path, mischief: Callable[[Path], object], says: str
) -> None:
    open_signer(secrets, WHEN)
    mischief(secrets / FILE)
    with pytest.raises(StorageError, match=says):
        open_signer(secrets, WHEN)


def test_without_a_folder_there_is_no_key(secrets: Path) -> None:
    with pytest.raises(StorageError, match="run as the user"):
        open_signer(secrets / "none", WHEN)


def _without_private(path: Path) -> str:
    return json.dumps(json.loads(path.read_text()) | {"private": "11" * 32})
