"""A whole Wattwarden as its users start it: `wattwarden up` on a folder and a port of its own."""

import asyncio
import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from select import POLLIN, poll
from typing import Any, Final, Self, TypeVar
from unittest.mock import patch

import asyncpg

from wattwarden.storage.engines.postgres import postgres_dsn
from wattwarden.storage.profiles import CHANNEL
from wattwarden.tools.main import main

PROGRAM: Final = (str(Path(sys.executable).with_name("wattwarden")),)
PREFIX: Final = "WATTWARDEN_"
HERE: Final = "127.0.0.1"
# Every start of a role would compile all it imports, where the environment forbids Python to keep
# that: two thirds of the time of these tests.  `make` has kept it beside the sources.
KEPT_BYTECODE: Final = {"PYTHONDONTWRITEBYTECODE": ""}
# A first start makes a database: 3 s, on a machine with ten times as much to do as it can, 30.
READY_LIMIT_S: Final = 120.0
STOP_LIMIT_S: Final = 90.0
COMMAND_LIMIT_S: Final = 120.0
PATIENCE_S: Final = 60.0  # for what usually takes a tenth of a second
PROBE_INTERVAL_S: Final = 0.05
LONGEST_PAUSE_S: Final = 0.4  # what takes long on a busy machine takes no longer for being asked
FOLLOWERS: Final = 2  # gateway and writer

T = TypeVar("T")


class Port:
    """A port of 127.0.0.1 that is ours as long as this object lives.

    It is bound and never listened on: the kernel gives it to nobody else, and the gateway, which
    sets SO_REUSEPORT as we do, gets all connections, also after it was killed and started again.
    SO_REUSEADDR lets it see that nobody listens.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Give it back."""
        self._socket.close()


def open_folder() -> Path:
    """A new folder that everybody may enter: engines run as another user when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="wattwarden-test-"))
    folder.chmod(0o755)
    return folder


class System:
    """One `wattwarden up`.

    Use it in a ``with`` statement: leaving it stops the program as Ctrl-C does and insists on exit
    status 0 and on nothing being left behind.

    Args:
        words: More words of its command line.
        settings: Environment names without their WATTWARDEN_, and values.
        program: The words that start the program.
        user: Whose rights it gets, None for ours.
        environment: What else it finds in its environment.
        host: The words before its command by which it runs on a host of its own.
        address: Where it listens for meters.
    """

    def __init__(
        self,
        *words: str,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        host: Sequence[str] = (),
        address: str = HERE,
    ) -> None:
        self.folder = open_folder()
        self.data = self.folder / "data"
        self.log = self.folder / "stderr"
        self.port = Port()
        self.ready: dict[str, Any] = {}
        self.ready_lines: list[str] = []
        self._words = words
        self._settings = settings or {}
        self._program = tuple(program)
        self._user = user
        self._environment = environment or {}
        self._host = tuple(host)
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        if user is not None:
            # The kernel lets only one user share a port.
            self.port.close()
            self.data.mkdir(mode=0o755)
            shutil.chown(self.data, user)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.stop()
        finally:
            self.destroy()

    def __repr__(self) -> str:
        return f"<System {self.data}>"

    @property
    def target(self) -> tuple[str, int]:
        """Host and port for meters."""
        return self._address, self.port.number

    @property
    def dsn(self) -> str:
        """Address of its database."""
        return postgres_dsn(self.data)

    @property
    def pid(self) -> int:
        """Process id of `wattwarden up` itself."""
        assert self._process is not None
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to work on this system, as its own commands do."""
        return self._all_environment() | {"WATTWARDEN_DATA": str(self.data)}

    def environment_too(self, environment: Mapping[str, str]) -> None:
        """Let it find this in its environment, too, when it is started."""
        self._environment = {**self._environment, **environment}

    def start(self) -> None:
        """Start it, also again in the same folder, and wait for its ready line."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._host,
                    *self._program,
                    "up",
                    "--data",
                    str(self.data),
                    "--json",
                    *self._listen(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._all_environment(),
                user=self._user,
                extra_groups=None if self._user is None else [],
            )
        self.ready_lines = [self._first_line(self._process)]
        self.ready = json.loads(self.ready_lines[0])

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it, and see that it ended well and took everything with it."""
        process = self._process
        assert process is not None
        process.send_signal(number)
        try:
            rest, _ = process.communicate(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(self.tail("did not stop")) from None
        self.ready_lines += rest.decode().splitlines()
        assert process.returncode == 0, self.tail(f"ended with {process.returncode}")
        assert not processes_of(self.folder), self.tail("left processes behind")

    def reap(self) -> int:
        """Take note of the end of a program that was killed; return its exit status."""
        assert self._process is not None
        self._process.communicate(timeout=STOP_LIMIT_S)
        return self._process.returncode

    def destroy(self) -> None:
        """Take down whatever still runs, and remove the folder."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        for pid in processes_of(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.port.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self) -> dict[str, list[int]]:
        """The processes by role, as the system itself tells; written anew after each restart."""
        told = json.loads((self.data / "run/running.json").read_bytes())
        pids: dict[str, list[int]] = told["pids"]
        return pids

    def run(
        self,
        *words: str,
        status: int | None = 0,
        said: str = "",
        within_s: float = COMMAND_LIMIT_S,
    ) -> "Said":
        """Run another command of the program on this system; ``said`` goes to its input."""
        done = subprocess.run(
            [*self._program, *words],
            input=said,
            capture_output=True,
            text=True,
            env=self.environment,
            user=self._user,
            timeout=within_s,
            check=False,
        )
        if status is not None:
            assert done.returncode == status, f"{words} left with {done.returncode}: {done.stderr}"
        return Said(done.returncode, done.stdout, done.stderr)

    def call(self, *words: str, status: int = 0, said: str = "") -> "Said":
        """Run another command as ``run`` does, here: an interpreter's start costs more than most.

        Not for one that Ctrl-C stops, which belongs to the main thread.
        """
        environment = self.environment
        # A loop runs here already, and commands have one of their own.
        with ThreadPoolExecutor(1) as beside:
            done = beside.submit(_called, words, said, environment).result(COMMAND_LIMIT_S)
        assert done.status == status, f"{words} left with {done.status}: {done.err}"
        return done

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Ask its database."""
        async with database(self.dsn) as connection:
            return await connection.fetch(query, *values)

    async def value(self, query: str, *values: object) -> Any:
        """Ask its database for one value."""
        async with database(self.dsn) as connection:
            return await connection.fetchval(query, *values)

    def tail(self, complaint: str) -> str:
        """A complaint with the end of what the program said."""
        return f"{complaint}: …{self.log.read_text()[-4000:]}"

    def hold_log_structured(self) -> None:
        """Each line it said on standard error is one JSON object: what, when, how bad, who."""
        for line in self.log.read_text().splitlines():
            assert line.startswith("{"), line
            assert {"event", "timestamp", "level", "role"} <= set(json.loads(line)), line

    def _listen(self) -> Iterator[str]:
        yield from ("--listen", f"{self._address}:{self.port.number}", "--console", f"{HERE}:0")
        yield from self._words

    def _all_environment(self) -> dict[str, str]:
        """Ours, without the settings of whoever started the tests."""
        own = {name: os.environ[name] for name in os.environ if not name.startswith(PREFIX)}
        ours = {f"{PREFIX}{name}": text for name, text in self._settings.items()}
        return own | KEPT_BYTECODE | ours | dict(self._environment)

    def _first_line(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        # Of any number: beside thousands of meters it is beyond what select() takes.
        heard = poll()
        heard.register(process.stdout, POLLIN)
        found = heard.poll(1000 * READY_LIMIT_S)
        line = process.stdout.readline().decode() if found else ""
        assert line.startswith("{"), self.tail(f"no ready line but {line!r}")
        return line.rstrip("\n")


class Said:
    """What a command left: exit status, standard output and standard error."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its output as lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


def _called(words: Sequence[str], said: str, environment: Mapping[str, str]) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment, clear=True),
        patch("sys.stdin", io.TextIOWrapper(io.BytesIO(said.encode()))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = main(words)
    return Said(status, out.getvalue(), err.getvalue())


@contextlib.asynccontextmanager
async def database(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of our own to a database, which may be on its way up."""
    connection = await eventually(lambda: _connect(dsn), lambda found: found is not None)
    assert connection is not None
    try:
        yield connection
    finally:
        await connection.close()


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record] | None":
    try:
        return await asyncpg.connect(dsn, timeout=PATIENCE_S)
    except (OSError, asyncpg.CannotConnectNowError):
        return None


async def eventually(
    probe: Callable[[], Awaitable[T]],
    fits: Callable[[T], object] = bool,
    within_s: float = PATIENCE_S,
    longest_pause_s: float = LONGEST_PAUSE_S,
) -> T:
    """Ask until the answer fits, and return it; fail with the last one otherwise."""
    limit = time.monotonic() + within_s
    pause_s = PROBE_INTERVAL_S
    while not fits(answer := await probe()):
        assert time.monotonic() < limit, f"still {answer!r} after {within_s:g} s"
        await asyncio.sleep(pause_s)
        pause_s = min(1.2 * pause_s, longest_pause_s)
    return answer


async def profiles_taken(system: System) -> None:
    """Wait until gateway and writer go by the profiles of meters as they are now."""
    taken = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wattwarden profiles'"
        " AND query_start > $1"
    )
    async with database(system.dsn) as connection:
        # They load one after another: who begins a second time has done with the first.
        for _ in range(2):
            now = await connection.fetchval("SELECT clock_timestamp()")
            await connection.execute(f"NOTIFY {CHANNEL}")
            await eventually(
                partial(connection.fetchval, taken, now), lambda count: count >= FOLLOWERS
            )


def processes_of(folder: Path) -> dict[int, str]:
    """The processes that work in a folder or were told of it, each with its command line."""
    found: dict[int, str] = {}
    needle = os.fsencode(folder)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            place = os.fsencode((entry / "cwd").readlink())
            told = (entry / "environ").read_bytes()
            if command and (needle in command or place.startswith(needle) or needle in told):
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found
