"""Two gateway processes beside one: what sharing a port costs each frame."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.figures import AtMost, Figure, Section, Table, beside, ratios, rounded, series
from bench.gateway import ACREL, Loaded, clock_starts, loaded, upload_options, warm_up
from bench.servers import DEFAULTS, build, wattwarden

TWO: Final = {"WATTWARDEN_GATEWAY__PROCESSES": "2"}
WANTED_TIMES: Final = 1.2


def measure_pair(program: Path, rounds: int, seconds: float) -> Section:
    """Summed CPU of the gateways' processes for a frame, in turn."""
    build()
    found: dict[str, list[Loaded]] = {"one process": [], "two processes": []}
    with wattwarden(program, DEFAULTS) as one, wattwarden(program, TWO) as two:
        starts = clock_starts(datetime.now(UTC))
        first = next(starts)
        for server in (one, two):
            warm_up(server, ACREL, first)
        for _ in range(rounds):
            options = (*upload_options(ACREL, seconds), "--start", next(starts))
            for name, server in zip(found, (one, two), strict=True):
                found[name].append(loaded(server, *options))
    alone, both = (
        [turn.report.server_cpu_us_per_frame for turn in turns] for turns in found.values()
    )
    figure = Figure(
        "cpu.two_gateways",
        "summed CPU a frame, two gateway processes ÷ one (Acrel, window 1)",
        ratios(both, alone),
        AtMost(WANTED_TIMES),
        beside(both, alone, "µs"),
    )
    roles = tuple(found["one process"][0].others_us)
    rows = tuple(_row(name, turns, roles) for name, turns in found.items())
    heading = ("gateways", "frames/s", "µs a frame", *(f"{role} µs" for role in roles), "p99 ms")
    return Section((figure,), (Table(heading, rows),), {"two_gateways.us": series(both)})


def _row(name: str, turns: list[Loaded], roles: tuple[str, ...]) -> tuple[str, ...]:
    return (
        name,
        rounded(series(turn.report.acked_per_s for turn in turns).median),
        str(series(turn.report.server_cpu_us_per_frame for turn in turns)),
        *(str(series(turn.others_us[role] for turn in turns)) for role in roles),
        rounded(series(turn.report.latency_p99_ms for turn in turns).median),
    )
