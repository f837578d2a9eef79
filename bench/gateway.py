"""What the gateway costs beside the C reference: CPU time for each acknowledged frame.

Reference and gateway are loaded in turn, with the same options, in the same minutes. A ratio is
taken within each round; the median over the rounds counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.figures import (
    AtLeast,
    Figure,
    Section,
    Series,
    Table,
    beside,
    joined,
    ratios,
    rounded,
    series,
)
from bench.load import Report, run_load
from bench.processes import settle, tree_cpu_s
from bench.servers import Server, build, reference, wattwarden

CONNECTIONS: Final = 1_000
CROWD: Final = 10_000
WARMUP_S: Final = 1.0
# A meter's clock moves a second with each frame. No gateway gets 1,800 frames of each of 1,000
# meters acknowledged within a run.
CLOCK_SLOT: Final = timedelta(minutes=30)
METERS_ZONE: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Shape:
    """How uploads follow one another, and the CPU ratio to be held with it.

    A shape without a wanted ratio is held by what it is compared with.
    """

    protocol: str
    connections: int
    window: int
    glue: int
    wanted_ratio: float | None

    @property
    def key(self) -> str:
        """Its name in records."""
        return f"{self.protocol}.c{self.connections}.w{self.window}g{self.glue}"

    def __str__(self) -> str:
        return (
            f"{TITLES[self.protocol]}, {self.connections:,} connections,"
            f" window {self.window}, glue {self.glue}"
        )


TITLES: Final = {"acrel": "Acrel", "hj212": "HJ 212"}
ACREL: Final = Shape("acrel", CONNECTIONS, 1, 1, 0.50)
ACREL_CROWD: Final = Shape("acrel", CROWD, 1, 1, None)
# By protocol, in the order in which each round takes them.
SHAPES: Final[Mapping[str, tuple[Shape, ...]]] = {
    "acrel": (ACREL, ACREL_CROWD, Shape("acrel", CONNECTIONS, 8, 8, 0.30)),
    "hj212": (
        Shape("hj212", CONNECTIONS, 1, 1, 0.36),
        Shape("hj212", CONNECTIONS, 8, 8, 0.16),
    ),
}
# Of the ratio at 1,000 connections.
WANTED_CROWD_RATIO: Final = 0.8


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load of a server, with the CPU of its other processes."""

    report: Report
    others_us: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Round:
    """One load of the reference and one of the gateway."""

    reference: Report
    gateway: Loaded


def clock_starts(today: datetime) -> Iterator[str]:
    """Starts for the meters' clocks, so that no run repeats a time of another.

    All lie in yesterday's UTC day, as meters in Beijing time would write it: the rows go into one
    partition, and making partitions is not what is measured.
    """
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=1)
    for slot in range(timedelta(days=1) // CLOCK_SLOT):
        yield f"{midnight + slot * CLOCK_SLOT + METERS_ZONE:%Y-%m-%dT%H:%M}"


def measure_frames(program: Path, rounds: int, seconds: float) -> Section:
    """CPU per acknowledged frame, for each shape."""
    build()
    parts = []
    with wattwarden(program) as under_test:
        for protocol, shapes in SHAPES.items():
            with reference(protocol) as first:
                parts.append(_measure_protocol(first, under_test, shapes, (rounds, seconds)))
    return joined(parts)


def upload_options(shape: Shape, seconds: float) -> tuple[str, ...]:
    """Options of loadgen for a shape, but for the meters' clocks."""
    return (
        *("--protocol", shape.protocol, "--connections", str(shape.connections), "--step", "1"),
        *("--window", str(shape.window), "--glue", str(shape.glue)),
        *("--warmup", str(WARMUP_S), "--seconds", str(seconds)),
    )


def warm_up(under_test: Server, shape: Shape, start: str) -> None:
    """Let meters enrol and caches fill before anything counts."""
    run_load(under_test, *upload_options(shape, 1.0), "--start", start)
    settle(under_test.all_pids)


def loaded(under_test: Server, *options: str) -> Loaded:
    """Load a server, and wait until all its processes idle again.

    Writer and database work on when the last ack is out; the frames are charged for that too.
    """
    roles = [role for role in under_test.pids if role != "gateway"]
    before_s = {role: tree_cpu_s(under_test.pids[role]) for role in roles}
    report = run_load(under_test, *options)
    settle(under_test.all_pids)
    others = {
        role: (tree_cpu_s(under_test.pids[role]) - before_s[role]) * 1e6 / report.acked
        for role in roles
    }
    return Loaded(report, others)


def _measure_protocol(
    first: Server, under_test: Server, shapes: tuple[Shape, ...], run: tuple[int, float]
) -> Section:
    rounds, seconds = run
    starts = clock_starts(datetime.now(UTC))
    warm_up(under_test, max(shapes, key=lambda shape: shape.connections), next(starts))
    measured: dict[Shape, list[Round]] = {shape: [] for shape in shapes}
    for _ in range(rounds):
        for shape in shapes:
            options = (*upload_options(shape, seconds), "--start", next(starts))
            measured[shape].append(Round(run_load(first, *options), loaded(under_test, *options)))
    figures = [_figure(shape, found) for shape, found in measured.items()]
    if ACREL_CROWD in measured:
        figures.append(_crowd_figure(measured[ACREL], measured[ACREL_CROWD]))
    roles = tuple(role for role in under_test.pids if role != "gateway")
    heading = ("shape", "server", "frames/s", "µs a frame", *(f"{role} µs" for role in roles))
    rows = [row for shape, found in measured.items() for row in _rows(shape, found, roles)]
    return Section(
        tuple(figure for figure in figures if figure is not None),
        (Table((*heading, "p50 ms", "p99 ms", "loadgen %"), tuple(rows)),),
        {key: found for shape in shapes for key, found in _facts(shape, measured[shape])},
    )


def _costs(measured: Sequence[Round]) -> tuple[list[float], list[float]]:
    """CPU µs a frame, of the gateway and of the reference."""
    return (
        [one.gateway.report.server_cpu_us_per_frame for one in measured],
        [one.reference.server_cpu_us_per_frame for one in measured],
    )


def _figure(shape: Shape, measured: Sequence[Round]) -> Figure | None:
    if shape.wanted_ratio is None:
        return None
    ours, limit = _costs(measured)
    return Figure(
        f"cpu.{shape.key}",
        f"CPU a frame, C reference ÷ gateway: {shape}",
        ratios(limit, ours),
        AtLeast(shape.wanted_ratio),
        beside(ours, limit, "µs"),
    )


def _crowd_figure(few: Sequence[Round], many: Sequence[Round]) -> Figure:
    ours, limit = _costs(many)
    return Figure(
        "cpu.acrel.crowd",
        f"that ratio (Acrel, window 1) with {CROWD:,} connections ÷ with {CONNECTIONS:,}",
        ratios(ratios(limit, ours).values, ratios(*reversed(_costs(few))).values),
        AtLeast(WANTED_CROWD_RATIO),
        beside(ours, limit, f"µs with {CROWD:,}"),
    )


def _rows(
    shape: Shape, measured: Sequence[Round], roles: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    empty = ("",) * len(roles)
    yield (str(shape), "C reference", *_columns([one.reference for one in measured], empty))
    others = tuple(str(series(one.gateway.others_us[role] for one in measured)) for role in roles)
    yield (str(shape), "gateway", *_columns([one.gateway.report for one in measured], others))


def _facts(shape: Shape, measured: Sequence[Round]) -> Iterator[tuple[str, Series]]:
    ours, limit = _costs(measured)
    yield f"{shape.key}.gateway_us", series(ours)
    yield f"{shape.key}.reference_us", series(limit)
    yield f"{shape.key}.frames_per_s", series(one.gateway.report.acked_per_s for one in measured)
    for role in measured[0].gateway.others_us:
        yield f"{shape.key}.{role}_us", series(one.gateway.others_us[role] for one in measured)


def _columns(reports: Sequence[Report], others: tuple[str, ...]) -> tuple[str, ...]:
    def median(values: list[float]) -> str:
        return rounded(series(values).median)

    return (
        median([report.acked_per_s for report in reports]),
        str(series(report.server_cpu_us_per_frame for report in reports)),
        *others,
        median([report.latency_p50_ms for report in reports]),
        median([report.latency_p99_ms for report in reports]),
        median([report.loadgen_cpu_percent for report in reports]),
    )
