"""Roles forked from one process: what they are, and that nothing of it stands in the way."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.integration.system import eventually

from wattwarden.server import nursery as module
from wattwarden.server.births import MOST_ORDER_BYTES
from wattwarden.server.family import adopt_orphans, bury, zombies
from wattwarden.server.forked import UNKNOWN_STATUS, Forked
from wattwarden.server.nursery import Nursery

SMALL = Path(__file__).with_name("small_nursery.py")
RESTS = "roles start without the nursery for a while"
FOUND = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}


@pytest.fixture(autouse=True)
def _orphans_are_no_business_of_other_tests() -> Iterator[None]:
    yield
    adopt_orphans(yes=False)


class Stale:
    """What is told to have changed, "" for nothing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.name("")

    def name(self, changed: str) -> None:
        self.file.write_text(changed)


@pytest.fixture
def stale(tmp_path: Path) -> Stale:
    return Stale(tmp_path / "stale")


Make = Callable[..., Nursery]


@pytest.fixture
async def make(stale: Stale) -> AsyncIterator[Make]:
    made: list[Nursery] = []

    def one(kind: str = "usual") -> Nursery:
        made.append(Nursery(FOUND, (str(SMALL), kind, str(stale.file))))
        return made[-1]

    yield one
    for nursery in made:
        await nursery.close()


async def ended(child: Forked) -> int:
    """Its status, once all it said is read."""
    await child.stdout.read()
    return await child.wait()


async def born(nursery: Nursery, *words: str, sockets: Any = None, **environment: str) -> Forked:
    child = await nursery.fork(words, environment, sockets or {})
    assert child is not None
    return child


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def is_gone(pid: int) -> bool:
    return not is_there(pid)


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def open_files(pid: int) -> set[str]:
    found = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        # The one by which they are listed is gone already.
        with contextlib.suppress(FileNotFoundError):
            found.add(str(file.readlink()))
    return found


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


async def test_a_forked_role_is_as_an_executed_one_is(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/St_Johns")
    child = await born(make(), "look", NAME="值", ODD="\udcff", TZ="Asia/Tokyo")
    found = json.loads(await child.stdout.readline())
    assert await ended(child) == 0
    assert found["pid"] == child.pid == found["session"] == found["group"]
    assert found["parent"] == os.getpid()
    assert found["line"] == [sys.executable, "-m", "wattwarden", "look"]
    assert found["words"] == ["look"]
    assert found["environment"] == {"NAME": "值", "ODD": "\udcff", "TZ": "Asia/Tokyo"}
    assert found["zone"] == "JST"
    assert found["death"] == signal.SIGTERM
    assert found["signals"] == [True, True]
    assert found["inputs"] == "/dev/null"
    # The fourth is the one by which it looked.
    assert len(found["open"]) == 4
    assert found["open"][:3] == [0, 1, 2]
    said = dict(line.split(":\t") for line in found["status"].splitlines() if ":\t" in line)
    assert (said["Umask"], said["NoNewPrivs"]) == ("0077", "1")


async def test_sockets_are_handed_over_and_nobody_else_keeps_them(make: Make) -> None:
    nursery = make()
    await ended(await born(nursery, "end", "0"))
    before = open_files(nursery.pid)
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("", 0)) as second:
        sockets = {"meters": [first], "tls": [second]}
        child = await born(nursery, "answer", "tls", sockets=sockets)
        assert open_files(nursery.pid) == before
        address = ("127.0.0.1", second.getsockname()[1])
    reader, writer = await asyncio.open_connection(*address)
    assert await reader.read() == b"served"
    writer.close()
    assert await ended(child) == 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_its_end_is_told_once_and_leaves_nothing(make: Make) -> None:
    nursery, before = make(), zombies()
    first, second = await born(nursery, "end", "7"), await born(nursery, "wait")
    assert await ended(first) == 7
    with pytest.raises(ProcessLookupError):
        first.kill()
    assert await second.stdout.readline() == b"{}\n"
    second.terminate()
    assert await ended(second) == -signal.SIGTERM == second.returncode
    third = await born(nursery, "wait")
    third.kill()
    assert await ended(third) == -signal.SIGKILL
    assert zombies() <= before
    assert children_of(nursery.pid) == []


async def test_a_status_that_another_took_is_unknown(make: Make) -> None:
    child = await born(make(), "wait")
    os.kill(child.pid, signal.SIGKILL)
    assert status_of(child.pid) == -signal.SIGKILL
    assert await ended(child) == UNKNOWN_STATUS


async def test_many_are_born_one_after_another(make: Make) -> None:
    nursery = make()
    await ended(await born(nursery, "end", "0"))
    before = len(open_files(os.getpid()))
    children = await asyncio.gather(*(born(nursery, "end", str(n)) for n in range(9)))
    assert [await ended(child) for child in children] == list(range(9))
    assert len({child.pid for child in children}) == 9

    async def left() -> int:
        return len(open_files(os.getpid()))

    await eventually(left, lambda count: count <= before)


async def test_the_end_of_a_nursery_ends_nobody_and_is_made_good(make: Make) -> None:
    nursery = make()
    child = await born(nursery, "wait")
    await child.stdout.readline()
    before = nursery.pid
    os.kill(before, signal.SIGKILL)
    with capture_logs() as said:
        # That it has ended is noticed as it is asked, or was before.
        other = await born(nursery, "wait")
        await eventually(partial(is_gone, before))
    assert (said, nursery.pid != before) == ([], True)
    assert child.returncode is None
    for one in (child, other):
        one.kill()
        await ended(one)


async def test_one_that_ends_with_an_order_unread_is_made_good(make: Make) -> None:
    nursery = make()
    await ended(await born(nursery, "end", "0"))
    before = nursery.pid
    os.kill(before, signal.SIGSTOP)
    with capture_logs() as said:
        forking = asyncio.create_task(born(nursery, "end", "0"))
        # Now the order is at its door.
        await asyncio.sleep(0)
        os.kill(before, signal.SIGKILL)
        await ended(await forking)
    assert (said, nursery.pid != before) == ([], True)


async def test_a_terminals_signals_do_not_reach_it(make: Make) -> None:
    nursery = make()
    await ended(await born(nursery, "end", "0"))
    assert os.getsid(nursery.pid) == os.getpgid(nursery.pid) == nursery.pid


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("refuses the 1", "no process: [Errno 11]"),
        ("refuses the 2", "no process: [Errno 11]"),
        ("broken", "it has ended"),
        ("threaded", "it has threads"),
    ],
    ids=["first fork", "second fork", "ends", "threads"],
)
async def test_one_that_does_not_work_is_left_alone_for_a_while(
    kind: str, reason: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    nursery = make(kind)
    with capture_logs() as said:
        assert await nursery.fork(["end", "0"], {}, {}) is None
        assert await nursery.fork(["end", "0"], {}, {}) is None
    [line] = said
    assert line["event"] == RESTS
    assert line["reason"].startswith(reason)
    assert nursery.pid == 0
    # It has rested.
    monkeypatch.setattr(nursery, "_rests_until_s", 0.0)
    nursery._program = (*nursery._program[:1], "usual", *nursery._program[2:])
    assert await ended(await born(nursery, "end", "0")) == 0


async def test_a_fork_that_cannot_be_told_of_leaves_no_second_nursery(make: Make) -> None:
    before = await _children(os.getpid())
    with capture_logs() as said:
        assert await make("unheard").fork(["wait"], {}, {}) is None
    # Said by the nursery itself: by the one between it would be another error.
    assert said[0]["reason"] == "no process: [Errno 10] No child processes"
    await eventually(partial(_children, os.getpid()), lambda found: found <= before)


async def test_an_order_that_does_not_fit_is_refused_whole(make: Make) -> None:
    with capture_logs() as said:
        assert await make().fork(["end", "0"], {"LONG": "x" * MOST_ORDER_BYTES}, {}) is None
    assert "a part of the order was lost" in said[0]["reason"]


async def test_one_that_speaks_another_language_is_left_alone(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the nursery of an upgrade may, to a system that has not been upgraded.
    monkeypatch.setattr(module, "Answer", int)
    with capture_logs() as said:
        assert await make().fork(["end", "0"], {}, {}) is None
    assert said[0]["event"] == RESTS


async def test_one_that_stands_still_is_waited_for_for_seconds_and_ended(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FORK_S", 0.1)
    # Servers of other tests, too, are children of this process.
    nursery, before = make(), await _children(os.getpid())
    await nursery.begin()
    stuck = nursery.pid
    assert nursery._running is not None
    assert await nursery._running._answer(30) is not None
    nursery._running._is_ready = True
    os.kill(stuck, signal.SIGSTOP)
    with capture_logs() as said:
        assert await nursery.fork(["wait"], {}, {}) is None
    assert said[0]["reason"] == "it has said nothing for 0.1 s"
    assert not is_there(stuck)
    # What it may have forked was never told to begin.
    await eventually(partial(_children, os.getpid()), lambda found: found <= before)


async def _children(pid: int) -> set[int]:
    return set(children_of(pid)) - zombies()


async def test_whoever_no_longer_waits_leaves_nothing_behind(make: Make) -> None:
    nursery = make()
    await nursery.begin()
    stuck = nursery.pid
    os.kill(stuck, signal.SIGSTOP)
    waiting = asyncio.create_task(nursery.fork(["wait"], {}, {}))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (nursery.pid, is_there(stuck)) == (0, False)
    assert await ended(await born(nursery, "end", "3")) == 3


async def test_what_is_not_known_is_never_told_to_begin(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    nursery, pids = make(), []

    def stranger(pid: int) -> Forked:
        pids.append(pid)
        raise ChildProcessError

    monkeypatch.setattr(module, "Forked", stranger)
    assert await nursery.fork(["wait"], {}, {}) is None
    [pid] = pids
    assert status_of(pid) == 1


async def test_another_installation_has_another_nursery(make: Make, stale: Stale) -> None:
    nursery = make()
    await ended(await born(nursery, "end", "0"))
    before = nursery.pid
    stale.name("protocol/frame.py")

    async def upgraded() -> None:
        await eventually(partial(is_gone, before))
        stale.name("")

    with capture_logs() as said:
        upgrading = asyncio.create_task(upgraded())
        assert await ended(await born(nursery, "end", "0")) == 0
    await upgrading
    assert nursery.pid not in {0, before}
    assert said[0]["event"] == "the nursery begins anew"
    assert "protocol/frame.py" in said[0]["reason"]


async def test_an_upgrade_that_goes_on_is_not_waited_for(make: Make, stale: Stale) -> None:
    stale.name("protocol/frame.py")
    with capture_logs() as said:
        assert await make().fork(["end", "0"], {}, {}) is None
    assert [line["event"] for line in said] == ["the nursery begins anew", RESTS]


STARTS_AND_WAITS = """
import asyncio, sys
from wattwarden.server.nursery import Nursery

async def main():
    nursery = Nursery({}, sys.argv[1:])
    child = await nursery.fork(["wait"], {}, {})
    print(nursery.pid, child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_all_end_with_the_one_who_wanted_them(stale: Stale) -> None:
    words = [sys.executable, "-c", STARTS_AND_WAITS, str(SMALL), "usual", str(stale.file)]
    parent = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.kill()
    await parent.communicate()
    for pid in pids:
        await eventually(partial(is_gone, pid))


async def test_adopted_orphans_do_not_stay(make: Make) -> None:
    before = zombies()
    await make().begin()
    shell = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0 & sleep 0 &")
    await shell.wait()

    async def orphans() -> set[int]:
        return zombies() - before

    found = await eventually(orphans, lambda pids: len(pids) == 2)
    looks: list[set[int]] = []

    def look() -> set[int]:
        looks.append(zombies() - before)
        return looks[-1]

    burying = asyncio.create_task(bury(look, 0.01))
    await eventually(orphans, lambda pids: not pids & found)
    burying.cancel()
    # One look alone says nothing: somebody may be about to take the status.
    assert looks[0] == looks[1] == found
