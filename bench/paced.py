"""How long an acknowledgement takes at half of the most that the gateway acknowledges.

The most is found anew in each round, for it is the machine's of that minute; then meters send
evenly, answered or not, half as much.  The reference is paced alike, in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.figures import AtMost, Figure, Section, Table, beside, joined, rounded, series
from bench.gateway import (
    CONNECTIONS,
    SHAPES,
    WARMUP_S,
    Loaded,
    Shape,
    clock_starts,
    loaded,
    upload_options,
    warm_up,
)
from bench.load import Report, run_load
from bench.servers import Server, build, reference, wattwarden

PROBE_S: Final = 2.0
# A connection may have that many unanswered: more than half a second of its share.
WINDOW: Final = 16
WANTED_P99_MS: Final = 50.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The most acknowledged a second, then both servers paced at half of it."""

    most: float
    reference: Report
    gateway: Loaded


def measure_paced(program: Path, rounds: int, seconds: float) -> Section:
    """P99 of acknowledgements at half the maximum."""
    build()
    parts = []
    with wattwarden(program) as under_test:
        for shapes in SHAPES.values():
            with reference(shapes[0].protocol) as first:
                turns = _turns(first, under_test, shapes[0], (rounds, seconds))
            parts.append(_section(shapes[0], turns))
    return joined(parts)


def _turns(first: Server, under_test: Server, shape: Shape, run: tuple[int, float]) -> list[Turn]:
    rounds, seconds = run
    starts = clock_starts(datetime.now(UTC))
    warm_up(under_test, shape, next(starts))
    turns = []
    for _ in range(rounds):
        probe = (*upload_options(shape, PROBE_S), "--start", next(starts))
        most = loaded(under_test, *probe).report.acked_per_s
        options = (*_paced(shape, most / 2, seconds), "--start", next(starts))
        turns.append(Turn(most, run_load(first, *options), loaded(under_test, *options)))
    return turns


def _paced(shape: Shape, per_s: float, seconds: float) -> tuple[str, ...]:
    interval_ms = 1000 * CONNECTIONS / per_s
    return (
        *("--protocol", shape.protocol, "--connections", str(CONNECTIONS), "--step", "1"),
        *("--mode", "paced", "--interval", f"{interval_ms:.3f}", "--window", str(WINDOW)),
        *("--warmup", str(WARMUP_S), "--seconds", str(seconds)),
    )


def _section(shape: Shape, turns: Sequence[Turn]) -> Section:
    ours = [turn.gateway.report.latency_p99_ms for turn in turns]
    limit = [turn.reference.latency_p99_ms for turn in turns]
    title = str(shape).partition(",")[0]
    figure = Figure(
        f"p99.{shape.protocol}",
        f"ms, P99 of acknowledgements, {title} paced at half the maximum",
        series(ours),
        AtMost(WANTED_P99_MS),
        beside(ours, limit, "ms"),
    )
    rates = rounded(series(turn.gateway.report.acked_per_s for turn in turns).median)
    roles = tuple(turns[0].gateway.others_us)
    of_roles = tuple(str(series(turn.gateway.others_us[role] for turn in turns)) for role in roles)
    rows = (
        _row((title, "C reference", rates), [turn.reference for turn in turns], roles, ()),
        _row((title, "gateway", rates), [turn.gateway.report for turn in turns], roles, of_roles),
    )
    heading = ("paced at half the maximum", "server", "frames/s", "µs a frame")
    return Section(
        (figure,),
        (Table((*heading, *(f"{role} µs" for role in roles), "p50 ms", "p99 ms"), rows),),
        {
            f"half.{shape.protocol}.frames_per_s": series(turn.most / 2 for turn in turns),
            f"half.{shape.protocol}.p50_ms": series(t.gateway.report.latency_p50_ms for t in turns),
            f"half.{shape.protocol}.p99_ms": series(ours),
        },
    )


def _row(
    head: tuple[str, ...], reports: list[Report], roles: tuple[str, ...], costs: tuple[str, ...]
) -> tuple[str, ...]:
    return (
        *head,
        str(series(report.server_cpu_us_per_frame for report in reports)),
        *(costs or ("",) * len(roles)),
        rounded(series(report.latency_p50_ms for report in reports).median),
        str(series(report.latency_p99_ms for report in reports)),
    )
