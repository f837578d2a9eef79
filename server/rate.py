"""How fast a data folder's time runs: 1 for real meters, N for a simulated city.

    data/clock.json   {"rate": 60, "origin_us": …}      written once, by the first `up`

time of the folder = origin + rate × (wall − origin): it goes on while nothing runs, and every
process of the folder has the same.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from wattwarden.server.clock import Clock
from wattwarden.server.places import Places
from wattwarden.server.settings import REAL_RATE


class RateRefusedError(Exception):
    """The data folder's time runs at another rate.  The message says what to do."""


class Rate(msgspec.Struct, frozen=True):
    """How many seconds pass in one, counted from ``origin_us`` (microseconds UTC) on."""

    rate: int = REAL_RATE
    origin_us: int = 0

    def clock(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> Clock:
        """Return a clock of this rate."""
        if self.rate == REAL_RATE:
            return Clock(wall_ns, monotonic_ns)
        origin_ns, rate = self.origin_us * 1000, self.rate
        return Clock(
            lambda: origin_ns + (wall_ns() - origin_ns) * rate, lambda: monotonic_ns() * rate, rate
        )


def load_rate(data: Path) -> Rate:
    """Return the rate of a data folder; one that says nothing runs in real time.

    Raises:
        RateRefusedError: What it says cannot be read.
    """
    file = _file(data)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Rate)
    except FileNotFoundError:
        return Rate()
    except msgspec.DecodeError as error:
        message = f"{file} is damaged: put back the one of a backup, or begin another data folder"
        raise RateRefusedError(message) from error


def check_rate(data: Path, wanted: int | None) -> None:
    """Refuse a rate that is not the data folder's own; None takes whatever it is.

    Raises:
        RateRefusedError: The folder's time runs at another one.
    """
    rate = load_rate(data)
    if _is_new(data) or wanted in {None, rate.rate}:
        return
    message = (
        f"time in {data} runs at {rate.rate} times the real one, which never changes: "
        f"leave out --clock-rate {wanted}, or name another folder with --data"
    )
    raise RateRefusedError(message)


def record_rate(data: Path, wanted: int | None, now_us: int) -> None:
    """Record the rate of a data folder that is new; call it before anything runs there."""
    if _is_new(data):
        file = _file(data)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(Rate(wanted or REAL_RATE, now_us)))
        draft.replace(file)


def _is_new(data: Path) -> bool:
    """Whether nothing has run here yet; folders older than this record run in real time."""
    return not (_file(data).exists() or Places(data).running.exists())


def _file(data: Path) -> Path:
    return data / "clock.json"
