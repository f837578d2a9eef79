"""rsyslog → PostgreSQL, as Debian ships both: each line that comes in is a row.

    loadgen ─► imptcp ─► main queue ─► linked list in memory ─► ompgsql ─► table line (MANUAL)
    loadgen ─► imptcp ─► linked list in memory ─► ompgsql ─► table line            (ONE_QUEUE)

The first is how rsyslog's manual writes to databases: a queue of its own before the action.  The
second has one queue less, and with it larger batches.  Batches are as large as rsyslog makes them
by itself, and synchronous_commit is on, as it is for us.  Nothing is dropped: a full queue stops
the reading.  Each has an embedded PostgreSQL of the same binaries and settings for itself, and runs
in a folder of its own; what is installed on the machine, its services and their settings are not
touched.
"""

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.servers import BUILD, Server, free_port

from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.postgres import EmbeddedPostgres

UNPACKED: Final = BUILD / "rsyslog"
SYSTEM: Final = Path("/")
HOW: Final = "rsyslog is not installed here: `make -C bench rsyslog` unpacks Debian's"
START_LIMIT_S: Final = 10.0  # it listens within a tenth of a second
STOP_LIMIT_S: Final = 30.0  # what its queue still holds is written
PAUSE_S: Final = 0.05
TABLE: Final = "CREATE TABLE line (stored_at timestamptz NOT NULL DEFAULT now(), raw text NOT NULL)"
HEAD: Final = """\
global(parser.escapeControlCharactersOnReceive="off")
module(load="imptcp")
module(load="ompgsql")
template(name="row" type="string" option.stdsql="on"
         string="INSERT INTO line (raw) VALUES ('%rawmsg%')")
input(type="imptcp" address="127.0.0.1" port="{port}" ruleset="keep" flowControl="on"
      socketBacklog="4096")
"""
# By itself rsyslog drops what a full queue of an action has not taken for two seconds.
MANUAL: Final = (
    HEAD
    + """\
ruleset(name="keep") {{
    action(type="ompgsql" template="row" conninfo="{dsn}"
           queue.type="LinkedList" queue.timeoutEnqueue="600000")
}}
"""
)
ONE_QUEUE: Final = (
    HEAD
    + """\
ruleset(name="keep" queue.type="LinkedList") {{
    action(type="ompgsql" template="row" conninfo="{dsn}")
}}
"""
)


class NoRsyslogError(BenchError):
    """rsyslog is not there, or not usable."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where rsyslogd, its modules and its libraries are."""

    rsyslogd: Path
    modules: Path
    libraries: Path


@dataclass(frozen=True, slots=True)
class Rsyslog:
    """A running rsyslogd, and the database that it fills."""

    server: Server
    store: Connection


def find_rsyslog() -> Programs:
    """Find what is installed, or unpacked for this bench.

    Raises:
        NoRsyslogError: Neither; its text says how to get it.
    """
    for root in (SYSTEM, UNPACKED):
        modules = next(root.glob("usr/lib/*/rsyslog/ompgsql.so"), None)
        program = root / "usr/sbin/rsyslogd"
        if modules is not None and program.is_file():
            return Programs(program, modules.parent, modules.parent.parent)
    raise NoRsyslogError(HOW)


@asynccontextmanager
async def rsyslog(configuration: str) -> AsyncIterator[Rsyslog]:
    """Run it by one of the configurations above, with an empty table; stop both.

    Raises:
        NoRsyslogError: It is not there, or does not start.
    """
    programs = find_rsyslog()
    with _folder() as folder:
        engine = EmbeddedPostgres(folder / "data")
        await engine.start()
        try:
            store = await connect(engine.dsn, name="bench")
            await store.execute(TABLE)
            port = free_port()
            text = configuration.format(dsn=engine.dsn, port=port)
            with _started(programs, folder, text) as process:
                try:
                    await _listening(process, port, folder)
                    pids = {"gateway": (process.pid,), "postgres": (engine.pid,)}
                    yield Rsyslog(Server(port, pids), store)
                finally:
                    # It is waited for, whatever became of the measurement.
                    process.terminate()
                    await asyncio.to_thread(_ended, process)
            await store.close()
        finally:
            await engine.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wattwarden-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user when this one is root, and must be able to pass.
        folder.chmod(0o755)
        yield folder


def _started(programs: Programs, folder: Path, text: str) -> subprocess.Popen[bytes]:
    configuration = folder / "rsyslog.conf"
    configuration.write_text(text, encoding="utf-8")
    command = [str(programs.rsyslogd), "-n", "-f", str(configuration)]
    command += ["-i", str(folder / "pid"), "-M", str(programs.modules)]
    environment = os.environ | {"LD_LIBRARY_PATH": str(programs.libraries)}
    with (folder / "rsyslog.log").open("wb") as log:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has written what its queue still held; end it where it cannot."""
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()


async def _listening(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    stop_s = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < stop_s:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(PAUSE_S)
            continue
        writer.close()
        await writer.wait_closed()
        return
    process.kill()
    said = (folder / "rsyslog.log").read_text(encoding="utf-8", errors="replace")[-1000:]
    message = f"rsyslogd does not listen: {said.strip()}"
    raise NoRsyslogError(message)
