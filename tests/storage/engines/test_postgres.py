import asyncio
import json
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

import wattwarden
from wattwarden.storage.engines import postmaster
from wattwarden.storage.engines.binaries import find_postgres, program_version
from wattwarden.storage.engines.child import processes_in
from wattwarden.storage.engines.embedded import EngineUser, FolderLock, choose_user, first_blocked
from wattwarden.storage.engines.postgres import EmbeddedPostgres, postgres_dsn
from wattwarden.storage.engines.postgres_socket import socket_folder
from wattwarden.storage.errors import EngineError

REAL = find_postgres()
STARTS_AND_WAITS = """
import asyncio, signal, sys
from pathlib import Path
from wattwarden.storage.engines.postgres import EmbeddedPostgres
async def main():
    engine = EmbeddedPostgres(Path(sys.argv[1]))
    await engine.start()
    print(engine.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
WHOLE_LIFE = """
import asyncio, json, os, signal, sys
from pathlib import Path
import asyncpg
from wattwarden.storage.engines.postgres import EmbeddedPostgres
async def main():
    engine = EmbeddedPostgres(Path(sys.argv[1]))
    connection = await asyncpg.connect(await engine.start())
    owner = os.stat(f"/proc/{engine.pid}").st_uid
    await connection.execute("CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)")
    os.kill(engine.pid, signal.SIGKILL)
    while engine.poll() is None:
        await asyncio.sleep(0.01)
    connection.terminate()
    connection = await asyncpg.connect(await engine.start())
    kept = await connection.fetchval("SELECT x FROM kept")
    await connection.close()
    await engine.stop()
    print(json.dumps({"owner": owner, "kept": kept, "status": engine.poll()}))
asyncio.run(main())
"""


def cluster_of(data: Path) -> Path:
    (cluster,) = (data / "postgres").iterdir()
    return cluster


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0)


async def killed(engine: EmbeddedPostgres) -> None:
    os.kill(engine.pid, signal.SIGKILL)
    await until(lambda: engine.poll() is not None)


async def value(engine: EmbeddedPostgres, query: str, *arguments: object) -> object:
    connection = await asyncpg.connect(engine.dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def run_as(uid: int, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=uid,
        group=uid,
        extra_groups=[],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="class")
def postgres(cluster_folder: Path) -> Iterator[EmbeddedPostgres]:
    """One running server for a class; what they do to it, they leave it running."""
    engine = EmbeddedPostgres(cluster_folder)
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


class TestWhileItRuns:
    async def test_the_address_leads_to_our_database_as_a_role_without_power(
        self,
        postgres: EmbeddedPostgres,
    ) -> None:
        connection = await asyncpg.connect(postgres.dsn)
        row = await connection.fetchrow(
            "SELECT current_database() AS database, pg_get_userbyid(datdba) AS owner, rolsuper,"
            " pg_encoding_to_char(encoding) AS encoding, datcollate,"
            " current_setting('listen_addresses') AS network, current_setting('fsync') AS fsync,"
            " current_setting('timezone') AS zone, current_setting('data_checksums') AS checksums"
            " FROM pg_database, pg_roles"
            " WHERE datname = current_database() AND rolname = current_user"
        )
        await connection.close()

        assert row is not None
        assert dict(row) == {
            "database": "wattwarden",
            "owner": "wattwarden",
            "rolsuper": False,
            "encoding": "UTF8",
            "datcollate": "C",
            "network": "",
            "fsync": "on",
            "zone": "UTC",
            "checksums": "on",
        }

    async def test_nobody_else_reaches_the_socket_or_the_data(
        self, postgres: EmbeddedPostgres, cluster_folder: Path
    ) -> None:
        user = choose_user(cluster_folder)
        private = [cluster_folder / "run", cluster_folder / "postgres", cluster_of(cluster_folder)]
        rules = (cluster_of(cluster_folder) / "wattwarden_hba.conf").read_text()
        users = (cluster_of(cluster_folder) / "wattwarden_ident.conf").read_text().splitlines()

        assert {(path.stat().st_uid, path.stat().st_mode & 0o777) for path in private} == {
            (user.uid, 0o700)
        }
        assert rules == "local all all peer map=wattwarden\n"
        assert {line.split()[1] for line in users} == {'"root"', f'"{user.name}"'}
        assert owner(postgres.pid) == user.uid

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
    @pytest.mark.usefixtures("postgres")
    async def test_a_stranger_who_gets_at_the_socket_is_refused(self, cluster_folder: Path) -> None:
        stranger = EngineUser(
            "stranger", pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("daemon").pw_gid
        )
        if first_blocked(REAL / "psql", stranger):
            pytest.skip("psql is out of the stranger's reach")
        run = cluster_folder / "run"
        run.chmod(0o777)
        (run / ".s.PGSQL.5432").chmod(0o777)

        done = run_as(stranger.uid, REAL / "psql", "-h", run, "-U", "wattwarden", "-c", "")

        assert 'Peer authentication failed for user "wattwarden"' in done.stderr

    async def test_killed_it_starts_in_place_and_keeps_what_was_committed(
        self,
        postgres: EmbeddedPostgres,
    ) -> None:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 7 AS x")
        dsn, pid = postgres.dsn, postgres.pid

        await killed(postgres)
        connection.terminate()
        assert postgres.poll() == -signal.SIGKILL

        assert await postgres.start() == dsn
        assert postgres.pid != pid
        assert await value(postgres, "SELECT x FROM kept") == 7

    async def test_backends_that_outlive_their_killed_postmaster_are_ended(
        self, postgres: EmbeddedPostgres, cluster_folder: Path
    ) -> None:
        connection = await asyncpg.connect(postgres.dsn)
        backend = connection.get_server_pid()
        # Work without a pause never looks whether the postmaster is alive.
        busy = asyncio.create_task(
            connection.execute("SELECT count(*) FROM generate_series(1, 1e12)")
        )
        running = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1"
        assert await value(postgres, running, backend)
        await killed(postgres)
        assert backend in processes_in(cluster_of(cluster_folder), "postgres")

        await postgres.start()

        assert backend not in processes_in(cluster_of(cluster_folder), "postgres")
        with pytest.raises(asyncpg.PostgresError):
            await busy

    async def test_a_second_server_on_the_folder_is_refused_and_the_first_lives(
        self, postgres: EmbeddedPostgres, cluster_folder: Path
    ) -> None:
        second = EmbeddedPostgres(cluster_folder)

        with pytest.raises(
            EngineError, match=f"in use by another wattwarden .process {os.getpid()}"
        ):
            await second.start()
        await second.stop()

        assert await value(postgres, "SELECT 1") == 1

    async def test_starting_twice_changes_nothing(self, postgres: EmbeddedPostgres) -> None:
        pid = postgres.pid

        assert await postgres.start() == postgres.dsn
        assert postgres.pid == pid

    async def test_a_server_that_is_not_ours_is_waited_for_and_never_ended(
        self, postgres: EmbeddedPostgres, cluster_folder: Path
    ) -> None:
        with pytest.raises(
            EngineError, match=f"another PostgreSQL .process {postgres.pid}"
        ) as raised:
            await postmaster.clear_predecessor(cluster_of(cluster_folder), patience_s=0.1)

        assert "pg_ctl stop" in raised.value.cure
        assert await value(postgres, "SELECT 1") == 1


@pytest.fixture
async def stopped(cluster_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Not started; the test need not stop it."""
    engine = EmbeddedPostgres(cluster_folder)
    yield engine
    await engine.stop()


async def test_stopping_leaves_no_process_and_no_lock(
    stopped: EmbeddedPostgres, cluster_folder: Path
) -> None:
    await stopped.start()
    pid = stopped.pid
    (cluster_folder / "log" / "postgres.log").unlink()
    connection = await asyncpg.connect(stopped.dsn)

    await stopped.stop()
    await stopped.stop()
    connection.terminate()

    assert stopped.poll() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert processes_in(cluster_of(cluster_folder), "postgres") == ()
    lock = FolderLock(cluster_folder / "postgres.lock")
    lock.acquire()
    lock.release()


async def test_a_killed_server_is_tidied_up_by_stopping(
    stopped: EmbeddedPostgres, cluster_folder: Path
) -> None:
    await stopped.start()
    await killed(stopped)

    await stopped.stop()

    assert not (cluster_of(cluster_folder) / "postmaster.pid").exists()
    assert list((cluster_folder / "run").glob(".s.PGSQL*")) == []


def test_without_a_start_there_is_no_process_to_ask_about(cluster_folder: Path) -> None:
    engine = EmbeddedPostgres(cluster_folder)

    with pytest.raises(EngineError, match="was not started"):
        engine.poll()
    assert engine.dsn == postgres_dsn(cluster_folder)


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
def far_folder(cluster_folder: Path) -> Iterator[Path]:
    """The cluster under a path too long for a socket."""
    far = cluster_folder.with_name(cluster_folder.name + "-" + "long" * 30)
    cluster_folder.rename(far)
    yield far
    far.rename(cluster_folder)


async def test_a_path_too_long_for_a_socket_gets_a_short_folder(far_folder: Path) -> None:
    engine = EmbeddedPostgres(far_folder)
    short = socket_folder(far_folder)
    try:
        await engine.start()
        assert await value(engine, "SELECT 1") == 1
        assert short.stat().st_mode & 0o777 == 0o700
    finally:
        await engine.stop()

    assert short.parent == Path("/tmp")  # noqa: S108  the place itself is what is asked
    assert not short.exists()


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
    put(fakes / "postgres", "exec sleep 60")
    engine = EmbeddedPostgres(open_folder / "data", binaries=fakes)

    with pytest.raises(EngineError, match=r"did not answer within 0\.2 s") as raised:
        await engine.start(timeout_s=0.2)

    assert raised.value.retryable
    assert engine.poll() == -signal.SIGINT


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


def interpreter_for_everybody() -> str | None:
    """A Python of our version that stands where a plain user can execute it."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    nobody = EngineUser("nobody", 65534, 65534)
    for candidate in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if candidate and not first_blocked(Path(candidate).resolve(), nobody):
            return candidate
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a plain user already")
@pytest.mark.skipif(interpreter_for_everybody() is None, reason="no Python for a plain user")
async def test_a_plain_user_has_the_same_life_with_it(quick_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    (quick_folder / "home").mkdir()
    os.chown(quick_folder / "home", nobody, -1)
    sources = Path(wattwarden.__file__).parents[1]
    packages = Path(asyncpg.__file__).parents[1]

    done = run_as(
        nobody,
        str(interpreter_for_everybody()),
        "-c",
        WHOLE_LIFE,
        quick_folder / "home" / "data",
        PYTHONPATH=f"{sources}:{packages}",
    )

    assert done.stderr == ""
    assert json.loads(done.stdout) == {"owner": nobody, "kept": 7, "status": 0}
