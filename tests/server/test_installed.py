"""Whether what is installed is still what was imported."""

import mmap
import os
import sys
from pathlib import Path

import pytest

from wattwarden.server.installed import Installed, _mapped


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "rooms/inner").mkdir(parents=True)
    (tmp_path / "rooms/inner/module.py").write_text("A = 1\n")
    (tmp_path / "program").mkdir()
    # As a checkout has it.
    (tmp_path / "program/room").symlink_to("../rooms")
    return tmp_path


def installed(tree: Path) -> Installed:
    return Installed([str(tree / "program")])


def test_what_stays_is_no_change_and_neither_is_bytecode(tree: Path) -> None:
    now = installed(tree)
    (tree / "rooms/inner/__pycache__").mkdir()
    (tree / "rooms/inner/__pycache__/module.pyc").write_bytes(b"1")
    now.take_in()
    assert now.change() == ""


@pytest.mark.parametrize("what", ["written", "replaced", "added", "removed", "data"])
def test_whatever_changes_of_the_program_is_named(what: str, tree: Path) -> None:
    now = installed(tree)
    file = tree / "rooms/inner/module.py"
    new = file.with_name("new.py")
    match what:
        case "written":
            file.write_text("A = 22\n")
        case "replaced":
            # As packages are unpacked: of the same size and time, beside it and then over it.
            new.write_text("A = 2\n")
            os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
            new.replace(file)
        case "added":
            new.write_text("")
        case "removed":
            file.unlink()
        case "data":
            file.with_name("table.toml").write_text("")
    assert now.change().startswith(str(tree / "program/room/inner/"))


def test_a_change_in_the_midst_of_imports_is_seen_too(tree: Path) -> None:
    now = installed(tree)
    (tree / "rooms/inner/module.py").write_text("A = 33\n")
    now.take_in()
    assert now.change().endswith("module.py")


def test_libraries_count_as_well(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("library")
    module.__file__ = str(tree / "library.py")
    Path(module.__file__).write_text("B = 1\n")
    monkeypatch.setitem(sys.modules, "library", module)
    now = installed(tree)
    now.take_in()
    assert now.change() == ""
    Path(module.__file__).unlink()
    assert now.change() == module.__file__


def test_what_is_executed_counts_and_what_is_only_read_does_not(tree: Path) -> None:
    file = tree / "data"
    file.write_bytes(b"1")
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 1):
        assert str(Path("/proc/self/exe").readlink()) in set(_mapped())
        assert str(file) not in set(_mapped())
        assert str(file) in Path("/proc/self/maps").read_text()
