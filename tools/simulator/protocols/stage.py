"""What all simulated meters of a run share: where they dial, what came of it, and the truth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from wattwarden.tools.simulator.chance import share
from wattwarden.tools.simulator.protocols.dialect import Report
from wattwarden.tools.simulator.protocols.rows import ACKED, KEPT, Truth, us_of

FIRST_PAUSE_S: Final = 1.0
# A carrier's cell that was down is back within minutes; nobody waits longer for a port.
MOST_PAUSE_S: Final = 30.0
# How often a line breaks at a frame: often enough that every minute of a run has some.
BREAK_SHARE: Final = 0.01
# Answers on 2G take half a second, a journal that syncs some milliseconds; a restart seconds.
PATIENCE_S: Final = 10.0


@dataclass(slots=True)
class Tally:
    """What came of everything; ``reports`` counts each once, however often it went out."""

    reports: int = 0
    acked: int = 0
    resent: int = 0
    answers: int = 0
    connections: int = 0
    refused_dials: int = 0
    misunderstood: int = 0
    garbage: int = 0
    lost: int = 0


def wall() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Stage:
    """One run.  ``ended`` says that nothing new is said any more.

    ``lost`` is the share of reports that never leave meters which can be asked for them again;
    ``now`` what meters' clocks show.
    """

    target: tuple[str, int]
    truth: Truth
    seed: int
    tally: Tally = field(default_factory=Tally)
    ended: bool = False
    lost: float = 0.0
    now: Callable[[], datetime] = wall

    def pause_s(self, name: str, failures: int) -> float:
        """Return how long is waited before another try: longer each time, for each another."""
        lot = share(self.seed, "pause", name, failures)
        pause: float = FIRST_PAUSE_S * 2.0 ** min(failures, 10)
        return min(MOST_PAUSE_S, pause) * (0.5 + lot / 2)

    def loses(self, name: str, number: int) -> bool:
        """Whether a report never leaves its meter."""
        return share(self.seed, "lost", name, number) < self.lost

    def breaks(self, name: str, number: int) -> bool:
        """Whether the line breaks at a frame."""
        return not self.ended and share(self.seed, "break", name, number) < BREAK_SHARE


@dataclass(slots=True)
class Said:
    """A report on a meter's hands, and when it was said first."""

    report: Report
    said_us: int


@dataclass(slots=True)
class Memory:
    """The reports that a meter keeps until somebody has taken them."""

    stage: Stage
    kept: dict[int, Said] = field(default_factory=dict)
    _count: int = 0

    def keep(self, report: Report) -> int:
        """Take a report that was not said before; return its number."""
        self._count += 1
        self.kept[self._count] = Said(report, us_of(self.stage.now()))
        self.stage.tally.reports += 1
        return self._count

    def forget(self, number: int, state: str) -> None:
        """Take a report off the meter's hands: acknowledged, or nobody acknowledges it."""
        said = self.kept.pop(number)
        self.stage.tally.acked += state == ACKED
        self.stage.truth.tell(said.report.rows, state, said.said_us)

    def close(self) -> None:
        """Tell of what is left that it may be stored or not."""
        for said in self.kept.values():
            self.stage.truth.tell(said.report.rows, KEPT, said.said_us)
        self.kept.clear()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the turns of a meter are, and what its clock shows then.

    A clock that cannot tell two turns apart runs faster, from some time ago to now.
    """

    begin: datetime
    cycle_s: float
    turns: int

    def at(self, turn: int, phase_s: float, step_s: float) -> datetime:
        """Return what a clock with such steps shows at a turn."""
        behind_s = (self.turns - turn) * (max(self.cycle_s, step_s) - self.cycle_s)
        return self.begin + timedelta(seconds=self.due_s(turn, phase_s) - behind_s)

    def due_s(self, turn: int, phase_s: float) -> float:
        """Return when a turn is, in seconds since the begin."""
        return phase_s + turn * self.cycle_s
