import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.storage.engines.clusters import cluster_of, killed, owner, value

import wattwarden
from wattwarden.storage.engines import postmaster
from wattwarden.storage.engines.binaries import find_postgres
from wattwarden.storage.engines.child import processes_in
from wattwarden.storage.engines.embedded import EngineUser, FolderLock, choose_user, first_blocked
from wattwarden.storage.engines.postgres import EmbeddedPostgres, postgres_dsn
from wattwarden.storage.engines.postgres_socket import socket_folder
from wattwarden.storage.errors import EngineError

REAL = find_postgres()


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
        while not await value(postgres, running, backend):
            assert not busy.done()
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
