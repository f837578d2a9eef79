"""Whether meters and pages can be listened for at an address, and if not, who does it there.

bind ──► free
└─► taken ──► /proc/net/tcp ──► socket ──► /proc/PID/fd ──► process
"""

import errno
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwarden.server.addresses import endpoint_of
from wattwarden.server.places import NotRunningError, Places, Running, read_running
from wattwarden.server.settings import Settings

# The state of a socket that listens, in /proc/net/tcp (include/net/tcp_states.h).
_LISTENING: Final = "0A"
# A command line is shown with the program and its first words.
_SHOWN_LETTERS: Final = 60


class PortRefusedError(Exception):
    """An address cannot be listened at.  ``cure`` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Door:
    """What is listened for: as people call it, the role that does, the option that moves it."""

    name: str
    role: str
    option: str

    @property
    def other_address(self) -> str:
        """How to take another address."""
        return f"{self.option} HOST:PORT takes another address"


METERS: Final = Door("meter port", "gateway", "--listen")
PAGES: Final = Door("console", "side", "--console")
TLS: Final = Door("meter port with TLS", "gateway", "WATTWARDEN_GATEWAY__TLS_LISTEN")
PUSHES: Final = Door("door for pushes", "gateway", "WATTWARDEN_GATEWAY__HTTP_LISTEN")
LISTENERS: Final = Door("listener", "gateway", "WATTWARDEN_GATEWAY__LISTENERS")
DATAGRAMS: Final = Door("door for datagrams", "gateway", "WATTWARDEN_GATEWAY__UDP_LISTEN")


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


def check_ports(settings: Settings, given: Collection[Door] = ()) -> None:
    """Make sure that what listens could, before anything is started for it; what is given is open.

    An address may be held by this folder's own role, which outlives its system by what it still has
    to answer; the meters' also by gateways that may write into the same journal of somebody else's.

    Raises:
        PortRefusedError: It could not; names who holds the address.
    """
    running = living_system(settings.data)
    for door, listen in ((METERS, settings.gateway.listen), (PAGES, settings.console.listen)):
        if door in given:
            continue
        try:
            probe(listen, door)
        except PortRefusedError:
            found = list(holders(port_of(listen)))
            ours = pids_at(running, door)
            shared = door is METERS and settings.nats is not None
            if not any(one.pid in ours or (shared and one.is_gateway) for one in found):
                raise


def probe(listen: str, door: Door = METERS) -> None:
    """Try an address.

    Raises:
        PortRefusedError: It is taken, not this machine's, or not for this user.
    """
    try:
        with socket.socket(_family(listen), socket.SOCK_STREAM) as trial:
            # Connections of an earlier run that are dying away do not count.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(endpoint_of(listen))
    except OSError as error:
        raise refused(listen, door, error) from error


def open_server(listen: str) -> socket.socket:
    """Listen at HOST:PORT.

    Raises:
        OSError: It cannot be; ``refused`` says why.
    """
    return socket.create_server(endpoint_of(listen), family=_family(listen))


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
        if any(Path(f"/proc/{pid}").exists() for pid in pids_at(running, METERS)):
            return running
    return None


def pids_at(running: Running | None, door: Door) -> list[int]:
    """Return the processes of a system that listen at a door."""
    return [] if running is None else running.pids.get(door.role, [])


def port_of(listen: str) -> int:
    """Return the port of HOST:PORT."""
    return int(listen.rpartition(":")[2])


def refused(listen: str, door: Door, error: OSError) -> PortRefusedError:
    """Say why an address cannot be listened at, who holds it, and what to do."""
    if error.errno == errno.EADDRINUSE:
        found = ", ".join(map(str, holders(port_of(listen))))
        who = found or "a process that another user runs"
        look = "" if found else f" (as root, ss -ltnp sport = :{port_of(listen)} names it)"
        message = f"the {door.name} {listen} is held by {who}"
        return PortRefusedError(message, f"stop it{look}; or {door.other_address}")
    message = f"the {door.name} {listen} cannot be opened: {error.strerror or error}"
    if error.errno == errno.EACCES:
        cure = f"ports below 1024 are root's, or need CAP_NET_BIND_SERVICE; {door.other_address}"
    else:
        cure = f"0.0.0.0 stands for all addresses of this machine; {door.other_address}"
    return PortRefusedError(message, cure)


def _family(listen: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in endpoint_of(listen)[0] else socket.AF_INET


def _listening(port: int) -> Iterator[str]:
    """Inodes of the sockets that listen at a port."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", name).read_text("ascii").splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]
