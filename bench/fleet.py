"""A fleet that comes back at once, and one that stands idle: login storms and memory.

A storm meets a gateway that has just been started, as after a power cut of the city: the first one
of each round dials all connections at once, of meters that nobody knows yet.
"""

import resource
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.figures import AtMost, Figure, Section, Series, Table, beside, joined, ratios, series
from bench.load import Report, run_load, try_load
from bench.processes import settle
from bench.servers import build, reference, wattwarden

CITY: Final = 10_000
BURST: Final = 512  # connections that are not registered yet: what a listening queue likes
# Name of a storm, its connections and how many of them dial at once.
STORMS: Final[Mapping[str, tuple[int, int]]] = {
    "at_once": (CITY, CITY),
    "in_bursts": (CITY, BURST),
    "half_in_bursts": (CITY // 2, BURST),
}
WANTED_TIMES: Final = 2.5
WANTED_RSS_KIB: Final = 4.0
MOST_IDLE: Final = 50_000
OTHER_FILES: Final = 500  # of the gateway, and of loadgen: each holds one end of each connection
HOLD_S: Final = 5.0  # long enough for buffers of the logins to be given back, and to look around
# Beyond ten thousand, dialling from one machine to itself slows down, whoever answers.
PATIENCE_S: Final = 90.0
LOOK_S: Final = 0.2
IN_USE: Final = 2  # both ends of a connection are on this machine


def measure_fleet(program: Path, rounds: int) -> Section:
    """Memory of idle connections, then login storms."""
    build()
    return joined((_idle(program), _storms(program, rounds)))


def _idle(program: Path) -> Section:
    """Memory of as many idle connections as this machine's file limit allows.

    The server has to be fresh: what it once took from the kernel for other connections would not
    be counted.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    allowed = MOST_IDLE if hard == resource.RLIM_INFINITY else hard - OTHER_FILES
    count = min(MOST_IDLE, allowed)
    with wattwarden(program) as under_test:
        settle(under_test.all_pids)
        kernel = _KernelMemory(count)
        options = ("--protocol", "acrel", "--connections", str(count), "--mode", "idle")
        with kernel:
            report = run_load(
                under_test, *options, *("--seconds", str(HOLD_S), "--patience", str(PATIENCE_S))
            )
    rss = Series((report.server_rss_kib_per_connection,))
    what = f"KiB RSS an idle registered connection, {count:,} of them (the file limit here)"
    rows = ((f"{count:,}", str(rss), str(kernel.kib), f"{report.connect_per_s:,.0f}"),)
    heading = ("idle connections", "KiB of the gateway", "KiB of the kernel", "logins/s")
    return Section(
        (Figure("rss.idle", what, rss, AtMost(WANTED_RSS_KIB)),),
        (Table(heading, rows),),
        {"idle.rss_kib": rss, "idle.kernel_kib": kernel.kib, "idle.connections": Series((count,))},
    )


class _KernelMemory:
    """Slabs of the kernel before so many connections and while they stand, a connection's end."""

    def __init__(self, connections: int) -> None:
        self.kib = Series((0.0,))
        self._connections = connections
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._before_kib, self._in_use = _slab_kib(), _sockets_in_use()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        wanted = self._in_use + IN_USE * self._connections
        while not self._stop.wait(LOOK_S) and _sockets_in_use() < wanted:
            continue
        time.sleep(1.0)  # till what the logins took is given back
        self.kib = Series(((_slab_kib() - self._before_kib) / (IN_USE * self._connections),))


def _slab_kib() -> float:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("Slab:"))


def _sockets_in_use() -> int:
    lines = Path("/proc/net/sockstat").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[2]) for line in lines if line.startswith("TCP:"))


def _storms(program: Path, rounds: int) -> Section:
    found: dict[str, dict[str, list[Report]]] = {
        name: {"reference": [], "gateway": []} for name in STORMS
    }
    for _ in range(rounds):
        with reference("acrel") as first, wattwarden(program) as under_test:
            for name, (count, burst) in STORMS.items():
                options = ("--protocol", "acrel", "--connections", str(count), "--mode", "storm")
                for side, server in (("reference", first), ("gateway", under_test)):
                    settle(under_test.all_pids)
                    report, _ = try_load(server, *options, "--burst", str(burst))
                    found[name][side].append(report)
    lost = [
        sum(report.resets + report.errors + STORMS[name][0] - report.registered
            for name, storm in found.items() for report in [storm["gateway"][place]])
        for place in range(rounds)
    ]  # fmt: skip
    figures = [
        *(_storm_figure(name, storm) for name, storm in found.items()),
        Figure("storm.lost", "connections reset or lost in the storms", series(lost), AtMost(0)),
    ]
    rows = tuple(
        _storm_row(name, side, storm[side]) for name, storm in found.items() for side in storm
    )
    heading = ("login storm", "server", "logins/s", "seconds until the last", "P99 of a login, ms")
    facts = {f"storm.{name}.s": _seconds(storm["gateway"]) for name, storm in found.items()}
    return Section(tuple(figures), (Table(heading, rows),), facts)


def _storm_figure(name: str, storm: Mapping[str, list[Report]]) -> Figure:
    ours, limit = _seconds(storm["gateway"]).values, _seconds(storm["reference"]).values
    return Figure(
        f"storm.{name}",
        f"time until all are registered ÷ C reference's: {_title(name)}",
        ratios(ours, limit),
        AtMost(WANTED_TIMES),
        beside(ours, limit, "s"),
    )


def _title(name: str) -> str:
    count, burst = STORMS[name]
    how = "all at once, from cold" if burst == count else f"{burst} logging in at a time"
    return f"{count:,} connections, {how}"


def _seconds(storm: list[Report]) -> Series:
    return series(report.registered / report.connect_per_s for report in storm)


def _storm_row(name: str, side: str, storm: list[Report]) -> tuple[str, ...]:
    return (
        _title(name),
        side,
        str(series(report.connect_per_s for report in storm)),
        str(_seconds(storm)),
        str(series(report.register_p99_ms for report in storm)),
    )
