"""What faults happen to: a system, a city's meters, and what the machine permits."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.hosts import Namespaces
from tests.integration.system import System

from wattwarden.server.clock import Clock
from wattwarden.tools.simulator.fleet import Fleet

# The name of the system's host, where it has one of its own.
HOST: Final = "up"
POLL_S: Final = 0.2
# A healthy system answers within milliseconds; one that has other things to do, within this.
FLOWING_S: Final = 1.0


class Skipped(Exception):  # noqa: N818  # an outcome of a step, told as such
    """The machine does not permit a step.  The message says why."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the machine permits; None where it does not.

    ``shifted`` is the file that tells by how much clocks are wrong, ``zone`` the one that roles
    take for the local time.
    """

    hosts: Namespaces | None
    tmpfs: Path | None
    shifted: Path | None
    zone: Path


@dataclass(slots=True)
class Scene:
    """One run.  ``share`` is that of the usual time for which faults last.

    ``addresses`` are those of the city's meters; others may speak beside them.
    """

    system: System
    ground: Ground
    fleet: Fleet
    clock: Clock
    chance: random.Random
    share: float
    frames_per_s: float
    addresses: list[str]
    ended_s: float = 0.0
    gone: list[tuple[str, Sequence[int]]] = field(default_factory=list)

    def lasting(self, usual_s: float) -> float:
        """Return how long something lasts in this run."""
        return max(0.5, usual_s * self.share)

    def begin(self) -> None:
        """Note that a fault begins."""
        self.ended_s, self.gone = 0.0, []

    def over(self) -> None:
        """Note that the fault ends now, unless it did before."""
        self.ended_s = self.ended_s or time.monotonic()
