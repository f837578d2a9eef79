"""Warnings that repeat themselves: a few are told, the others counted, and their number told.

    warning ─► counted by its event, for /metrics
            └► of one event about one thing: a few a minute ─► told
                                             └ more ─► "repeated", with how many more there were

Nothing is lost: what is not told in words is told as a number, in the log and to monitoring.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

# A fault that comes and goes shows its course; one that repeats itself shows in the number.
MOST_A_MINUTE: Final = 6
# Of an event that many things share, such as a city's meters.
MOST_OF_AN_EVENT: Final = 60
WINDOW_S: Final = 60.0
# Some 200 bytes each; beyond it, the things that an event is about are not told apart.
MOST_THINGS: Final = 4096
# Looking through all of them takes half a millisecond: not at each warning of a storm.
SWEEP_S: Final = 1.0
# What an event is about, in the fields that the rooms use.
ABOUT: Final = ("meter", "peer", "name", "platform", "endpoint", "chore", "shard", "codec", "kind")
SAMPLED: Final = frozenset({"warning", "error", "exception", "critical"})
REPEATED: Final = "repeated"

Event = MutableMapping[str, Any]
Key = tuple[str, ...]


@dataclass(slots=True)
class _Window:
    """A minute of one event, or of one about one thing."""

    began: float
    told: int = 0
    left_out: int = 0


class Sampler:
    """A processor of structlog that lets repeated warnings through now and then.

    ``say(what, times, about)`` tells how often something was left out of a minute that is over.
    """

    def __init__(
        self,
        say: Callable[[str, int, Mapping[str, str]], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        """How often each event was logged, told or not, by (level, event)."""
        self._say = say
        self._now_s = now_s
        self._windows: dict[Key, _Window] = {}
        self._swept_at = float("-inf")

    def __call__(self, _logger: object, method: str, event: Event) -> Event:
        """Let an event pass, or drop it.

        Raises:
            structlog.DropEvent: It repeats itself, and is counted.
        """
        name = str(event.get("event", ""))
        if method not in SAMPLED or name == REPEATED:
            return event
        about = tuple(f"{key}={event[key]}" for key in ABOUT if event.get(key) is not None)
        if not self.allows("warning" if method == "warning" else "error", name, about):
            raise structlog.DropEvent
        return event

    def lets_through(self, record: logging.LogRecord) -> bool:
        """Say whether a library's line is told; what it is about stands in its text alone."""
        if record.levelno < logging.WARNING:
            return True
        level = "warning" if record.levelno == logging.WARNING else "error"
        return self.allows(level, record.name, ())

    def allows(self, level: str, name: str, about: Key) -> bool:
        """Count an event about something, and say whether it is told."""
        self.counts[level, name] += 1
        now = self._now_s()
        if len(self._windows) >= MOST_THINGS and now - self._swept_at >= SWEEP_S:
            self._swept_at = now
            self.sweep()
        is_told_apart = bool(about) and len(self._windows) < MOST_THINGS
        whole = self._window((name,), now)
        one = self._window((name, *about), now) if is_told_apart else whole
        most = MOST_OF_AN_EVENT if about else MOST_A_MINUTE
        if whole.told >= most or (one is not whole and one.told >= MOST_A_MINUTE):
            if not one.left_out:
                self._sweep_later()
            one.left_out += 1
            return False
        whole.told += 1
        if one is not whole:
            one.told += 1
        return True

    def sweep(self) -> None:
        """Tell what was left out of minutes that are over."""
        now = self._now_s()
        # Of a list made at once: roles log from several threads.
        for key, one in list(self._windows.items()):
            if now - one.began >= WINDOW_S and self._windows.pop(key, None) is not None:
                self._tell(key, one)

    def _window(self, key: Key, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or now - window.began >= WINDOW_S:
            if window is not None:
                self._tell(key, window)
            window = self._windows[key] = _Window(now)
        return window

    def _tell(self, key: Key, window: _Window) -> None:
        if window.left_out:
            about = (text.partition("=") for text in key[1:])
            self._say(key[0], window.left_out, {name: value for name, _, value in about})

    def _sweep_later(self) -> None:
        # Where no loop runs, the next event of the kind tells it.
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().call_later(WINDOW_S, self.sweep)


def counted() -> Iterator[tuple[str, str, int]]:
    """Yield what this process logged so far: level, event, how often."""
    for one in structlog.get_config()["processors"]:
        if isinstance(one, Sampler):
            for (level, name), times in list(one.counts.items()):
                yield level, name, times
