"""One trial: a simulated world folded by the rules, its alarms beside its truth."""

import resource
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from wattwarden.alarms import state as states
from wattwarden.alarms.compile import compile_plant
from wattwarden.alarms.findings import Raised
from wattwarden.alarms.fold import fold
from wattwarden.alarms.plant import Plant
from wattwarden.alarms.rulebook import Rules
from wattwarden.tools.diagnosis.cells import Cells
from wattwarden.tools.diagnosis.score import OFFENCES, Claim, Delay, Offence, Verdict, judge
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.world import World

DAY_S: Final = 86_400
BLOCK_HOURS: Final = 6
# Debounce takes two samples at least, whatever the rule says.
LEAST_SAMPLES: Final = 2
_SECOND_MS: Final = 1000


@dataclass(slots=True)
class Trial:
    """What a trial came to; ``others`` counts alarms of the rules that are not judged."""

    seed: int
    days: int
    warmup_days: int
    line_days: int
    verdict: Verdict
    others: Counter[str] = field(default_factory=Counter)
    readings: int = 0
    left_out: int = 0

    def report(self) -> dict[str, Any]:
        """Return the report as it is printed for machines."""
        return {
            "seed": self.seed,
            "days": self.days,
            "warmup_days": self.warmup_days,
            "line_days": self.line_days,
            "false_per_10000_line_days": self.verdict.per_line_days(self.line_days),
            "types": [self.verdict.tallies[rule].row(rule) for rule in OFFENCES],
            "other_alarms": dict(sorted(self.others.items())),
            "readings": self.readings,
            "late_left_out": self.left_out,
        }


def merged(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return one report of several trials: sums of what was counted, all delays together."""
    whole = Trial(
        seed=trials[0].seed,
        days=trials[0].days,
        warmup_days=trials[0].warmup_days,
        line_days=sum(trial.line_days for trial in trials),
        verdict=Verdict.of([trial.verdict for trial in trials]),
        others=sum((trial.others for trial in trials), Counter()),
        readings=sum(trial.readings for trial in trials),
        left_out=sum(trial.left_out for trial in trials),
    )
    return whole.report()


def run(world: World, rules: Rules, warmup_days: int, advance: Callable[[int], object]) -> Trial:
    """Fold a world whole; ``advance`` is told the folded slots of each block."""
    registry = registry_of(world)
    plant = compile_plant(registry, rules, registry.enterprise)
    cells = Cells(plant, world.units)
    state = states.initial(plant, world.first_slot)
    start_s = world.midnight_ms // _SECOND_MS
    judged_from = start_s + warmup_days * DAY_S
    claims: list[Claim] = []
    others: Counter[str] = Counter()
    for grid in cells.grids(world.blocks(BLOCK_HOURS)):
        upto = np.full(len(plant.firms), grid.first + len(grid.at), dtype=np.int64)
        state, findings = fold(plant, rules, state, grid, upto)
        for finding in findings:
            if isinstance(finding, Raised):
                _sort(finding, judged_from, claims, others)
        advance(len(grid.at))
    verdict = judge(_offences(world, judged_from), claims, delays_of(plant))
    return Trial(
        seed=world.seed,
        days=world.scenario.days,
        warmup_days=warmup_days,
        line_days=len(plant.lines) * (world.scenario.days - warmup_days),
        verdict=verdict,
        others=others,
        readings=cells.readings,
        left_out=cells.left_out,
    )


def _sort(finding: Raised, judged_from: int, claims: list[Claim], others: Counter[str]) -> None:
    """Keep an alarm for judging, or count it; what began in the warm-up is neither."""
    alarm = finding.alarm
    if alarm.began < judged_from * _SECOND_MS or alarm.suppressed_by is not None:
        return
    if alarm.rule in OFFENCES:
        unit = alarm.subject.removeprefix("unit:")
        claims.append(Claim(alarm.rule, unit, alarm.raised / _SECOND_MS))
    else:
        others[alarm.rule] += 1


def _offences(world: World, judged_from: int) -> list[Offence]:
    """Return the judged offences that began after the warm-up."""
    return [
        Offence(one.rule, one.unit, one.onset_ms / _SECOND_MS, one.end_ms / _SECOND_MS)
        for one in world.truth()
        if one.rule in OFFENCES and one.onset_ms >= judged_from * _SECOND_MS
    ]


def delays_of(plant: Plant) -> dict[str, Delay]:
    """Return the judged rules' own delays, the longest that any unit of the plant has."""
    samples = LEAST_SAMPLES * float(plant.unit.cycle.max(initial=0)) / _SECOND_MS
    return {
        rule: Delay(
            max(float(plant.limit[f"{rule}.delay_s"].max(initial=0)), samples),
            float(plant.limit[f"{rule}.off_delay_s"].max(initial=0)),
        )
        for rule in OFFENCES
    }


def peak_rss_mib() -> float:
    """Return the most memory that this process ever held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024 * 1024), 1)
