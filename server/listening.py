"""Whether meters can be listened for at an address, and if not, who does it there.

bind ──► free
└─► taken ──► /proc/net/tcp ──► socket ──► /proc/PID/fd ──► process
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwarden.server.places import NotRunningError, Places, Running, read_running
from wattwarden.server.settings import Settings

OTHER_ADDRESS: Final = "--listen HOST:PORT takes another address"

# The state of a socket that listens, in /proc/net/tcp (include/net/tcp_states.h).
_LISTENING: Final = "0A"
# A command line is shown with the program and its first words.
_SHOWN_LETTERS: Final = 60


class PortRefusedError(Exception):
    """Meters cannot be listened for.  ``cure`` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens at a port."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command[:_SHOWN_LETTERS]})"

    @property
    def is_gateway(self) -> bool:
        """Whether it looks like a gateway of this program, of whatever system."""
        words = self.command.split()
        return "gateway" in words and "wattwarden" in self.command


def check_port(settings: Settings) -> None:
    """Make sure that a gateway could listen at its address, before anything is started for it.

    It may be held by this folder's own gateway, which outlives its system by what it still has to
    answer, and by gateways that may write into the same journal of somebody else's.

    Raises:
        PortRefusedError: It could not; names who holds the address.
    """
    listen = settings.gateway.listen
    try:
        probe(listen)
    except PortRefusedError:
        found = list(holders(port_of(listen)))
        ours = gateway_pids(living_system(settings.data))
        shared = settings.nats is not None
        if not any(one.pid in ours or (shared and one.is_gateway) for one in found):
            raise


def probe(listen: str) -> None:
    """Try an address.

    Raises:
        PortRefusedError: It is taken, not this machine's, or not for this user.
    """
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # Connections of an earlier run that are dying away do not count.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host.strip("[]"), int(port)))
    except OSError as error:
        raise _refused(listen, error) from error


def holders(port: int) -> Iterator[Holder]:
    """Yield the processes that listen at a port, as far as this user may see."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    if not inodes:
        return
    for folder in Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at, or be somebody else's.
        with suppress(OSError):
            if any(str(file.readlink()) in inodes for file in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                yield Holder(int(folder.name), b" ".join(words).decode(errors="replace"))


def living_system(data: Path) -> Running | None:
    """Return what the system of a data folder says of itself, if its gateway lives."""
    with suppress(NotRunningError):
        running = read_running(Places(data))
        if any(Path(f"/proc/{pid}").exists() for pid in gateway_pids(running)):
            return running
    return None


def gateway_pids(running: Running | None) -> list[int]:
    """Return the processes of a system that listen for meters."""
    return [] if running is None else running.pids.get("gateway", [])


def port_of(listen: str) -> int:
    """Return the port of HOST:PORT."""
    return int(listen.rpartition(":")[2])


def _refused(listen: str, error: OSError) -> PortRefusedError:
    if error.errno == errno.EADDRINUSE:
        found = ", ".join(map(str, holders(port_of(listen))))
        who = found or "a process that another user runs"
        look = "" if found else f" (as root, ss -ltnp sport = :{port_of(listen)} names it)"
        message = f"the meter port {listen} is held by {who}"
        return PortRefusedError(message, f"stop it{look}; or {OTHER_ADDRESS}")
    message = f"the meter port {listen} cannot be opened: {error.strerror or error}"
    if error.errno == errno.EACCES:
        cure = f"ports below 1024 are root's, or need CAP_NET_BIND_SERVICE; {OTHER_ADDRESS}"
    else:
        cure = f"0.0.0.0 stands for all addresses of this machine; {OTHER_ADDRESS}"
    return PortRefusedError(message, cure)


def _listening(port: int) -> Iterator[str]:
    """Inodes of the sockets that listen at a port."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", name).read_text("ascii").splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]
