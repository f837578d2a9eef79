"""What a break in production makes of an offence that goes on: one before it, one after it.

    shut down ───────────────────────────────►         what was done
    ████ production ████   break   ████ production ████
    └──── R2 ──────────┘           └──── R1 ──────────┘    what there is to be found

Nobody offends while nothing is produced: an alarm ends with production, and the next run without
treatment is an offence of its own.  A break as short as those after which an alarm goes on parts
nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wattwarden.tools.simulator.offences import CAUSES, DELAY_S
from wattwarden.tools.simulator.steps import Cause, Span

# An alarm whose condition returns within ten minutes goes on.
GOES_ON_S: Final = 600.0
# A stop of production is believed after so many samples.
BELIEVED: Final = 3
OFF_RULES: Final = frozenset({"R1", "R2"})


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside an offence: when its lines produce, and when its unit should be on.

    ``run_on_s``: how long the unit must run on after them; ``cycle_s``: the longest of the meters.
    """

    runs: Sequence[Span]
    spans: Sequence[Span]
    run_on_s: float
    cycle_s: float


def parted(cause: Cause, beside: Beside) -> list[Cause]:
    """Return the offences that a cause comes to, one at least, in order of time."""
    found: list[Cause] = []
    stopped = 0.0
    for run in _expected(beside):
        end = run.end + (beside.run_on_s if cause.rule in OFF_RULES else 0.0)
        onset, end = max(run.begin, cause.onset_s), min(end, cause.end_s)
        if onset >= end:
            continue
        if found and run.begin - stopped <= GOES_ON_S and _is_long(found[-1], beside):
            found[-1] = replace(found[-1], end_s=end)
        else:
            rule = cause.rule
            if rule == "R2" and run.begin > cause.onset_s:
                rule = "R1"
            part = replace(cause, rule=rule, cause=CAUSES[rule], onset_s=onset, end_s=end)
            found.append(part)
        stopped = run.end
    return found or [cause]


def _expected(beside: Beside) -> Iterator[Span]:
    """Yield when the unit must work; a stop that nobody would believe is none."""
    last: Span | None = None
    for run in beside.runs:
        for span in beside.spans:
            both = Span(max(run.begin, span.begin), min(run.end, span.end))
            if both.begin >= both.end:
                continue
            if last is not None and both.begin - last.end < BELIEVED * beside.cycle_s:
                last = Span(last.begin, both.end)
                continue
            if last is not None:
                yield last
            last = both
    if last is not None:
        yield last


def _is_long(cause: Cause, beside: Beside) -> bool:
    """Whether it lasted for its rule's delay, so that there was an alarm when it ended."""
    return cause.end_s - cause.onset_s > max(DELAY_S[cause.rule], 2 * beside.cycle_s)
