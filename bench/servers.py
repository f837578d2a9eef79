"""The two servers that are compared: the C reference, and Wattwarden with all its processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Any, Final

from bench.errors import BenchError

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE / "build"
PROGRAM: Final = Path(sys.executable).with_name("wattwarden")

READY_LIMIT_S: Final = 60.0  # a first start makes a database: 2 s, on a busy disk ten times that
STOP_LIMIT_S: Final = 60.0  # draining writes out what the journal still holds
REFERENCE_LIMIT_S: Final = 3600  # the reference ends by itself if this program is killed
# Above 32768 Linux takes ports for outgoing connections, such as loadgen's own.
PORTS: Final = range(21500, 32000)
PORTS_A_RUN: Final = 16  # more than one run takes; process ids follow one another

# All meters dial in from one address here, which limits meant for a stranger's address would stop.
LIFTED_LIMITS: Final = {
    "WATTWARDEN_WRITER__ENROLMENTS_PER_PEER_HOUR": "1000000",
    "WATTWARDEN_GATEWAY__LOGINS_PER_SECOND": "1000000",
    "WATTWARDEN_GATEWAY__CONNECTIONS_PER_PEER_SECOND": "1000000",
    "WATTWARDEN_GATEWAY__LOGINS_PER_METER_MINUTE": "1000000",
}
DEFAULTS: Final[Mapping[str, str]] = {}
NO_SECRETS: Final[Mapping[str, bytes]] = {}


class ServerError(BenchError):
    """A server did not start, or did not end as it should."""


class NotReadyError(ServerError):
    """A server did not say where it listens."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        pids: Its processes by role; ``gateway`` are those that serve the connections.
        data: Where it keeps things; None when it keeps nothing.
    """

    port: int
    pids: Mapping[str, tuple[int, ...]]
    data: Path | None = None

    @property
    def all_pids(self) -> tuple[int, ...]:
        """The processes of all roles."""
        return tuple(pid for pids in self.pids.values() for pid in pids)


def build() -> None:
    """Builds the C programs; says nothing unless that fails."""
    subprocess.run(["make", "--silent", "-C", str(HERE)], check=True)


@contextmanager
def reference(protocol: str) -> Iterator[Server]:
    """Runs refserver."""
    command = [str(BUILD / "refserver"), "--protocol", protocol, "--port", str(free_port())]
    command += ["--seconds", str(REFERENCE_LIMIT_S)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(_first_line(process, READY_LIMIT_S)["listening"])
            yield Server(port, {"gateway": (process.pid,)})
        finally:
            process.terminate()
            process.wait(STOP_LIMIT_S)


@contextmanager
def wattwarden(
    program: Path = PROGRAM,
    settings: Mapping[str, str] = DEFAULTS,
    secrets: Mapping[str, bytes] = NO_SECRETS,
) -> Iterator[Server]:
    """Runs ``wattwarden up`` on an empty data folder, and stops it as Ctrl-C does.

    ``settings`` are variables of its environment, ``secrets`` files of its secrets folder.

    Raises:
        ServerError: No ready line came in time, or the exit status was not 0.
    """
    with tempfile.TemporaryDirectory(prefix="wattwarden-bench-") as name, _log(name) as log:
        # PostgreSQL runs as another user when this one is root, and must be able to pass.
        Path(name).chmod(0o755)
        _write_secrets(Path(name) / "data/secrets", secrets)
        command = [str(program), "up", "--data", f"{name}/data", "--json"]
        command += ["--listen", f"127.0.0.1:{free_port()}", "--console", "127.0.0.1:0"]
        with subprocess.Popen(
            command,
            env={**_environment(), **settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process:
            try:
                yield _parse_ready(_first_line(process, READY_LIMIT_S), Path(name) / "data")
            except NotReadyError as error:
                message = f"{error}: {_tail(log)}"
                raise ServerError(message) from error
            finally:
                status = _interrupt(process)
        if status != 0:
            message = f"wattwarden up left with {status}: {_tail(log)}"
            raise ServerError(message)


def free_port() -> int:
    """A port of PORTS that nobody listens on at this moment.

    Another run of this program may look for one in the moment before ours is listened on, and the
    two gateways would share it; so each looks from a place of its own.
    """
    first = os.getpid() * PORTS_A_RUN % len(PORTS)
    turned: tuple[int, ...] = (*PORTS[first:], *PORTS[:first])
    for port in turned:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"no free port from {PORTS.start} to {PORTS.stop - 1}"
    raise ServerError(message)


def _write_secrets(folder: Path, secrets: Mapping[str, bytes]) -> None:
    if secrets:
        folder.mkdir(parents=True, mode=0o700)
    for name, content in secrets.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


def _environment() -> dict[str, str]:
    """Ours without the settings of whoever started this, so that defaults are measured."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("WATTWARDEN_")}
    return own | LIFTED_LIMITS


def _parse_ready(line: Mapping[str, Any], data: Path) -> Server:
    """Reads ``{"ready": true, "listen": "HOST:PORT", "pids": {"gateway": [1], "nats": 2, …}}``."""
    pids = {
        role: tuple(found) if isinstance(found, list) else (found,)
        for role, found in line["pids"].items()
        if found
    }
    return Server(int(line["listen"].rpartition(":")[2]), pids, data)


def _first_line(process: subprocess.Popen[str], limit_s: float) -> Mapping[str, Any]:
    line = ""
    with DefaultSelector() as selector:
        if process.stdout is not None and selector.register(process.stdout, EVENT_READ):
            line = process.stdout.readline() if selector.select(limit_s) else ""
    if not line.startswith("{"):
        message = f"{process.args!r} printed {line!r}, not a line of JSON within {limit_s:.0f} s"
        raise NotReadyError(message)
    parsed: Mapping[str, Any] = json.loads(line)
    return parsed


def _interrupt(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _log(folder: str) -> IO[str]:
    return (Path(folder) / "log").open("w+", encoding="utf-8")


def _tail(log: IO[str]) -> str:
    log.seek(0)
    return log.read()[-2000:]
