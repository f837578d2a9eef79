"""Chaos: faults in random order while a city reports, and what is held after each and in the end.

city ─► system ◄─ fault, until it is well again, rows counted ─ the next fault ─ …
  └───► the same frames, undisturbed ─► the same rows, the same episodes?
"""

import asyncio
import contextlib
import itertools
import pickle
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.found import Found, differences, found_in, others, settled
from bench.nodes import ClusterError
from bench.servers import LIFTED_LIMITS
from bench.undisturbed import SECOND_US, people_of, rate_from, undisturbed
from tests.integration.chaos.city import BEGIN_S, DAYS, city
from tests.integration.chaos.faults import STEPS
from tests.integration.chaos.ground import prepared
from tests.integration.chaos.kinds import Kinds, speaking
from tests.integration.chaos.norms import norms
from tests.integration.chaos.scene import POLL_S, Scene, Skipped
from tests.integration.chaos.watching import all_judged, hold_acknowledged, well_again
from tests.integration.mixed import acknowledged
from tests.integration.system import PREFIX, database, eventually

from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.sendings import Sending, sendings
from wattwarden.tools.simulator.steps import DAY_S
from wattwarden.tools.simulator.world import World

# Two of whoever may have several: meters of a dead gateway dial in at the other.
SHARED: Final = ("--gateways", "2", "--writers", "2", "--wardens", "2")
# So small that segments are closed and purged between any two faults.
SETTINGS: Final = {"ARCHIVIST__SEGMENT_BYTES": "4000000", "ARCHIVIST__INTERVAL_S": "5"}
# All dial in from one address here, which limits meant for a stranger's address would stop.
LIFTED: Final = {name.removeprefix(PREFIX): most for name, most in LIFTED_LIMITS.items()}
SHARDS: Final = 2
# Until everything runs, and a city is entered.
LEAD_S: Final = 10.0
LEAD_S_A_METER: Final = 0.01
# Faults last as long as they should in runs of so many minutes, in shorter ones less.
WHOLE_MIN: Final = 20.0
RECOVERY_S: Final = 15.0
# How what is wrong with a recovery ends, in a report.
TOO_LATE: Final = ": too late"
# Whose last readings are a cycle or two apart may be judged differently to the end.
MARGIN_CYCLES: Final = 4
PAUSE_S: Final = (0.5, 2.0)
LEAST_SHARE: Final = 0.1
# Why frames wait in quarantine: those of the decoder that dies, and what was no entry.
PLANTED: Final = ("decoder_error", "decoder_died", "spoilt_entry")
# A killed process leaves half a frame behind, at times.
CUT: Final = "unframed"


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is like: ``meters`` of a city, beside them so many of all ``kinds``.

    ``only`` are steps, all for none; ``words`` are more of the system's own.  ``whole`` asks for
    every right.  ``keep`` gets what the city came to, for whoever compares it anew.
    """

    seed: int
    minutes: float
    meters: int
    rate: int = 240
    cycle_s: int = 1800
    kinds: int = 0
    only: Sequence[str] = ()
    words: Sequence[str] = SHARED
    whole: bool = True
    keep: Path | None = None

    @property
    def share(self) -> float:
        """How long faults last, of the time that they should."""
        return min(1.0, self.minutes / WHOLE_MIN)

    @property
    def frames_per_s(self) -> float:
        """How many frames the city says in a real second."""
        return self.meters * self.rate / self.cycle_s


@dataclass(slots=True)
class Report:
    """What happened.  ``wrong`` is in words; ``recoveries`` are seconds, by step; ``late_s`` is by
    how much the meters' own process was late at most.

    Episodes by rule: ``here``, ``there`` in the system to which nothing happened, the ``same`` in
    both, and of the other rules those ``apart``, which only one of them has.
    """

    options: Options
    began: datetime
    say: Callable[[str], None]
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    sent: int = 0
    acked: int = 0
    resent: int = 0
    stored: int = 0
    seconds: float = 0.0
    late_s: float = 0.0
    of_kinds: dict[str, int] = field(default_factory=dict)
    here: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    apart: Counter[str] = field(default_factory=Counter)

    @property
    def recovered_s(self) -> list[float]:
        """How long all recoveries took, the shortest first."""
        return sorted(one for times in self.recoveries.values() for one in times)


async def chaos(options: Options, say: Callable[[str], None]) -> Report:
    """Run it; ``say`` what happens."""
    report = Report(options, datetime.now(UTC).replace(microsecond=0), say)
    disturbed = await _disturbed(options, report)
    if disturbed is not None:
        if options.keep is not None:
            kept = report.sent, report.acked, disturbed.rows, disturbed.episodes
            options.keep.write_bytes(pickle.dumps(kept))
        await _compare(options, report, disturbed)
    return report


async def _disturbed(options: Options, report: Report) -> Found | None:
    world = city(options.seed, options.meters, options.cycle_s)
    begin_us = world.midnight_ms * 1000 + BEGIN_S * SECOND_US
    lead_s = LEAD_S + LEAD_S_A_METER * options.meters
    rate = rate_from(options.rate, begin_us, lead_s)
    frames = 60 * options.minutes * options.frames_per_s if options.whole else 0
    with prepared(rate, options.words, SETTINGS | LIFTED, frames) as (system, ground):
        await asyncio.to_thread(system.start)
        async with database(system.dsn) as connection:
            await people_of(connection, world, BEGIN_S, norms())
        fleet = Fleet(world, system.target)
        names = [speaker.address for speaker in world.site.speakers]
        chance, share = random.Random(options.seed), options.share
        scene = Scene(
            system, ground, fleet, rate.clock(), chance, share, options.frames_per_s, names
        )
        async with contextlib.AsyncExitStack() as beside:
            kinds: Kinds | None = None
            if options.kinds:
                kinds = await beside.enter_async_context(
                    speaking(system, options.kinds, options.seed)
                )
            await _play(world, scene, options, report)
        found = None
        try:
            found = await _in_the_end(scene, kinds, report)
            await asyncio.to_thread(system.stop)
        except (ClusterError, AssertionError) as error:
            report.wrong.append(f"in the end: {error}")
        return found


async def _play(world: World, scene: Scene, options: Options, report: Report) -> None:
    """Let the city report while it is disturbed."""
    fleet, clock, over = scene.fleet, scene.clock, asyncio.Event()
    due = _until(over, sendings(world, BEGIN_S, DAYS * DAY_S, BEGIN_S))
    begun_s = time.monotonic()
    looking = asyncio.create_task(_look_how_late(report))
    playing = asyncio.create_task(
        fleet.play(due, lambda: clock.now_us() / 1000, options.rate, _nobody, asyncio.Event())
    )
    try:
        await eventually(lambda: _acked(fleet))
        # What a city begins with is no fault's.
        scene.begin()
        scene.over()
        took_s, _ = await well_again(scene)
        report.say(f"well after {took_s:.1f} s")
        await _steps(scene, options, report)
    finally:
        over.set()
        await playing
        looking.cancel()
        report.seconds = time.monotonic() - begun_s
    report.sent, report.acked = fleet.tally.sent, fleet.tally.acked
    report.resent = fleet.tally.resent
    if fleet.unacked:
        report.wrong.append(f"{fleet.unacked} frames were never acknowledged")


async def _look_how_late(report: Report) -> None:
    """Note by how much this process is late: what it times is late by as much."""
    while True:
        begun_s = time.monotonic()
        await asyncio.sleep(POLL_S)
        report.late_s = max(report.late_s, time.monotonic() - begun_s - POLL_S)


async def _in_the_end(scene: Scene, kinds: Kinds | None, report: Report) -> Found:
    """Wait until all is judged; return what the city came to."""
    await all_judged(scene)
    if kinds is not None:
        comparison = await acknowledged(scene.system, kinds.truth, scene.addresses)
        report.of_kinds = comparison.by_codec
        report.wrong += [f"of other kinds: {fault}" for fault in comparison.faults]
    return await found_in(scene.system.dsn, (*PLANTED, CUT), scene.addresses)


async def _steps(scene: Scene, options: Options, report: Report) -> None:
    """Take all steps in random order, and each of them again as long as there is time."""
    until_s = time.monotonic() + 60 * options.minutes
    names = list(options.only or STEPS)
    for taken in itertools.count():
        for name in scene.chance.sample(names, len(names)):
            if taken and time.monotonic() >= until_s:
                return
            await asyncio.sleep(scene.chance.uniform(*PAUSE_S) * max(LEAST_SHARE, scene.share))
            await _step(scene, name, report)
            if report.wrong and any("not well" in text for text in report.wrong):
                return
        if time.monotonic() >= until_s:
            return


async def _step(scene: Scene, name: str, report: Report) -> None:
    report.say(f"{datetime.now(UTC):%H:%M:%S} {name}")
    scene.begin()
    try:
        await STEPS[name](scene)
        scene.over()
        took_s, last = await well_again(scene)
        await hold_acknowledged(scene)
    except Skipped as reason:
        report.skipped[name] = str(reason)
        report.say(f"{name}: skipped, {reason}")
    except (ClusterError, AssertionError, OSError, TimeoutError) as error:
        report.wrong.append(f"{name}: {error!r}")
        report.say(f"{name}: {str(error)[:300]}\n{str(error)[-3000:]}")
        with contextlib.suppress(ClusterError):
            scene.over()
            await well_again(scene)
    else:
        report.recoveries.setdefault(name, []).append(took_s)
        told = f"{name}: well again after {took_s:.1f} s" + (f" ({last})" if last else "")
        report.say(told)
        if took_s > RECOVERY_S:
            report.wrong.append(f"{told}{TOO_LATE}")


async def _compare(options: Options, report: Report, disturbed: Found) -> None:
    """Let the same frames come to a system that nothing happens to."""
    world = city(options.seed, options.meters, options.cycle_s)
    due = itertools.islice(sendings(world, BEGIN_S, DAYS * DAY_S, BEGIN_S), report.sent)
    alone = await undisturbed(world, due, BEGIN_S, SHARDS, norms(), options.rate)
    report.stored = disturbed.rows.total()
    if not report.sent == report.acked == report.stored:
        counts = f"{report.sent} sent, {report.acked} acknowledged, {report.stored} stored"
        report.wrong.append(counts)
    last, margin_s = max(row[3] for row in alone.rows), MARGIN_CYCLES * options.cycle_s
    report.wrong += differences(disturbed, alone, last, margin_s)
    here, there = (settled(one.episodes, last.timestamp() - margin_s) for one in (disturbed, alone))
    report.here, report.there, report.same = (
        Counter(episode[0] for episode in episodes) for episodes in (here, there, here & there)
    )
    report.apart = others(disturbed, alone)


def _until(over: asyncio.Event, due: Iterator[Sending]) -> Iterator[Sending]:
    for sending in due:
        if over.is_set():
            return
        yield sending


async def _acked(fleet: Fleet) -> int:
    return fleet.tally.acked


def _nobody(sent: int) -> None:
    """Look on."""
    del sent
