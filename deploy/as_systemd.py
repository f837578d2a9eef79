"""A service started as systemd would, where no systemd runs: in a root of its own, closed off.

    unit file ─► user, environment, ExecStart      socket unit ─► a socket that listens, as number 3
    NOTIFY_SOCKET ◄─ READY=1, WATCHDOG=1, STOPPING=1
    no new privileges, no memory that is written and executed, the unit's own filter of system calls

Linux and root only; the standard library, and libseccomp, which systemd itself needs.
"""

import ctypes
import errno
import os
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

# linux/prctl.h, seccomp.h
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_MDWE: Final = 65
PR_GET_MDWE: Final = 66
PR_MDWE_REFUSE_EXEC_GAIN: Final = 1
SCMP_ACT_ERRNO_EPERM: Final = 0x00050000 | errno.EPERM
SCMP_ACT_ALLOW: Final = 0x7FFF0000
SCMP_CMP_EQ: Final = 4
# As sd_listen_fds(3) has it.
FIRST_HANDED_OVER: Final = 3
NOTIFY: Final = "/run/wattwarden-notify"
WATCHDOG_S: Final = 6
# Words of sd_notify are short.
MOST_BYTES: Final = 4096
LOOK_S: Final = 0.2
# What was told before the end has been heard by then, on a slow machine too.
HEARD_S: Final = 5.0

Unit = Mapping[str, list[str]]


def unit_of(text: str) -> Unit:
    """Return the words of a unit file: each key with all of its values, sections aside."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith(("#", ";")):
            found[key.strip()].append(value.strip())
    return found


def filtered_calls(unit: Unit, folder: Path) -> set[str]:
    """Return the system calls that the unit may make, as the folder's systemd knows them."""
    allowed: set[str] = set()
    for line in unit["SystemCallFilter"]:
        named = {name for word in line.lstrip("~").split() for name in _calls(word, folder)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    # systemd allows these to every filter, so that a program can be executed at all.
    return allowed | set(_calls("@default", folder))


def _calls(word: str, folder: Path) -> Iterator[str]:
    if not word.startswith("@"):
        yield word
        return
    command = ["chroot", str(folder), "systemd-analyze", "syscall-filter", word]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in told.stdout.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith("#"):
            yield from _calls(name, folder)


class Service:
    """One service of a root folder, from its start to its end."""

    def __init__(self, folder: Path, unit: Unit, port: Unit) -> None:
        self._folder = folder
        self._unit = unit
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.told: list[str] = []
        self.skipped: list[str] = []
        """What this machine does not let us do as systemd would, and why."""
        self._said = threading.Condition()
        self._ended = threading.Event()
        self._ear = threading.Thread(target=self._hear, daemon=True)

    def __enter__(self) -> Self:
        place = self._folder / NOTIFY[1:]
        place.unlink(missing_ok=True)
        self._hears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hears.bind(str(place))
        self._hears.settimeout(LOOK_S)
        place.chmod(0o666)
        host, _, number = self._port["ListenStream"][-1].rpartition(":")
        self._listens = socket.create_server((host, int(number)), backlog=4096)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._ended.set()
        if self._ear.is_alive():
            self._ear.join()
        self._listens.close()
        self._hears.close()

    def start(self, log: Path) -> None:
        """Start it; what it says goes to the file."""
        words = shlex.split(self._unit["ExecStart"][-1])
        closing = self._closing()
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "-", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment(),
                preexec_fn=closing,  # noqa: PLW1509  no thread runs yet
                pass_fds=(FIRST_HANDED_OVER,),
                start_new_session=True,
            )
        self._ear.start()

    def wait_for(self, word: str, count: int, within_s: float) -> float:
        """Wait until it told a word so often; return after how many seconds.

        Raises:
            TimeoutError: It did not.
        """
        began = time.monotonic()
        with self._said:
            while sum(one == word for one in self.told) < count:
                is_over = time.monotonic() - began >= within_s
                is_over |= self._process is not None and self._process.poll() is not None
                if not self._said.wait(HEARD_S if is_over else LOOK_S) and is_over:
                    message = f"{count} × {word} did not come; told: {self.told}"
                    raise TimeoutError(message)
        return time.monotonic() - began

    def stop(self, within_s: float) -> int:
        """Ask it to stop; return its exit status."""
        assert self._process is not None  # noqa: S101  it was started
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within_s)

    def _hear(self) -> None:
        """Hear what is told all the time, as systemd does: ten words fill the socket's queue."""
        while not self._ended.is_set():
            try:
                words = self._hears.recv(MOST_BYTES).decode(errors="replace").splitlines()
            except TimeoutError:
                continue
            with self._said:
                self.told += words
                self._said.notify_all()

    def _environment(self) -> dict[str, str]:
        own = dict(line.partition("=")[::2] for line in self._unit["Environment"])
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "NOTIFY_SOCKET": NOTIFY,
            "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000),
            "LISTEN_FDS": "1",
            "LISTEN_FDNAMES": self._port["FileDescriptorName"][-1],
            **own,
        }

    def _closing(self) -> Callable[[], None]:
        """Return what the child does to itself before it becomes the service."""
        uid, gid = owner_of(self._unit["User"][-1], self._folder)
        filtering = _filter(
            filtered_calls(self._unit, self._folder),
            [getattr(socket, name) for name in self._unit["RestrictAddressFamilies"][-1].split()],
        )
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_GET_MDWE, 0, 0, 0, 0) != 0:
            self.skipped.append("MemoryDenyWriteExecute: this kernel has no word for it")
        place = self._unit["WorkingDirectory"][-1]
        umask = int(self._unit["UMask"][-1], 8)
        listens = self._listens.fileno()

        def close() -> None:
            os.dup2(listens, FIRST_HANDED_OVER)
            os.chroot(self._folder)
            os.chdir(place)
            os.umask(umask)
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
            filtering()

        return close


def owner_of(name: str, folder: Path) -> tuple[int, int]:
    """Return the numbers of a user and its group in a root folder.

    Raises:
        KeyError: There is no such user.
    """
    for line in (folder / "etc/passwd").read_text().splitlines():
        words = line.split(":")
        if words[0] == name:
            return int(words[2]), int(words[3])
    raise KeyError(name)


class _Compared(ctypes.Structure):
    """An argument of a system call and what it is to be: struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("wanted", ctypes.c_uint64),
        ("unused", ctypes.c_uint64),
    )


def _filter(names: set[str], families: list[int]) -> Callable[[], None]:
    """Return what closes the calling process off from all other system calls, and sockets."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(SCMP_ACT_ERRNO_EPERM)))
    for name in sorted(names - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Below zero: known, but of another processor.
        if number >= 0:
            library.seccomp_rule_add_array(rules, SCMP_ACT_ALLOW, number, 0, None)
    number = library.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        equal = _Compared(0, SCMP_CMP_EQ, family, 0)
        library.seccomp_rule_add_array(rules, SCMP_ACT_ALLOW, number, 1, ctypes.byref(equal))

    def close() -> None:
        if library.seccomp_load(rules) != 0:
            raise OSError(errno.EPERM, "the filter of system calls was refused")

    return close
