"""The house itself: its rooms, what is packed of them, and rules that were seen to bite."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mypy.main import process_options

from wattwarden import __version__

ROOT = Path(__file__).resolve().parents[2]
VIEW = ROOT / "src" / "wattwarden"
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = CONFIG["tool"]["setuptools"]
PROGRAMS = Path(sys.executable).parent

ROOMS = sorted(place.parent.name for place in ROOT.glob("*/__init__.py"))
PACKAGES = sorted(
    folder.relative_to(ROOT)
    for room in ROOMS
    for folder, _, files in ((Path(walked[0]), *walked[1:]) for walked in os.walk(ROOT / room))
    if "__init__.py" in files
)
STAIRS = "one way down the stairs"
PURE = "the core does no I/O and reads no clock"
STORED = "the database and the journal are reached through storage alone"

# Whoever adds a room without a line in here has not thought of its place on the stairs.
EXPECTED_ROOMS = {"protocol", "codecs", "alarms", "storage", "console", "server", "tools"}


def contents(tree: Path, room: str) -> set[str]:
    """Name every file of a room as site-packages shall have it."""
    return {
        f"wattwarden/{file.relative_to(tree)}"
        for file in (tree / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


Ran = subprocess.CompletedProcess[str]


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> Ran:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tracked() -> list[str]:
    listed = run("git", "ls-files", "-z")
    if listed.returncode:
        pytest.skip("not a checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as a fresh clone has it."""
    folder = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in [*ROOMS, "src", "tests", "fuzz", "requirements", "bench", "deploy", "docs"]:
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for name in ["pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "Makefile"]:
        shutil.copy(ROOT / name, folder / name)
    return folder


# --- rooms


def test_every_room_has_its_place_on_the_stairs() -> None:
    (layers,) = (
        contract["layers"]
        for contract in CONFIG["tool"]["importlinter"]["contracts"]
        if contract["name"] == STAIRS
    )
    on_the_stairs = {room for layer in layers for room in layer.split(" | ")}
    assert set(ROOMS) == EXPECTED_ROOMS == on_the_stairs


def test_every_room_is_named_and_linked() -> None:
    folders = dict(SETUPTOOLS["package-dir"])
    assert folders.pop("wattwarden") == "src/wattwarden"
    assert folders == {f"wattwarden.{room}": room for room in ROOMS}
    links = {place.name: place for place in VIEW.iterdir() if place.is_symlink()}
    assert sorted(links) == ROOMS
    for room, link in links.items():
        assert link.readlink() == Path("../..") / room
        assert link.resolve() == ROOT / room


def test_every_package_at_any_depth_is_named() -> None:
    named = {".".join(("wattwarden", *package.parts)) for package in PACKAGES}
    assert set(SETUPTOOLS["packages"]) == named | {"wattwarden"}


def test_rooms_are_imported_from_this_tree() -> None:
    for room in ROOMS:
        file = import_module(f"wattwarden.{room}").__file__
        assert file is not None
        assert Path(file).resolve().parent == ROOT / room


# --- what is packed


class Packed(NamedTuple):
    file: Path
    wheel: set[str]
    script: str
    sdist: set[str]


@pytest.fixture(scope="module")
def packed(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    folder = tmp_path_factory.mktemp("dist")
    build = (
        "import sys; from setuptools import build_meta; out = sys.argv[1];"
        "build_meta.build_sdist(out); build_meta.build_wheel(out)"
    )
    built = run(sys.executable, "-c", build, folder, cwd=copy)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        script = archive.read(entry_points).decode().strip()
    with tarfile.open(sdist) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}
    return Packed(wheel, names, script, members)


def test_the_wheel_holds_every_file_of_every_room(copy: Path, packed: Packed) -> None:
    inside = {name for name in packed.wheel if name.startswith("wattwarden/")}
    own = {f"wattwarden/{file.name}" for file in VIEW.iterdir() if not file.is_dir()}
    assert inside == own.union(*(contents(copy, room) for room in ROOMS))


@pytest.mark.parametrize("suffix", [".sql", ".csv", ".typed"])
def test_the_wheel_holds_more_than_programs(packed: Packed, suffix: str) -> None:
    assert any(name.endswith(suffix) for name in packed.wheel)


def test_the_wheel_adds_one_name_and_one_command(packed: Packed) -> None:
    tops = {name.partition("/")[0] for name in packed.wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"wattwarden"}
    assert packed.script == "[console_scripts]\nwattwarden = wattwarden.tools.main:main"
    assert callable(import_module("wattwarden.tools.main").main)


# Each command has its own way to what is packed beside the programs.
COMMANDS = """
import json, sys, wattwarden
from wattwarden.tools.main import main
assert wattwarden.__file__.startswith(sys.argv[1]), wattwarden.__file__
statuses = [main(words) for words in json.loads(sys.argv[2])]
assert statuses[:-1] == [0] * (len(statuses) - 1), statuses
"""


def test_what_is_unpacked_from_the_wheel_is_the_program(packed: Packed, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed.file) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202  we have built it
    frame = json.loads((ROOT / "tests/vectors/acrel.jsonl").read_text().splitlines()[0])["hex"]
    (tmp_path / "frames").write_text(frame)
    words = [["--version"], ["decode", str(tmp_path / "frames"), "--json"]]
    # Whether this machine is fit is the machine's affair.
    words.append(["doctor", "--json", "--data", str(tmp_path / "data")])
    command = (sys.executable, "-c", COMMANDS, tmp_path / "site", json.dumps(words))
    done = run(*command, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    version, decoded, checked = done.stdout.splitlines()
    assert version == __version__
    assert json.loads(decoded)["kind"] == "alarm"
    assert json.loads(checked)["checks"]


def test_the_sdist_holds_what_a_builder_and_a_tester_need(copy: Path, packed: Packed) -> None:
    vectors = {str(file.relative_to(copy)) for file in copy.glob("tests/vectors/*.jsonl")}
    assert vectors
    own = {name.removeprefix("wattwarden/") for room in ROOMS for name in contents(copy, room)}
    asked_for = {"Makefile", "bench/run.py", "deploy/debian/build", "docs/install.md"}
    assert vectors | own | asked_for <= packed.sdist
    assert not any(name.startswith(("bench/build/", "fuzz/corpus/")) for name in packed.sdist)


# --- layers


class Plant(NamedTuple):
    """A line that breaks a contract, in a module where nothing else does."""

    room: str
    module: str
    line: str
    contract: str
    imported: str


PLANTS = [
    Plant("protocol", "quality", "import wattwarden.codecs", STAIRS, "wattwarden.codecs"),
    Plant("codecs", "tables", "import wattwarden.alarms", STAIRS, "wattwarden.alarms"),
    Plant("storage", "errors", "import wattwarden.server", STAIRS, "wattwarden.server"),
    Plant("protocol", "errors", "from time import monotonic", PURE, "time"),
    Plant("codecs", "acrel", "import asyncio", PURE, "asyncio"),
    Plant("alarms", "__init__", "def later():\n    import random", PURE, "random"),
    Plant("server", "clock", "import asyncpg", STORED, "asyncpg"),
    Plant("tools", "main", "import nats", STORED, "nats"),
]


@pytest.fixture(scope="module")
def planted(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What import-linter says of the tree as it is, and of one with every plant in it."""
    folder = tmp_path_factory.mktemp("planted") / "house"
    shutil.copytree(copy, folder, symlinks=True)
    command = (PROGRAMS / "lint-imports", "--no-cache")
    before = run(*command, cwd=folder, PYTHONPATH=str(folder / "src"))
    for plant in PLANTS:
        place = folder / plant.room / plant.module
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        with file.open("a") as module:
            module.write(f"\n{plant.line}\n")
    return before, run(*command, cwd=folder, PYTHONPATH=str(folder / "src"))


def test_the_layers_hold(planted: tuple[Any, Any]) -> None:
    before, _ = planted
    assert before.returncode == 0, before.stdout
    assert "Contracts: 4 kept, 0 broken." in before.stdout
    assert len({plant.contract for plant in PLANTS}) == 3


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.room} {plant.imported}")
def test_a_forbidden_import_breaks_its_contract(planted: tuple[Any, Any], plant: Plant) -> None:
    _, after = planted
    assert after.returncode == 1
    assert f"{plant.contract} BROKEN" in after.stdout
    _, _, broken = after.stdout.partition("Broken contracts")
    _, _, section = broken.partition(f"{plant.contract}\n---")
    section = re.split(r"\n\n\n(?=[^\n]+\n-{8})", section)[0]
    importer = f"wattwarden.{plant.room}"
    module = importer if plant.module == "__init__" else f"{importer}.{plant.module}"
    assert f"{importer} is not allowed to import {plant.imported}" in section
    assert re.search(rf"- +{re.escape(module)} -> {re.escape(plant.imported)} \(l", section)


# --- types


def test_types_are_checked_in_every_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sources, options = process_options([])
    seen = {Path(source.path).resolve() for source in sources if source.path is not None}
    named = {source.module for source in sources}
    modules = {
        file
        for folder in [*ROOMS, "tests", "fuzz", "bench", "deploy"]
        for file in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in file.parts
    }
    assert len(modules) > 100
    assert modules <= seen
    assert {f"wattwarden.{'.'.join(package.parts)}" for package in PACKAGES} <= named
    assert options.disallow_untyped_defs
    assert options.warn_return_any


# --- what stands in the files


def lines_of(names: list[str]) -> list[tuple[str, str]]:
    found = []
    for name in names:
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue
        found += [(f"{name}:{number}", line) for number, line in enumerate(text.splitlines(), 1)]
    return found


# The first two are written so that they do not find themselves.
FORBIDDEN = {
    "an open thing is no comment": r"TOD[O]|FIXM[E]|XX[X]",
    "machines have no name here": r"/wor[k]/|/roo[t]/[.]|/hom[e]/[a-z]",
    "nor have registries": r"pypi[.]org|pythonhosted[.]org|index-url[ =]+http|npmjs[.]org",
    "nor has whoever helped": r"(?i)\bchatgpt|\bclaude\b|\banthropic|\bcopilot\b",
}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_forbidden_words_stand_nowhere_but_here(pattern: str) -> None:
    sought = re.compile(pattern)
    here = str(Path(__file__).resolve().relative_to(ROOT))
    names = [name for name in tracked() if name != here]
    assert [where for where, line in lines_of(names) if sought.search(line)] == []


def test_whatever_silences_a_check_says_why() -> None:
    silencer = re.compile(r"# (?:noqa|type: ignore|fmt: (?:off|skip)|pragma)\b(?P<rest>.*)")
    codes = re.compile(r"^(?:\[[\w, -]+\]|: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|: (?:off|skip))?")
    bare = []
    for where, line in lines_of([name for name in tracked() if name.endswith(".py")]):
        found = silencer.search(line)
        if found and "fmt:" not in found[0] and not codes.sub("", found["rest"]).strip(" #-"):
            bare.append(where)
    assert bare == []


def test_nothing_that_belongs_here_is_ignored() -> None:
    tracked()
    places = ["tests/vectors", "tests/vectors/new.jsonl", *map(str, PACKAGES), "fuzz", "docs"]
    asked = run("git", "check-ignore", "--no-index", *places)
    assert (asked.returncode, asked.stdout) == (1, "")


def test_every_requirement_is_pinned_to_what_was_seen() -> None:
    declared = {re.split(r"[<>=]", line)[0] for line in CONFIG["project"]["dependencies"]}
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text().replace("\\\n", " ")
        entries = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert all(re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in entries)
        if file.name in {"base.txt", "dev.txt"}:
            assert declared <= {line.partition("==")[0] for line in entries}
