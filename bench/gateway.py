"""What the gateway costs beside the C reference: CPU per frame, memory, login storms.

Reference and gateway are loaded in turn, with the same options, in the same minutes. A ratio is
taken within each round; the median over the rounds counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from bench.figures import AtLeast, AtMost, Figure, Section, Series, Table, ratios, rounded
from bench.load import Report, run_load, try_load
from bench.processes import settle, tree_cpu_s
from bench.servers import Server

CONNECTIONS: Final = 1_000
FLEET: Final = 5_000
WARMUP_S: Final = 1.0
HOLD_S: Final = 3.0  # long enough for buffers of the storm before to be given back
# A meter's clock moves a second with each frame. No gateway gets 1,800 frames of each of 1,000
# meters acknowledged within a run.
CLOCK_SLOT: Final = timedelta(minutes=30)
METERS_ZONE: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Shape:
    """How uploads follow one another, and the CPU ratio to be held with it."""

    window: int
    glue: int
    wanted_ratio: float

    def __str__(self) -> str:
        return f"window {self.window}, glue {self.glue}"


SHAPES: Final = (Shape(1, 1, 0.38), Shape(8, 8, 0.20))
WANTED_RSS_KIB: Final = 6.0
WANTED_STORM_RATIO: Final = 0.3


@dataclass(frozen=True, slots=True)
class Round:
    """One load of the reference and one of the gateway, with the CPU of its other processes."""

    reference: Report
    gateway: Report
    others_us_per_frame: Mapping[str, float]


def clock_starts(today: datetime) -> Iterator[str]:
    """Starts for the meters' clocks, so that no run repeats a time of another.

    All lie in yesterday's UTC day, as meters in Beijing time would write it: the rows go into one
    partition, and making partitions is not what is measured.
    """
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=1)
    for slot in range(timedelta(days=1) // CLOCK_SLOT):
        yield f"{midnight + slot * CLOCK_SLOT + METERS_ZONE:%Y-%m-%dT%H:%M}"


def measure_frames(reference: Server, under_test: Server, rounds: int, seconds: float) -> Section:
    """CPU per acknowledged frame, for each shape."""
    starts = clock_starts(datetime.now(UTC))
    # Meters enrol and caches fill before anything counts.
    run_load(under_test, *_upload_options(SHAPES[0], 1.0), "--start", next(starts))
    settle(under_test.all_pids)
    figures: list[Figure] = []
    rows: list[tuple[str, ...]] = []
    for shape in SHAPES:
        options = _upload_options(shape, seconds)
        measured = [
            _measure_round(reference, under_test, (*options, "--start", start))
            for start in islice(starts, rounds)
        ]
        figures.append(_ratio_figure(shape, measured))
        rows += _detail_rows(shape, measured)
    roles = tuple(f"{role} µs" for role in _other_roles(under_test))
    heading = ("shape", "server", "frames/s", "µs a frame", *roles, "p50 ms", "p99 ms", "loadgen %")
    return Section(tuple(figures), (Table(heading, tuple(rows)),))


def measure_fleet(reference: Server, under_test: Server, rounds: int) -> Section:
    """Memory of idle connections, then login storms.

    The server under test has to be fresh: what it once took from the kernel for other connections
    would not be counted.
    """
    connections = ("--protocol", "acrel", "--connections", str(FLEET))
    idle = run_load(under_test, *connections, "--mode", "idle", "--seconds", str(HOLD_S))
    storms: dict[str, list[Report]] = {"reference": [], "gateway": []}
    for _ in range(rounds):
        for name, server in (("reference", reference), ("gateway", under_test)):
            settle(under_test.all_pids)
            storms[name].append(try_load(server, *connections, "--mode", "storm")[0])
    rates = {name: [storm.connect_per_s for storm in found] for name, found in storms.items()}
    lost = sum(storm.resets + FLEET - storm.registered for storm in storms["gateway"])
    rows = tuple((name, str(Series(tuple(rate)))) for name, rate in rates.items())
    return Section(
        (
            Figure(
                f"KiB RSS an idle registered connection, {FLEET:,} of them",
                Series((idle.server_rss_kib_per_connection,)),
                AtMost(WANTED_RSS_KIB),
            ),
            Figure(
                f"login storm of {FLEET:,}, rate ÷ C reference's",
                ratios(rates["gateway"], rates["reference"]),
                AtLeast(WANTED_STORM_RATIO),
            ),
            Figure("connections reset or lost in all of them", Series((lost,)), AtMost(0)),
        ),
        (Table(("login storm", "logins/s"), rows),),
    )


def _upload_options(shape: Shape, seconds: float) -> tuple[str, ...]:
    return (
        *("--protocol", "acrel", "--connections", str(CONNECTIONS), "--step", "1"),
        *("--window", str(shape.window), "--glue", str(shape.glue)),
        *("--warmup", str(WARMUP_S), "--seconds", str(seconds)),
    )


def _measure_round(reference: Server, under_test: Server, options: tuple[str, ...]) -> Round:
    roles = _other_roles(under_test)
    from_reference = run_load(reference, *options)
    before_s = {role: tree_cpu_s(under_test.pids[role]) for role in roles}
    from_gateway = run_load(under_test, *options)
    # Writer and database work on when the last ack is out; the frames are charged for that too.
    settle(under_test.all_pids)
    others = {
        role: (tree_cpu_s(under_test.pids[role]) - before_s[role]) * 1e6 / from_gateway.acked
        for role in roles
    }
    return Round(from_reference, from_gateway, others)


def _other_roles(under_test: Server) -> tuple[str, ...]:
    return tuple(role for role in under_test.pids if role != "gateway")


def _ratio_figure(shape: Shape, measured: list[Round]) -> Figure:
    costs = ratios(
        [one.reference.server_cpu_us_per_frame for one in measured],
        [one.gateway.server_cpu_us_per_frame for one in measured],
    )
    what = f"CPU a frame, C reference ÷ gateway, {CONNECTIONS:,} connections, {shape}"
    return Figure(what, costs, AtLeast(shape.wanted_ratio))


def _detail_rows(shape: Shape, measured: list[Round]) -> Iterator[tuple[str, ...]]:
    others = {
        role: [one.others_us_per_frame[role] for one in measured]
        for role in measured[0].others_us_per_frame
    }
    no_others = ("",) * len(others)
    yield (str(shape), "C reference", *_columns([one.reference for one in measured], no_others))
    costs = tuple(str(Series(tuple(cost))) for cost in others.values())
    yield (str(shape), "gateway", *_columns([one.gateway for one in measured], costs))


def _columns(reports: list[Report], others: tuple[str, ...]) -> tuple[str, ...]:
    def median(values: list[float]) -> str:
        return rounded(Series(tuple(values)).median)

    return (
        median([report.acked_per_s for report in reports]),
        str(Series(tuple(report.server_cpu_us_per_frame for report in reports))),
        *others,
        median([report.latency_p50_ms for report in reports]),
        median([report.latency_p99_ms for report in reports]),
        median([report.loadgen_cpu_percent for report in reports]),
    )
