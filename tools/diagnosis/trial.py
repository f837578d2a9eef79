"""One trial: a simulated world folded by the rules, its alarms beside its truth."""

import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np

from wattwarden.alarms.episodes.findings import Finding, Raised
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant, slot_of
from wattwarden.alarms.plant.orders import compile_orders
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.states import state as states
from wattwarden.tools.diagnosis.cells import Cells, Settled
from wattwarden.tools.diagnosis.score import (
    OFFENCES,
    Claim,
    Delay,
    Offence,
    Verdict,
    judge,
    unless_of,
)
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.orders import Order, orders_of
from wattwarden.tools.simulator.readings import Block
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.world import World

DAY_S: Final = 86_400
BLOCK_HOURS: Final = 6
# Debounce takes two samples at least, whatever the rule says: the second comes a cycle after the
# first, and nobody waits for longer than that.
LEAST_SAMPLES: Final = 2
_SECOND_MS: Final = 1000
# As many as somebody looks into; the figures tell how many there were.
MOST_TOLD: Final = 100


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
            "missed_offences": [_missed(one) for one in self.verdict.missed[:MOST_TOLD]],
            "false_alarms": [_false(one) for one in self.verdict.false[:MOST_TOLD]],
        }


def _missed(one: Offence) -> dict[str, str]:
    return {
        "rule": one.rule, "unit": one.unit, "onset": _local(one.onset), "end": _local(one.end),
    }  # fmt: skip


def _false(one: Claim) -> dict[str, str]:
    return {"rule": one.rule, "unit": one.unit, "raised": _local(one.raised)}


def _local(second: float) -> str:
    """Write a moment as scenarios do, in the scenario's zone."""
    return datetime.fromtimestamp(round(second), ZONE).isoformat(" ")


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


class _Group:
    """Enterprises with one slot length, folded block by block."""

    def __init__(self, world: World, registry: Registry, rules: Rules, firms: list[str]) -> None:
        self.plant = compile_plant(registry, rules, firms)
        outlets = [(one.spec.id, one.spec.factor) for one in world.site.stations]
        self.cells = Cells(self.plant, world.units, outlets)
        self._rules = rules
        first = world.first_slot * world.slot_s // self.plant.slot_s
        self._state = states.initial(self.plant, first)

    def fold(self, block: Block, decisions: Sequence[Order]) -> Iterator[Finding]:
        """Fold a block, every slot under the decisions that were taken before its end."""
        grid = self.cells.grid(block)
        end = grid.first + len(grid.at)
        slot_ms = _SECOND_MS * self.plant.slot_s
        # The slot within which somebody decides is judged once it is over.
        taken = sorted({one.at_ms // slot_ms for one in decisions})
        cuts = [slot for slot in taken if grid.first < slot < end]
        for first, behind in pairwise([grid.first, *cuts, end]):
            bodies = [one.body for one in decisions if one.at_ms // slot_ms <= first]
            upto = np.full(len(self.plant.firms), behind, dtype=np.int64)
            orders = compile_orders(self.plant, bodies)
            self._state, findings = fold(self.plant, self._rules, self._state, grid, upto, orders)
            yield from findings


def run(world: World, rules: Rules, warmup_days: int, advance: Callable[[int], object]) -> Trial:
    """Fold a world whole; ``advance`` is told the folded slots of each block.

    Raises:
        UsageError: A decision of the scenario is none.
    """
    registry, decisions = registry_of(world), orders_of(world)
    groups = _groups(world, registry, rules)
    judged_from = world.midnight_ms // _SECOND_MS + warmup_days * DAY_S
    claims: list[Claim] = []
    others: Counter[str] = Counter()
    settled = Settled(world.blocks(BLOCK_HOURS))
    for block in settled:
        for group in groups:
            for finding in group.fold(block, decisions):
                if isinstance(finding, Raised):
                    _sort(finding, judged_from, claims, others)
        advance(len(block.live.at_ms))
    lines = sum(len(group.plant.lines) for group in groups)
    delays = {key: delay for group in groups for key, delay in delays_of(group.plant).items()}
    earlier, offences = _offences(world, judged_from)
    return Trial(
        seed=world.seed,
        days=world.scenario.days,
        warmup_days=warmup_days,
        line_days=lines * (world.scenario.days - warmup_days),
        verdict=judge(offences, unless_of(earlier, claims, delays), delays),
        others=others,
        readings=sum(group.cells.readings for group in groups),
        left_out=settled.left_out,
    )


def _groups(world: World, registry: Registry, rules: Rules) -> list[_Group]:
    firms: dict[int, list[str]] = {}
    for name in registry.enterprise:
        firms.setdefault(slot_of(registry, name), []).append(name)
    return [_Group(world, registry, rules, names) for _, names in sorted(firms.items())]


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


def _offences(world: World, judged_from: int) -> tuple[list[Offence], list[Offence]]:
    """Return the offences that began within the warm-up, and those that are judged."""
    found = [
        Offence(one.rule, one.unit, one.onset_ms / _SECOND_MS, one.end_ms / _SECOND_MS)
        for one in world.truth()
        if one.rule in OFFENCES
    ]
    judged = [one for one in found if one.onset >= judged_from]
    return [one for one in found if one.onset < judged_from], judged


def delays_of(plant: Plant) -> dict[tuple[str, str], Delay]:
    """Return the judged rules' own delays, by rule and unit."""
    samples = (LEAST_SAMPLES - 1) * plant.unit.cycle / _SECOND_MS
    delays = {}
    for rule in OFFENCES:
        on = np.maximum(plant.limit[f"{rule}.delay_s"], samples).tolist()
        off = plant.limit[f"{rule}.off_delay_s"].tolist()
        for unit, *times in zip(plant.units, on, off, strict=True):
            delays[rule, unit] = Delay(*times)
    return delays


def peak_rss_mib() -> float:
    """Return the most memory that this process ever held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024 * 1024), 1)
