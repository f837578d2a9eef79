import os
import pwd
from pathlib import Path

import pytest

from wattwarden.storage.engines.embedded import (
    EngineUser,
    FolderLock,
    choose_user,
    first_blocked,
    make_folder,
    prepare_data,
    write_private,
)
from wattwarden.storage.errors import EngineError

NOBODY = EngineUser("nobody", 65534, 65534)
OURSELVES = EngineUser("us", os.geteuid(), os.getegid())
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_the_topmost_closed_folder_is_named(open_folder: Path) -> None:
    stranger = EngineUser("stranger", os.geteuid() + 4000, os.getegid() + 4000)
    deep = open_folder / "closed" / "below" / "missing"
    (open_folder / "closed" / "below").mkdir(parents=True)
    assert first_blocked(deep, stranger) is None

    (open_folder / "closed" / "below").chmod(0o700)
    (open_folder / "closed").chmod(0o750)

    assert first_blocked(deep, stranger) == open_folder / "closed"
    assert first_blocked(deep, OURSELVES) is None
    assert first_blocked(deep, EngineUser("group", stranger.uid, os.getegid())) == deep.parent


@needs_root
def test_engines_of_root_get_a_user_without_rights(open_folder: Path) -> None:
    assert choose_user(open_folder / "missing").name in {"postgres", "nobody"}


@needs_root
def test_the_owner_of_existing_data_wins(open_folder: Path) -> None:
    (open_folder / "journal").mkdir()
    os.chown(open_folder / "journal", NOBODY.uid, NOBODY.gid)

    assert choose_user(open_folder).uid == NOBODY.uid


@pytest.mark.skipif(os.geteuid() == 0, reason="root takes another user")
def test_engines_of_a_plain_user_run_as_that_user(open_folder: Path) -> None:
    assert choose_user(open_folder).uid == os.geteuid()


def test_root_without_any_unprivileged_user_is_told_to_make_one(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_there(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", nobody_there)

    with pytest.raises(EngineError) as raised:
        choose_user(open_folder / "missing" if OURSELVES.uid == 0 else Path("/missing"))
    assert "useradd" in raised.value.cure


def test_a_user_id_without_a_name_is_refused(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)

    with pytest.raises(EngineError, match="4000000 has no name"):
        choose_user(open_folder)


@needs_root
def test_a_closed_folder_above_the_data_is_refused_with_a_cure(open_folder: Path) -> None:
    open_folder.chmod(0o700)

    with pytest.raises(EngineError, match=f"{open_folder} is closed to the user nobody") as raised:
        prepare_data(open_folder / "data", NOBODY)
    assert "--data /var/lib/wattwarden" in raised.value.cure
    assert list(open_folder.iterdir()) == []


def test_the_folders_in_the_data_folder_are_private(open_folder: Path) -> None:
    data = open_folder / "above" / "data"

    prepare_data(data, OURSELVES)
    prepare_data(data, OURSELVES)

    modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()}
    assert modes == {"run": 0o700, "log": 0o700, "secrets": 0o700}


@needs_root
def test_an_empty_folder_of_roots_is_handed_over(open_folder: Path) -> None:
    (open_folder / "journal").mkdir()

    make_folder(open_folder / "journal", NOBODY, 0o700)

    assert (open_folder / "journal").stat().st_uid == NOBODY.uid


@needs_root
def test_a_folder_of_somebody_else_is_refused_with_a_cure(open_folder: Path) -> None:
    (open_folder / "journal" / "data").mkdir(parents=True)

    with pytest.raises(EngineError, match="belongs to root, not to nobody") as raised:
        make_folder(open_folder / "journal", NOBODY, 0o700)
    assert raised.value.cure.startswith(f"chown -R nobody {open_folder}")


def test_a_folder_that_cannot_be_made_is_refused(open_folder: Path) -> None:
    (open_folder / "file").write_text("")

    with pytest.raises(EngineError, match="cannot make the folder"):
        make_folder(open_folder / "file", OURSELVES, 0o700)


def test_a_private_file_replaces_a_link_and_spares_its_target(open_folder: Path) -> None:
    target = open_folder / "target"
    target.write_text("precious")
    (open_folder / "file").symlink_to(target)

    write_private(open_folder / "file", "secret", OURSELVES)

    assert target.read_text() == "precious"
    assert (open_folder / "file").read_text() == "secret"
    assert (open_folder / "file").lstat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in open_folder.iterdir()) == ["file", "target"]


def test_a_private_file_that_cannot_be_written_leaves_no_draft(open_folder: Path) -> None:
    (open_folder / "file" / "full").mkdir(parents=True)

    with pytest.raises(OSError, match="file"):
        write_private(open_folder / "file", "secret", OURSELVES)
    assert [path.name for path in open_folder.iterdir()] == ["file"]


def test_a_lock_has_one_holder_at_a_time(open_folder: Path) -> None:
    first, second = FolderLock(open_folder / "x.lock"), FolderLock(open_folder / "x.lock")
    first.acquire()
    first.acquire()

    with pytest.raises(EngineError, match=f"in use by another wattwarden .process {os.getpid()}"):
        second.acquire()
    assert (first.held, second.held) == (True, False)

    first.release()
    first.release()
    second.acquire()
    assert (first.held, second.held) == (False, True)
    second.release()
