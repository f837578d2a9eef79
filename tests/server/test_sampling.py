"""Warnings that repeat themselves are told a few times, then as a number; all are counted."""

import ast
import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog

from wattwarden.server.metrics.families import FAMILIES
from wattwarden.server.metrics.watch import Watch
from wattwarden.server.sampling import (
    MOST_A_MINUTE,
    MOST_OF_AN_EVENT,
    MOST_THINGS,
    WINDOW_S,
    Sampler,
    counted,
)

ROOT = Path(__file__).resolve().parents[2]


class Log:
    """A sampler, what it let through and what it said of the rest."""

    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[tuple[str, int, dict[str, str]]] = []
        self.sampler = Sampler(self._say, lambda: self.now)

    def _say(self, what: str, times: int, about: Mapping[str, str]) -> None:
        self.said.append((what, times, dict(about)))

    def told(self, count: int, method: str = "warning", event: str = "e", **about: str) -> int:
        passed = 0
        for _ in range(count):
            try:
                self.sampler(None, method, {"event": event, **about})
            except structlog.DropEvent:
                continue
            passed += 1
        return passed


def test_a_few_are_told_and_the_rest_when_their_minute_is_over() -> None:
    log = Log()
    assert log.told(318, meter="acrel:1", reason="x") == MOST_A_MINUTE
    assert log.said == []
    log.now = WINDOW_S
    assert log.told(1, meter="acrel:1") == 1
    assert log.said == [("e", 318 - MOST_A_MINUTE, {"meter": "acrel:1"})]
    assert log.sampler.counts == {("warning", "e"): 319}


def test_what_stops_repeating_itself_is_told_by_the_sweep() -> None:
    log = Log()
    log.told(10, peer="10.0.0.1:5000")
    log.now = WINDOW_S - 1
    log.sampler.sweep()
    assert log.said == []
    log.now = WINDOW_S
    log.sampler.sweep()
    log.sampler.sweep()
    assert log.said == [("e", 10 - MOST_A_MINUTE, {"peer": "10.0.0.1:5000"})]


async def test_the_sweep_comes_by_itself_where_a_loop_runs() -> None:
    log = Log()
    loop = asyncio.get_running_loop()
    timers: list[float] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "call_later", lambda s, _do: timers.append(s), raising=False)
        log.told(20)
    assert timers == [WINDOW_S]


def test_meters_do_not_wait_for_each_other_until_they_are_a_city() -> None:
    log = Log()
    each = [log.told(2, meter=str(number)) for number in range(MOST_OF_AN_EVENT)]
    assert each[0] == 2
    assert sum(each) == MOST_OF_AN_EVENT
    assert log.told(1, event="another") == 1


def test_things_are_told_apart_while_there_is_room() -> None:
    log = Log()
    for number in range(2 * MOST_THINGS):
        log.told(1, event=str(number % 100), meter=str(number))
    assert len(log.sampler._windows) <= MOST_THINGS + 100
    assert sum(log.sampler.counts.values()) == 2 * MOST_THINGS


def test_a_storm_of_things_is_not_looked_through_at_each_warning() -> None:
    log = Log()
    for number in range(MOST_THINGS):
        log.told(1, event=str(number % 100), meter=str(number))
    swept = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log.sampler, "sweep", lambda: swept.append(log.now))
        for second in (1.0, 1.5, 2.0):
            log.now = second
            log.told(100, meter="new")
    assert swept == [1.0, 2.0]


def test_another_thread_may_warn_while_minutes_are_looked_through() -> None:
    log = Log()
    log.told(10)

    class Interrupted:
        left_out = 0

        @property
        def began(self) -> float:
            log.told(1, event=f"of another thread {len(log.sampler._windows)}")
            return 0.0

    log.sampler._windows["interrupted",] = Interrupted()  # type: ignore[assignment]  # its stand-in
    log.now = WINDOW_S
    log.sampler.sweep()
    assert log.said == [("e", 10 - MOST_A_MINUTE, {})]


@pytest.mark.parametrize("method", ["info", "debug"])
def test_what_warns_of_nothing_is_always_told(method: str) -> None:
    log = Log()
    assert log.told(100, method) == 100
    assert not log.sampler.counts


def test_what_is_said_of_repetitions_is_told() -> None:
    log = Log()
    assert log.told(100, event="repeated") == 100


def test_libraries_are_counted_by_their_names() -> None:
    log = Log()
    told = [
        log.sampler.lets_through(logging.LogRecord("lib", level, "", 0, f"{turn}", None, None))
        for turn in range(MOST_A_MINUTE + 1)
        for level in (logging.INFO, logging.ERROR)
    ]
    assert told.count(False) == 1
    assert log.sampler.counts == {("error", "lib"): MOST_A_MINUTE + 1}


async def test_monitoring_hears_of_every_warning() -> None:
    log = Log()
    log.told(30)
    structlog.configure(processors=[log.sampler])
    assert list(counted()) == [("warning", "e", 30)]
    watch = Watch("writer", lambda: (), lambda: ())
    [sample] = [one for one in await watch.numbers() if one.name == "log_events_total"]
    assert (sample.value, sample.labels) == (30, ("warning", "e"))
    assert FAMILIES[sample.name].labels == ("level", "event")


def test_every_warning_of_the_rooms_has_a_name_of_its_own_to_be_counted_by() -> None:
    """A text made up for the occasion would be a number of its own each time."""
    found, loose = 0, []
    for room in ("server", "storage", "console"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if node.func.attr not in {"warning", "error", "exception", "critical"}:
                    continue
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id in {"_log", "log"} and node.args:
                    found += 1
                    if not isinstance(node.args[0], ast.Constant | ast.Name):
                        loose.append(f"{file.name}:{node.lineno}")
    assert found > 40
    assert loose == []
