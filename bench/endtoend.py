"""From the first byte until the last frame is a row in PostgreSQL: all processes, all their CPU.

HJ 212 stands beside rsyslog → PostgreSQL, which is fed the same frames and stores each line as it
is: it checks no checksum, reads no value, drops no double, and tells nobody.  Acrel stands beside
the rate at which the C reference acknowledges frames that it forgets.  What a frame takes of disk,
of the write-ahead log, of the journal and of the wire is counted on the way.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop
from bench.errors import BenchError
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
from bench.filling import Turn, filled
from bench.gateway import CONNECTIONS, TITLES, clock_starts
from bench.load import Report, run_load
from bench.processes import settle
from bench.rsyslog import MANUAL, ONE_QUEUE, NoRsyslogError, Rsyslog, rsyslog
from bench.servers import Server, build, reference, wattwarden
from bench.wiring import frame_on_wire

from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.embedded import JOURNAL_FOLDER
from wattwarden.storage.engines.postgres import postgres_dsn

FRAMES: Final = 120_000  # rsyslog takes some ten seconds for them
WARM_UP: Final = 10_000
SECONDS: Final = 90  # within which loadgen has to be through
WANTED_TIMES_RSYSLOG: Final = 3.0
WANTED_SHARE_OF_REFERENCE: Final = 0.30
# Window and glue: a backlog, as rsyslog gets it; one by one, as the reference's bar says.
WAYS: Final = {"hj212": (8, 8), "acrel": (1, 1)}
RSYSLOG: Final = "rsyslog → PostgreSQL, as its manual says"
RSYSLOG_SHORT: Final = "rsyslog → PostgreSQL, one queue"
TABLES: Final = {"hj212": "factor", "acrel": "reading"}


def measure_endtoend(program: Path, rounds: int, seconds: float) -> Section:
    """Frames a second that are acknowledged and stored, in turn with the references."""
    build()
    return uvloop.run(_measure(program, rounds, seconds))


async def _measure(program: Path, rounds: int, seconds: float) -> Section:
    with wattwarden(program) as ours:
        if ours.data is None:
            raise BenchError("the server keeps nothing")
        store = await connect(postgres_dsn(ours.data), name="bench")
        try:
            parts = [await _hj212(ours, store, rounds), await _acrel(ours, store, rounds, seconds)]
        finally:
            await store.close()
    return joined(parts)


async def _hj212(ours: Server, store: Connection, rounds: int) -> Section:
    starts = clock_starts(datetime.now(UTC))
    await _stored(ours, store, "hj212", next(starts), WARM_UP)
    turns: dict[str, list[Turn]] = {RSYSLOG: [], RSYSLOG_SHORT: [], "Wattwarden": []}
    theirs, short, mine = turns.values()
    try:
        async with rsyslog(MANUAL) as manual, rsyslog(ONE_QUEUE) as one_queue:
            await _fed(manual, next(starts), WARM_UP)
            await _fed(one_queue, next(starts), WARM_UP)
            for _ in range(rounds):
                start = next(starts)
                settle(ours.all_pids)
                theirs.append(await _fed(manual, start, FRAMES))
                mine.append(await _stored(ours, store, "hj212", start, FRAMES))
                short.append(await _fed(one_queue, start, FRAMES))
    except NoRsyslogError as error:
        return Section((), (Table(("HJ 212 end to end",), ((str(error),),)),))
    figure = Figure(
        "endtoend.hj212",
        "frames/s acknowledged and in PostgreSQL ÷ rsyslog → PostgreSQL, HJ 212",
        ratios([turn.per_s for turn in mine], [turn.per_s for turn in theirs]),
        AtLeast(WANTED_TIMES_RSYSLOG),
        beside([turn.per_s for turn in mine], [turn.per_s for turn in theirs], "frames/s"),
    )
    return Section((figure,), (_table("hj212", turns),), _facts("hj212", mine))


async def _acrel(ours: Server, store: Connection, rounds: int, seconds: float) -> Section:
    starts = clock_starts(datetime.now(UTC))
    await _stored(ours, store, "acrel", next(starts), WARM_UP)
    limits: list[Report] = []
    mine: list[Turn] = []
    with reference("acrel") as first:
        wire = {protocol: frame_on_wire(protocol, first) for protocol in ("acrel",)}
        for _ in range(rounds):
            start = next(starts)
            settle(ours.all_pids)
            limits.append(run_load(first, *_options("acrel", start), "--seconds", str(seconds)))
            mine.append(await _stored(ours, store, "acrel", start, FRAMES))
    acked = [report.acked_per_s for report in limits]
    figure = Figure(
        "endtoend.acrel",
        "frames/s acknowledged and in PostgreSQL ÷ C reference's acknowledged and forgotten,"
        " Acrel, window 1",
        ratios([turn.per_s for turn in mine], acked),
        AtLeast(WANTED_SHARE_OF_REFERENCE),
        beside([turn.per_s for turn in mine], acked, "frames/s"),
    )
    with reference("hj212") as second:
        wire["hj212"] = frame_on_wire("hj212", second)
    facts = {
        f"wire.{name}.{what}": found for name, of in wire.items() for what, found in of.items()
    }
    turns = {"Wattwarden": mine}
    return Section(
        (figure,), (_table("acrel", turns), _wire_table(wire)), {**_facts("acrel", mine), **facts}
    )


def _options(protocol: str, start: str) -> tuple[str, ...]:
    window, glue = WAYS[protocol]
    return (
        *("--protocol", protocol, "--connections", str(CONNECTIONS), "--step", "1"),
        *("--window", str(window), "--glue", str(glue), "--start", start),
    )


async def _stored(ours: Server, store: Connection, protocol: str, start: str, frames: int) -> Turn:
    """Let Wattwarden acknowledge and store so many frames."""
    options = (*_options(protocol, start), "--count", str(frames), "--seconds", str(SECONDS))
    before = await _places(ours, store, protocol)
    count = f"SELECT count(*) FROM {TABLES[protocol]}"  # noqa: S608  one of two names
    turn = await filled((ours, store, count), frames, lambda: run_load(ours, *options))
    after = await _places(ours, store, protocol)
    taken = {place: (after[place] - before[place]) / frames for place in before}
    return Turn(turn.per_s, turn.us, taken)


async def _fed(other: Rsyslog, start: str, frames: int) -> Turn:
    """Let rsyslog store so many lines."""
    # Empty at each turn: it has no key and no index to be filled, and counting stays cheap.
    await other.store.execute("TRUNCATE line")
    options = (*_options("hj212", start), "--mode", "feed", "--count", str(frames))
    run = (*options, "--seconds", str(SECONDS))
    size = "SELECT pg_table_size('line')"
    turn = await filled(
        (other.server, other.store, "SELECT count(*) FROM line"),
        frames,
        lambda: run_load(other.server, *run),
    )
    rows = await other.store.fetchval(size) / frames
    return Turn(turn.per_s, turn.us, {"rows": rows})


async def _places(ours: Server, store: Connection, protocol: str) -> dict[str, float]:
    """Bytes in the tables of the frames, in the write-ahead log, in the journal."""
    rows = await store.fetchval(
        "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::regclass)"
        " WHERE isleaf",
        TABLES[protocol],
    )
    log = await store.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
    journal = 0
    if ours.data is not None:
        files = (ours.data / JOURNAL_FOLDER).rglob("*.blk")
        journal = sum(file.stat().st_size for file in files)
    return {"rows": float(rows or 0), "log": float(log), "journal": float(journal)}


def _facts(protocol: str, turns: Sequence[Turn]) -> Mapping[str, Series]:
    facts = {f"endtoend.{protocol}.frames_per_s": series(turn.per_s for turn in turns)}
    for role in turns[0].us:
        facts[f"endtoend.{protocol}.{role}_us"] = series(turn.us[role] for turn in turns)
    for place in turns[0].taken:
        name = f"endtoend.{protocol}.{place}_bytes"
        facts[name] = series(turn.taken[place] for turn in turns)
    return facts


def _table(protocol: str, found: Mapping[str, Sequence[Turn]]) -> Table:
    heading = (
        f"{TITLES[protocol]}, {FRAMES:,} frames, end to end", "frames/s", "CPU µs a frame, all",
        "of them", "rows, log, journal: bytes a frame",
    )  # fmt: skip
    rows = []
    for name, turns in found.items():
        us = {role: series(turn.us[role] for turn in turns).median for role in turns[0].us}
        taken = {at: series(turn.taken[at] for turn in turns).median for at in turns[0].taken}
        rows.append(
            (
                name,
                str(series(turn.per_s for turn in turns)),
                str(series(sum(turn.us.values()) for turn in turns)),
                ", ".join(f"{_title(name, role)} {rounded(cost)}" for role, cost in us.items()),
                ", ".join(rounded(size) for size in taken.values()),
            )
        )
    return Table(heading, tuple(rows))


def _title(name: str, role: str) -> str:
    return "rsyslogd" if role == "gateway" and name != "Wattwarden" else role


def _wire_table(wire: Mapping[str, Mapping[str, Series]]) -> Table:
    rows = tuple(
        (TITLES[protocol], rounded(found["bytes"].median), rounded(found["packets"].median))
        for protocol, found in sorted(wire.items())
    )
    heading = ("a frame and its answer on the wire", "bytes with all headers", "packets")
    return Table(heading, rows)
