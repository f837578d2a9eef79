"""Starts over what was left behind, and starts that fail."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import AsyncMock

import asyncpg
import pytest
from tests.storage.engines.clusters import cluster_of, until, value

from wattwarden.storage.engines.binaries import find_postgres, program_version
from wattwarden.storage.engines.child import processes_in
from wattwarden.storage.engines.embedded import choose_user
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.errors import EngineError

REAL = find_postgres()
STARTS_AND_WAITS = """
import asyncio, signal, sys
from pathlib import Path
from unittest.mock import AsyncMock
from wattwarden.storage.engines.postgres import EmbeddedPostgres
async def main():
    engine = EmbeddedPostgres(Path(sys.argv[1]))
    await engine.start()
    print(engine.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
def bystander(cluster_folder: Path) -> Iterator[int]:
    """A process of the server's user that has nothing to do with PostgreSQL."""
    user = choose_user(cluster_folder)
    uid = user.uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], cwd="/", user=uid) as process:
        yield process.pid
        process.kill()


async def test_a_stale_pid_file_whose_id_went_to_somebody_else_does_not_matter(
    stopped: EmbeddedPostgres, cluster_folder: Path, bystander: int
) -> None:
    stale = f"{bystander}\n{cluster_of(cluster_folder)}\n1700000000\n5432\n\n\n"
    (cluster_of(cluster_folder) / "postmaster.pid").write_text(stale)
    (cluster_folder / "run" / ".s.PGSQL.5432.lock").write_text(stale)

    await stopped.start()

    assert await value(stopped, "SELECT 1") == 1
    os.kill(bystander, 0)


async def test_when_its_parent_is_killed_it_leaves_and_the_next_start_waits_for_it(
    stopped: EmbeddedPostgres, cluster_folder: Path
) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS_AND_WAITS, cluster_folder, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    orphan = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()

    await stopped.start()

    assert processes_in(cluster_of(cluster_folder), "postgres") != ()
    assert orphan not in processes_in(cluster_of(cluster_folder), "postgres")


@pytest.fixture
def fakes(open_folder: Path) -> Path:
    """A bin folder for scripts in the place of PostgreSQL's programs."""
    (open_folder / "bin").mkdir()
    put(open_folder / "bin" / "initdb", 'for last; do :; done; mkdir -p "$last"; exit 0')
    return open_folder / "bin"


def put(program: Path, script: str, version: str = "99.1") -> None:
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "postgres (PostgreSQL) {version}" && exit\n'
        f"{script}\n"
    )
    program.chmod(0o755)


async def test_a_server_that_cannot_start_says_why_and_leaves_nothing(
    open_folder: Path, fakes: Path
) -> None:
    put(fakes / "postgres", "echo 'FATAL:  no space left'; exit 3")
    engine = EmbeddedPostgres(open_folder / "data", binaries=fakes)

    with pytest.raises(EngineError, match="ended with status 3: FATAL:  no space left") as raised:
        await engine.start()
    assert "postgres.log" in raised.value.cure
    assert engine.poll() == 3

    put(fakes / "postgres", "exit 4")
    with pytest.raises(EngineError, match="ended with status 4"):
        await EmbeddedPostgres(open_folder / "data", binaries=fakes).start()


async def test_a_server_that_never_answers_is_given_up(open_folder: Path, fakes: Path) -> None:
    put(fakes / "postgres", "exit 3")
    engine = EmbeddedPostgres(open_folder / "data", binaries=fakes)
    # The folder is made first, however long that takes: what runs out is the server's own time.
    with pytest.raises(EngineError, match="ended with status 3"):
        await engine.start()
    put(fakes / "postgres", "exec sleep 60")

    with pytest.raises(EngineError, match=r"did not answer within 0\.2 s") as raised:
        await engine.start(timeout_s=0.2)

    assert raised.value.retryable
    assert engine.poll() == -signal.SIGINT


async def test_only_what_does_not_pass_ends_the_asking(
    open_folder: Path, fakes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(fakes / "postgres", "exec sleep 60")
    passing = [
        asyncpg.CannotConnectNowError("it starts"),
        asyncpg.CrashShutdownError("another process crashed"),
        asyncpg.InternalClientError("cannot switch to state 12"),
    ]
    asked = AsyncMock(side_effect=[*passing, asyncpg.InvalidPasswordError("no")])
    monkeypatch.setattr(asyncpg, "connect", asked)

    with pytest.raises(EngineError, match=r"refuses its owner: .* no"):
        await EmbeddedPostgres(open_folder / "data", binaries=fakes).start()

    assert asked.await_count == len(passing) + 1


async def test_a_start_that_is_cancelled_leaves_nothing(open_folder: Path, fakes: Path) -> None:
    put(fakes / "postgres", "exec sleep 60")
    engine = EmbeddedPostgres(open_folder / "data", binaries=fakes)
    start = asyncio.create_task(engine.start())
    await until(open_folder.joinpath("data", "postgres", "99", "wattwarden.conf").exists)
    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    assert engine.poll() == -signal.SIGINT


async def test_shared_memory_still_in_use_is_tried_again(
    cluster_folder: Path,
    fakes: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wattwarden.storage.engines.postgres.ATTEMPT_PAUSE_S", 0.01)
    version = ".".join(map(str, program_version(REAL / "postgres")))
    tried = fakes.parent / "tried"
    tried.mkdir()
    tried.chmod(0o777)
    put(
        fakes / "postgres",
        f'mkdir {tried}/1 2>/dev/null && echo "FATAL: memory block is still in use" && exit 1\n'
        f'exec {REAL}/postgres "$@"',
        version,
    )
    engine = EmbeddedPostgres(cluster_folder, binaries=fakes)

    with caplog.at_level(logging.WARNING):
        await engine.start()
    await engine.stop()

    assert caplog.messages == [
        "trying again: postgres ended with status 1: FATAL: memory block is still in use"
    ]


async def test_a_file_in_the_way_is_named_with_a_cure(open_folder: Path, fakes: Path) -> None:
    engine = EmbeddedPostgres(open_folder / "data", binaries=fakes)
    (open_folder / "data" / "postgres.lock").mkdir(parents=True)

    with pytest.raises(EngineError, match=r"cannot start PostgreSQL: .*postgres\.lock") as raised:
        await engine.start()
    assert raised.value.cure


async def test_an_interrupted_initdb_is_done_anew(open_folder: Path, fakes: Path) -> None:
    put(fakes / "postgres", "exit 1")
    put(fakes / "initdb", 'for last; do :; done; mkdir "$last"; touch "$last/half"; exit 5')
    data = open_folder / "data"
    with pytest.raises(EngineError, match="initdb ended with status 5"):
        await EmbeddedPostgres(data, binaries=fakes).start()
    assert [path.name for path in (data / "postgres").iterdir()] == ["99.new"]

    put(fakes / "initdb", 'for last; do :; done; mkdir "$last"; touch "$last/whole"; exit 0')
    with pytest.raises(EngineError, match="postgres ended"):
        await EmbeddedPostgres(data, binaries=fakes).start()
    assert (cluster_of(data) / "whole").exists()
    assert not (cluster_of(data) / "half").exists()


@pytest.mark.parametrize(
    ("version", "complaint"),
    [
        pytest.param("99.1", "holds data of PostgreSQL 1[0-9], programs are 99", id="newer"),
        pytest.param("14.9", "holds PostgreSQL 14, 15 or newer is needed", id="old"),
    ],
)
async def test_programs_that_do_not_fit_the_data_are_refused(
    version: str, complaint: str, cluster_folder: Path, fakes: Path
) -> None:
    put(fakes / "postgres", "exit 1", version)

    with pytest.raises(EngineError, match=complaint):
        await EmbeddedPostgres(cluster_folder, binaries=fakes).start()
