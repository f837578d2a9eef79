"""Several hosts on one machine: network namespaces behind one switch, or only addresses.

    switch ─┬─ n1   a namespace each, its cable can be pulled
            ├─ n2
            └─ here (this process)

Where the machine permits no namespaces, each host is an address of 127.0.0.0/8, and one that is
cut off stands still instead (SIGSTOP): ``Hosts.kind`` says which it is.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

HERE: Final = "here"
SUBNETS: Final = 250
# Two packets at once, and a queue as long as those of carriers.
SLOW_BURST: Final = "4kb"
SLOW_QUEUE: Final = "2s"


class Hosts(Protocol):
    """Where nodes run."""

    kind: str

    def address(self, host: str) -> str:
        """Return the address of a host; of ``HERE`` for this process."""

    def command(self, host: str) -> list[str]:
        """Return the words before a command that runs on a host."""

    def cut(self, host: str, pid: int) -> None:
        """Let nothing come to or from a host, whose process this is."""

    def heal(self, host: str, pid: int) -> None:
        """Let it through again."""


class Namespaces:
    """Hosts in network namespaces; needs root."""

    kind: str = "network namespaces behind a bridge, cables pulled"

    def __init__(self, hosts: Sequence[str]) -> None:
        self._mark = f"ww{os.getpid()}"
        self._net = f"10.213.{os.getpid() % SUBNETS}"
        self._numbers = {host: number for number, host in enumerate((*hosts, HERE), 1)}

    def open(self) -> None:
        """Make them.

        Raises:
            OSError, subprocess.CalledProcessError: the machine does not permit it.
        """
        switch = self._name("sw")
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "br0", "type", "bridge", "forward_delay", "0")
        _ip("-n", switch, "link", "set", "br0", "up")
        for host in self._numbers:
            inner = self._mark if host == HERE else "eth0"
            _ip("link", "add", f"{self._mark}t", "type", "veth", "peer", "name", f"{self._mark}p")
            _ip("link", "set", f"{self._mark}p", "netns", switch, "name", f"v-{host}")
            _ip("-n", switch, "link", "set", f"v-{host}", "master", "br0", "up")
            where: tuple[str, ...] = ()
            if host != HERE:
                _ip("netns", "add", self._name(host))
                _ip("link", "set", f"{self._mark}t", "netns", self._name(host), "name", inner)
                where = ("-n", self._name(host))
                _ip(*where, "link", "set", "lo", "up")
            else:
                _ip("link", "set", f"{self._mark}t", "name", inner)
            _ip(*where, "addr", "add", f"{self.address(host)}/24", "dev", inner)
            _ip(*where, "link", "set", inner, "up")

    def close(self) -> None:
        """Remove them."""
        for host in ("sw", *self._numbers):
            with contextlib.suppress(subprocess.CalledProcessError):
                if host == HERE:
                    _ip("link", "del", self._mark)
                else:
                    _ip("netns", "del", self._name(host))

    def address(self, host: str) -> str:
        """Return the address of a host."""
        return f"{self._net}.{self._numbers[host]}"

    def command(self, host: str) -> list[str]:
        """Return the words before a command that runs on a host."""
        return ["ip", "netns", "exec", self._name(host)]

    def cut(self, host: str, pid: int) -> None:
        """Pull the cable of a host."""
        del pid
        _ip("-n", self._name("sw"), "link", "set", f"v-{host}", "down")

    def heal(self, host: str, pid: int) -> None:
        """Plug it in again."""
        del pid
        _ip("-n", self._name("sw"), "link", "set", f"v-{host}", "up")

    def slow(self, host: str, bits_s: int) -> None:
        """Let so few bits a second through to a host, and from it; what waits too long is lost."""
        shape = ("tbf", "rate", f"{bits_s}bit", "burst", SLOW_BURST, "latency", SLOW_QUEUE)
        for where, device in self._ends(host):
            _ran("tc", "-n", where, "qdisc", "replace", "dev", device, "root", *shape)

    def quicken(self, host: str) -> None:
        """Let everything through again."""
        for where, device in self._ends(host):
            _ran("tc", "-n", where, "qdisc", "del", "dev", device, "root")

    def _ends(self, host: str) -> tuple[tuple[str, str], ...]:
        return (self._name("sw"), f"v-{host}"), (self._name(host), "eth0")

    def _name(self, host: str) -> str:
        return f"{self._mark}-{host}"


class Addresses:
    """Hosts that are addresses of the loopback; who is cut off stands still."""

    kind: str = "addresses of 127.0.0.0/8, standing still instead of cut off"

    def __init__(self, hosts: Sequence[str]) -> None:
        self._numbers = {host: number for number, host in enumerate((*hosts, HERE), 1)}

    def address(self, host: str) -> str:
        """Return the address of a host."""
        return f"127.0.{os.getpid() % SUBNETS + 1}.{self._numbers[host]}"

    def command(self, host: str) -> list[str]:
        """Return nothing: all run here."""
        del host
        return []

    def cut(self, host: str, pid: int) -> None:
        """Stop the host's process."""
        del host
        os.kill(pid, signal.SIGSTOP)

    def heal(self, host: str, pid: int) -> None:
        """Let it go on."""
        del host
        os.kill(pid, signal.SIGCONT)


@contextmanager
def hosts_of(names: Sequence[str]) -> Iterator[Hosts]:
    """Make hosts as good as the machine permits, and remove them in the end."""
    made = Namespaces(names)
    try:
        made.open()
    except (OSError, subprocess.CalledProcessError):
        made.close()
        yield Addresses(names)
        return
    try:
        yield made
    finally:
        made.close()


def _ip(*words: str) -> None:
    _ran("ip", *words)


def _ran(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
