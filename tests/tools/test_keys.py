"""Keys go into the secrets folder and nowhere else."""

import io
import os
from pathlib import Path

import pytest

from wattwarden.storage.meter_secrets import SECRET_NAME, read_key
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.keys import check_key, key_name, read_key_from, write_key

KEY = bytes(range(16))


@pytest.mark.parametrize(
    "address", ["010000A8900016F000169DC0", "a/b", "a b", "用电", "x" * 80, "../../etc"]
)
def test_every_meter_has_a_file_name_of_its_own(address: str) -> None:
    name = key_name("hj212", address)
    assert SECRET_NAME.fullmatch(name)
    assert name != key_name("hj212", address + "_")
    assert name != key_name("other", address)


def test_addresses_that_look_alike_as_file_names_stay_apart() -> None:
    assert len({key_name("c", address) for address in ("a/b", "a b", "a_b")}) == 3


def test_a_key_is_read_as_digits() -> None:
    assert read_key_from(io.StringIO("00010203 04050607\n08090a0b 0c0d0e0f\n")) == KEY


@pytest.mark.parametrize("text", ["", "zz", "0011", "00" * 17])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_key_from(io.StringIO(text))
    assert "0011" not in caught.value.message
    assert "32 hex" in caught.value.cure


def test_a_key_file_is_its_owners_alone_and_replaced_in_one_step(tmp_path: Path) -> None:
    write_key(tmp_path, "k", bytes(16))
    write_key(tmp_path, "k", KEY)
    assert os.listdir(tmp_path) == ["k"]  # noqa: PTH208  # names alone
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert read_key(tmp_path, "k") == KEY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_written_by_root_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 65_534, 65_534)
    write_key(tmp_path, "k", KEY)
    assert (tmp_path / "k").stat().st_uid == 65_534


def test_a_machine_without_secrets_folder_is_told_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        write_key(tmp_path / "absent", "k", KEY)
    assert "--data" in caught.value.cure


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    with pytest.raises(CommandError, match="cannot write"):
        write_key(tmp_path, "k", KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_a_key_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        check_key(tmp_path, "absent")
    (tmp_path / "open").write_text(KEY.hex())
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(CommandError, match="open to others"):
        check_key(tmp_path, "open")
    write_key(tmp_path, "good", KEY)
    check_key(tmp_path, "good")
