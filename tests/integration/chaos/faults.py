"""Faults, by the name of the step.  Each returns when it is over, or says that it was before.

kill ROLE         SIGKILL to one of its processes; `up`: to the whole tree
stop ROLE         SIGSTOP for half a minute
ENGINE away       killed whenever it comes up
disk, journal     full: of a file on the same disk; by a limit of the streams
network           the system's cable pulled; slower than what meters say
clock             an hour ahead, an hour behind, then right again (bench/load/shift.c)
time zone         another one for all roles, which start again
descriptors       a limit below what a process has open, while meters dial in
memory            no page more than a process has
poison frame      a decoder raises whatever it meets it with (``planted``)
deadly frame      a decoder ends its process: once of a meter, whatever else that sends
corrupted entry   what is no envelope, in every shard
"""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bench.nodes import must
from tests.integration.chaos import at_journal
from tests.integration.chaos.killing import (
    double_fault,
    is_alive,
    kept_down,
    processes,
    replaced,
    standing_still,
)
from tests.integration.chaos.planted import DEADLY, ENDS, POISON, POISONS
from tests.integration.chaos.scene import FLOWING_S, HOST, POLL_S, Ground, Scene, Skipped
from tests.integration.system import database, eventually
from tests.integration.wire import hj212_realtime, qn_of

from wattwarden.storage.moments import moment_of

STOP_S: Final = 30.0
DATABASE_AWAY_S: Final = 300.0
JOURNAL_AWAY_S: Final = 60.0
FULL_S: Final = 30.0
LINE_S: Final = 30.0
CLOCK_S: Final = 30.0
LIMITED_S: Final = 20.0
HOUR_S: Final = 3600
# The warden has a process of its own where there are two of them.
ROLES: Final = ("gateway", "writer", "side", "archivist", "warden")
ENGINES: Final = ("postgres", "nats")
# Until a gateway that was killed answers again, on a machine that has much else to do.
ANSWERED_S: Final = 60.0
# Of the load: what goes through a line that is too slow.
SLOW_SHARE: Final = 0.6
BITS_A_FRAME: Final = 8 * 350
LEAST_BITS_S: Final = 8_000
# Far from each other, and from the zone that the city lives in.
ZONES: Final = ("America/St_Johns", "Pacific/Chatham", "Asia/Shanghai")
ZONE_INFO: Final = Path("/usr/share/zoneinfo")
SLACK_BYTES: Final = 1 << 20
# What others may take of a disk between a look and its last page.
CROWDED_BYTES: Final = 64 << 20
POISON_ANSWER_S: Final = 30.0
# Until a writer meets what was journalled.
DEATH_S: Final = 60.0

Fault = Callable[[Scene], Awaitable[None]]


async def _kill(scene: Scene, role: str) -> None:
    """Kill one of the processes of a role, or an engine's first."""
    pids = _of(scene, role)
    _sigkill(scene, role, pids[:1] if role in ENGINES else [scene.chance.choice(pids)])


def _of(scene: Scene, role: str) -> list[int]:
    pids = processes(scene.system, role)
    if not pids:
        raise Skipped("no process of its own here")
    return pids


def _sigkill(scene: Scene, role: str, pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    scene.gone.append((role, pids))


async def _kill_up(scene: Scene) -> None:
    os.kill(scene.system.pid, signal.SIGKILL)
    scene.over()
    await asyncio.to_thread(scene.system.reap)
    await asyncio.to_thread(scene.system.start)


async def _kill_two(scene: Scene) -> None:
    await double_fault(scene.system)


async def _stop(scene: Scene, role: str) -> None:
    system = scene.system
    pids = [system.pid] if role == "up" else _of(scene, role)
    async with standing_still(pids):
        await asyncio.sleep(scene.lasting(STOP_S))
        if role not in {"gateway", "nats"}:
            await _answered(scene)


async def _database_away(scene: Scene) -> None:
    """Meters are answered meanwhile, also by a gateway that starts without it."""
    async with kept_down(scene.system, "postgres"):
        await asyncio.sleep(scene.lasting(DATABASE_AWAY_S) / 2)
        await _answered(scene)
        await _kill(scene, "gateway")
        await asyncio.sleep(scene.lasting(DATABASE_AWAY_S) / 2)
        await _gateways_back(scene)
        await _answered(scene)


async def _gateways_back(scene: Scene) -> None:
    for role, gone in scene.gone:
        await replaced(scene.system, role, gone)


async def _journal_away(scene: Scene) -> None:
    async with kept_down(scene.system, "nats"):
        await asyncio.sleep(scene.lasting(JOURNAL_AWAY_S))


async def _disk_full(scene: Scene) -> None:
    place = scene.ground.tmpfs
    if place is None:
        raise Skipped("no file system may be mounted here")
    filling = place / "filling"
    try:
        fill(filling)
        await asyncio.sleep(scene.lasting(FULL_S))
    finally:
        filling.unlink()


async def _journal_full(scene: Scene) -> None:
    usual = await at_journal.ask(_prefix(scene), "limits", scene.system.data)
    await at_journal.ask(_prefix(scene), "close", scene.system.data)
    try:
        await asyncio.sleep(scene.lasting(FULL_S))
    finally:
        await at_journal.ask(_prefix(scene), "open", scene.system.data, usual)


async def _cut(scene: Scene) -> None:
    hosts = _own_host(scene.ground).hosts
    assert hosts is not None
    hosts.cut(HOST, scene.system.pid)
    try:
        await asyncio.sleep(scene.lasting(LINE_S))
    finally:
        hosts.heal(HOST, scene.system.pid)


async def _slow(scene: Scene) -> None:
    hosts = _own_host(scene.ground).hosts
    assert hosts is not None
    bits = max(LEAST_BITS_S, round(SLOW_SHARE * scene.frames_per_s * BITS_A_FRAME))
    hosts.slow(HOST, bits)
    try:
        await asyncio.sleep(scene.lasting(LINE_S))
    finally:
        hosts.quicken(HOST)


async def _clock(scene: Scene, shift_s: int) -> None:
    file = scene.ground.shifted
    if file is None:
        raise Skipped("what shifts clocks is not there: make -C bench shift")
    shift_clocks(file, shift_s)
    try:
        await asyncio.sleep(scene.lasting(CLOCK_S))
        await _answered(scene)
    finally:
        shift_clocks(file, 0)


async def _time_zone(scene: Scene) -> None:
    if not ZONE_INFO.is_dir():
        raise Skipped("the machine has no time zones")
    now = scene.ground.zone.read_bytes()
    others = [name for name in ZONES if (ZONE_INFO / name).read_bytes() != now]
    scene.ground.zone.write_bytes((ZONE_INFO / scene.chance.choice(others)).read_bytes())
    for role in ROLES:
        if pids := processes(scene.system, role):
            _sigkill(scene, role, pids)


async def _descriptors(scene: Scene, role: str) -> None:
    pids = processes(scene.system, role)[:1]
    most = {pid: open_files(pid) * 3 // 4 for pid in pids}
    async with _limited(most, resource.RLIMIT_NOFILE):
        scene.fleet.hang_up(2)
        await asyncio.sleep(scene.lasting(LIMITED_S))


async def _memory(scene: Scene, role: str) -> None:
    pids = processes(scene.system, role)[:1]
    most = {pid: address_space(pid) + SLACK_BYTES for pid in pids}
    async with _limited(most, resource.RLIMIT_AS):
        scene.fleet.hang_up(2)
        await asyncio.sleep(scene.lasting(LIMITED_S))


@asynccontextmanager
async def _limited(most: Mapping[int, int], what: int) -> AsyncIterator[None]:
    """Limit processes; whoever dies of it has a successor without a limit."""
    try:
        usual = {pid: resource.prlimit(pid, what) for pid in most}
    except PermissionError:
        raise Skipped("limits of another user's processes may not be set here") from None
    for pid, limit in most.items():
        resource.prlimit(pid, what, (limit, usual[pid][1]))
    try:
        yield
    finally:
        for pid, limits in usual.items():
            if is_alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(pid, what, limits)


async def _poison(scene: Scene) -> None:
    await _sent(scene, [f"{POISON}{number}" for number in range(len(POISONS))])


async def _sent(scene: Scene, names: Sequence[str]) -> None:
    """Send a frame of each of these meters; all of them are answered."""
    at = moment_of(scene.clock.now_us()).replace(microsecond=0)
    reader, writer = await asyncio.open_connection(*scene.system.target)
    try:
        for number, name in enumerate(names):
            when = at - timedelta(seconds=number)
            writer.write(hj212_realtime(name, number, when, "w01018-Rtd=1.5,w01018-Flag=N"))
            async with asyncio.timeout(POISON_ANSWER_S):
                line = await reader.readline()
            named = f"QN={qn_of(number)};".encode()
            must(named in line, f"a poison frame was answered {line!r}")
    finally:
        writer.close()


async def _deadly(scene: Scene) -> None:
    """Of each way to die: a writer dies of the first frame, and of none that its meter sends later.

    Its successor is told nothing but what the journal and the database hold.  One that has just
    begun tries everything in a child, and does not die at all.
    """
    how = scene.chance.randrange(len(ENDS))
    name = f"{DEADLY}{how}{scene.chance.randrange(10**9):09d}"
    writers = processes(scene.system, "writer")
    await _sent(scene, [name])
    await eventually(partial(_ended, scene, writers, name), within_s=DEATH_S)
    scene.gone.append(("writer", await _dead(writers)))
    scene.over()
    await eventually(partial(_held, scene.system.dsn, name), lambda held: held == 1)
    await _gateways_back(scene)
    writers = processes(scene.system, "writer")
    await _sent(scene, [name, name])
    await eventually(partial(_held, scene.system.dsn, name), lambda held: held == 3)
    must(not await _dead(writers), "a writer died of what was known")


async def _ended(scene: Scene, writers: Sequence[int], name: str) -> bool:
    """Whether a frame did what it does: to a writer, or to a child of one."""
    return bool(await _dead(writers)) or await _held(scene.system.dsn, name) > 0


async def _dead(pids: Sequence[int]) -> list[int]:
    return [pid for pid in pids if not is_alive(pid)]


async def _held(dsn: str, name: str) -> int:
    async with database(dsn) as connection:
        query = "SELECT count(*) FROM quarantine WHERE reason = 'decoder_died' AND identity = $1"
        held: int = await connection.fetchval(query, name)
        return held


async def _corrupted(scene: Scene) -> None:
    await at_journal.ask(_prefix(scene), "garble", scene.system.data)


def shift_clocks(file: Path, seconds: int) -> None:
    """Let clocks be wrong by so many seconds: in place, as it is mapped."""
    with file.open("r+b" if file.exists() else "wb") as shift:
        shift.write(struct.pack("q", seconds))


def fill(place: Path) -> None:
    """Take all that is left of a file system."""
    with place.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        most = shutil.disk_usage(place.parent).free
        os.posix_fallocate(file.fileno(), 0, most - CROWDED_BYTES)
        file.seek(0, os.SEEK_END)
        while True:
            file.write(bytes(resource.getpagesize()))


def open_files(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def address_space(pid: int) -> int:
    """Return how many bytes a process has mapped."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def _prefix(scene: Scene) -> Sequence[str]:
    hosts = scene.ground.hosts
    return [] if hosts is None else hosts.command(HOST)


def _own_host(ground: Ground) -> Ground:
    if ground.hosts is None:
        raise Skipped("no network namespaces may be made here")
    return ground


async def _answered(scene: Scene) -> None:
    """See that meters are answered while the fault lasts, by whoever starts meanwhile, too."""
    until_s = time.monotonic() + ANSWERED_S
    while (waiting_s := scene.fleet.waiting_s) > FLOWING_S:
        must(time.monotonic() < until_s, f"nobody answers: a frame waits {waiting_s:.1f} s")
        await asyncio.sleep(POLL_S)


STEPS: Final[Mapping[str, Fault]] = {
    **{f"kill {role}": partial(_kill, role=role) for role in (*ROLES, *ENGINES)},
    "kill up": _kill_up,
    "kill gateway and nats": _kill_two,
    **{f"stop {role}": partial(_stop, role=role) for role in (*ROLES, *ENGINES, "up")},
    "postgres away": _database_away,
    "nats away": _journal_away,
    "disk full": _disk_full,
    "journal full": _journal_full,
    "network cut": _cut,
    "network slow": _slow,
    "clock an hour ahead": partial(_clock, shift_s=HOUR_S),
    "clock an hour behind": partial(_clock, shift_s=-HOUR_S),
    "time zone changed": _time_zone,
    **{f"descriptors of {role}": partial(_descriptors, role=role) for role in ROLES[:3]},
    **{f"memory of {role}": partial(_memory, role=role) for role in (*ROLES[:3], "nats")},
    "poison frames": _poison,
    "deadly frames": _deadly,
    "corrupted entries": _corrupted,
}
