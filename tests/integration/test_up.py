"""`wattwarden up` as an administrator meets it: one line, one tree of processes, a clean end."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import site
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from tests.integration.fleet import Acrel, Fleet, Manner, Meter
from tests.integration.system import (
    PATIENCE_S,
    PROGRAM,
    READY_LIMIT_S,
    System,
    database,
    eventually,
    open_folder,
    processes_of,
)
from tests.integration.wire import ACREL_UPLOAD_ACK, acrel_upload
from tests.server.service_manager import Manager

from wattwarden.server.notify_systemd import ALIVE
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration

# The first word is told at once, and the next ones do not fill what nobody reads.
WATCHED: Final = {"WATCHDOG_USEC": "60000000"}
START: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
HAND_OVER_S: Final = 0.3  # for what takes milliseconds and may as well come too late
FINISH_S: Final = 60.0
PLAIN_USER: Final = "nobody"


def fleet_of(system: System, meters: int = 20, window: int = 4) -> Fleet:
    fleet = Fleet()
    # As long as one waits for a machine that has other things to do: nobody is away when it stops.
    manner = Manner(window, pause_s=0.05, patience_s=60)

    def meter(number: int) -> Meter:
        target = system.target
        return Meter(Acrel(START), f"UP{number}", target, "127.0.0.2", manner, number)

    fleet.add(manner, meter, range(meters))
    return fleet


async def rows_of(system: System) -> set[tuple[str, datetime]]:
    rows = await system.fetch(
        "SELECT m.address, r.at FROM reading AS r JOIN meter AS m ON m.id = r.meter"
    )
    return {(row["address"], row["at"]) for row in rows}


def acked_of(fleet: Fleet) -> set[tuple[str, datetime]]:
    return {
        (meter.address, START + timedelta(seconds=number))
        for meter in fleet.meters
        for number in meter.acked
    }


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Who keeps it as a service."""
    with Manager(f"@wattwarden-test-{os.getpid()}") as manager:
        yield manager


@pytest.fixture(scope="module")
def system(manager: Manager) -> Iterator[System]:
    """What they do to it, they leave it running."""
    with System(environment={"NOTIFY_SOCKET": manager.address, **WATCHED}) as system:
        yield system


async def test_whoever_keeps_it_as_a_service_is_told_and_by_nobody_else(
    system: System, manager: Manager
) -> None:
    told: list[str] = []

    async def heard() -> list[str]:
        told.extend(manager.heard())
        return told

    await eventually(heard, lambda words: ALIVE in words)
    assert told[0] == f"READY=1\nSTATUS=ready  meters {system.ready['listen']}"
    assert set(told[1:]) == {ALIVE}


def nurseries(system: System) -> list[int]:
    found = processes_of(system.folder).items()
    return [pid for pid, line in found if "wattwarden.tools.nursery" in line]


async def test_roles_are_forked_from_one_process_whose_end_nobody_notices(system: System) -> None:
    if "is installed now" in system.log.read_text():
        pytest.skip("somebody works on the program meanwhile")
    [nursery] = nurseries(system)
    before = system.pids()
    os.kill(nursery, signal.SIGKILL)
    [gone] = before["archivist"]
    os.kill(gone, signal.SIGKILL)

    async def archivists() -> list[int]:
        return system.pids()["archivist"]

    await eventually(archivists, lambda pids: pids not in ([gone], [0], []))
    [other] = nurseries(system)
    assert other != nursery
    assert {**system.pids(), "archivist": [gone]} == before
    assert "without the nursery" not in system.log.read_text()


async def test_it_answers_what_it_has_stops_under_load_and_goes_on_where_it_was(
    system: System,
) -> None:
    last: set[tuple[str, datetime]] = set()
    async with fleet_of(system) as fleet:
        for count, number in enumerate((signal.SIGINT, signal.SIGTERM)):
            await more_answers(fleet, 200)
            await fleet.everybody_is_answered(FINISH_S)
            at = START + timedelta(seconds=count)
            await stop_with_a_frame_in_hand(system, number, acrel_upload("LAST", at, 0))
            last.add(("LAST", at))
            assert system.ready_lines == [json.dumps(system.ready, separators=(",", ":"))]
            await asyncio.to_thread(system.start)
        await fleet.finish(FINISH_S)
    acked = acked_of(fleet) | last
    await eventually(lambda: rows_of(system), lambda rows: len(rows) >= len(acked))
    assert await rows_of(system) == acked
    assert await system.value("SELECT count(*) FROM quarantine") == 0
    closed = (
        "SELECT count(*) FROM session_event WHERE what = 'close' AND reason = $1"
        " AND identity <> 'LAST'"
    )
    # Of another shard than the readings that came last.
    await eventually(lambda: system.value(closed, "gateway stops"), (2 * len(fleet.meters)).__eq__)
    system.hold_log_structured()


async def stop_with_a_frame_in_hand(system: System, number: signal.Signals, frame: bytes) -> None:
    """Stop it while a frame waits for a journal that stands still: it is answered first."""
    reader, writer = await asyncio.open_connection(*system.target, local_addr=("127.0.0.3", 0))
    [nats] = system.pids()["nats"]
    os.kill(nats, signal.SIGSTOP)
    try:
        writer.write(frame)
        own = writer.get_extra_info("sockname")[1]

        async def unread() -> int:
            return unread_by(system.port.number, own)

        await eventually(unread, lambda count: count == 0)
        stopping = asyncio.create_task(asyncio.to_thread(system.stop, number))
        await asyncio.sleep(HAND_OVER_S)
    finally:
        os.kill(nats, signal.SIGCONT)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readexactly(len(ACREL_UPLOAD_ACK)) == ACREL_UPLOAD_ACK
        assert await reader.read() == b""
    writer.close()
    await stopping


async def more_answers(fleet: Fleet, count: int) -> None:
    await fleet.acknowledges(fleet.acked + count, FINISH_S)


def unread_by(port: int, peer: int) -> int:
    """How many bytes the one who listens on a port has still to take from a peer's port."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if [int(end.partition(":")[2], 16) for end in (local, remote)] == [port, peer]:
            return int(queues.partition(":")[2], 16)
    return 1  # not accepted yet


def test_a_second_one_in_its_folder_is_refused_until_it_is_gone(system: System) -> None:
    second = [*PROGRAM, "up", "--data", str(system.data), "--listen", "127.0.0.1:0"]
    second += ["--console", "127.0.0.1:0"]
    done = subprocess.run(
        second, capture_output=True, text=True, timeout=READY_LIMIT_S, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert f"{system.data} is in use by another wattwarden (process {system.pid})" in said[-2]
    assert "--data" in said[-1]
    assert system.pids() == system.ready["pids"]
    for pids in system.pids().values():
        for pid in pids:
            os.kill(pid, 0)
    os.kill(system.pid, signal.SIGKILL)
    limit = time.monotonic() + PATIENCE_S
    while left := processes_of(system.folder):
        assert time.monotonic() < limit, f"it was killed, and these live on: {left}"
        time.sleep(0.05)
    system.reap()
    system.start()


def owners_of(*paths: Path) -> set[int]:
    return {path.lstat().st_uid for path in paths}


def reachable_program(user: str) -> tuple[tuple[str, ...], dict[str, str]] | None:
    """How another user can start the program: as it stands, or with the system's Python."""
    packages = os.pathsep.join((*site.getsitepackages(), str(Path(__file__).parents[2] / "src")))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    ways: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (PROGRAM, {}),
        ((f"/usr/bin/{version}", "-m", "wattwarden"), {"PYTHONPATH": packages}),
    ]
    for words, environment in ways:
        try:
            done = subprocess.run(
                [*words, "--version"],
                user=user,
                extra_groups=[],
                env={**os.environ, **environment},
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if done.returncode == 0 and done.stdout:
            return words, environment
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as a plain user already")
async def test_a_plain_user_runs_it_in_a_folder_that_is_all_its_own() -> None:
    way = reachable_program(PLAIN_USER)
    if way is None:
        pytest.skip(f"the user {PLAIN_USER} cannot reach {sys.executable}")
    words, environment = way
    with System(program=words, environment=environment, user=PLAIN_USER) as system:
        async with fleet_of(system, meters=3) as fleet:
            await more_answers(fleet, 30)
            await fleet.finish(FINISH_S)
        acked = acked_of(fleet)
        assert await eventually(lambda: rows_of(system), lambda rows: len(rows) >= len(acked))
        list_of = system.run("meters", "list", "--json").rows
        assert {row["address"] for row in list_of} == {meter.address for meter in fleet.meters}
        shown = system.run("readings", "acrel:UP0", "--since", "-1d", "--json").rows
        assert len(shown) == len(fleet.meters[0].acked)
        assert len(acked) > 30
        uid = pwd.getpwnam(PLAIN_USER).pw_uid
        assert owners_of(system.data, *system.data.rglob("*")) == {uid}
        processes = processes_of(system.folder)
        assert owners_of(*(Path(f"/proc/{pid}") for pid in processes)) == {uid}


async def test_engines_of_somebody_else_are_used_and_left_running() -> None:
    folder = open_folder()
    engines = (EmbeddedPostgres(folder / "engines"), EmbeddedNats(folder / "engines"))
    postgres, nats = engines
    try:
        dsn, url = await postgres.start(), await nats.start()
        with System("--dsn", dsn, "--nats", url) as system:
            assert {"gateway", "writer", "archivist"} <= set(system.pids())
            assert not {"postgres", "nats"} & set(system.pids())
            assert not (system.data / "postgres").exists()
            assert url.rpartition("@")[0].rpartition("/")[2] not in json.dumps(system.ready)
            async with fleet_of(system, meters=3) as fleet:
                await more_answers(fleet, 30)
                await fleet.finish(FINISH_S)

            async def names() -> set[str]:
                async with database(dsn) as connection:
                    rows = await connection.fetch("SELECT address FROM meter")
                return {row["address"] for row in rows}

            found = await eventually(names, lambda found: found == {"UP0", "UP1", "UP2"})
            listed = system.run("meters", "list", "--json").rows
            assert {row["address"] for row in listed} == found
            system.hold_log_structured()
        assert postgres.poll() is None
        assert nats.poll() is None
    finally:
        await nats.stop()
        await postgres.stop()
        shutil.rmtree(folder)
