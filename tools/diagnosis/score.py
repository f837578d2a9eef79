"""Alarms against the truth: what was found, what was missed, what was said for nothing.

One offence is one scripted cause that lasts longer than its rule's own delay.  It is found by the
right rule on the right unit, raised between onset and end + off-delay.  Every other alarm of the
judged rules is false: a wrong type, a second episode inside one offence, one without any offence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final, NamedTuple

OFFENCES: Final = {
    "R1": "not started",
    "R2": "shut down",
    "R3": "idling",
    "R4": "reduced frequency",
    "R5": "slowed",
}
"""The judged rules, and what the offence of each is called."""

PER_LINE_DAYS: Final = 10_000


class Offence(NamedTuple):
    """One scripted cause; seconds Unix."""

    rule: str
    unit: str
    onset: float
    end: float


class Claim(NamedTuple):
    """One episode as the diagnosis raised it; seconds Unix."""

    rule: str
    unit: str
    raised: float


class Delay(NamedTuple):
    """A rule's own times in s: from first sample to raise, and from the end to the clear."""

    on: float
    off: float


Delays = Mapping[tuple[str, str], Delay]
"""A rule's own times for a unit, by (rule, unit)."""


@dataclass(slots=True)
class Tally:
    """What became of one rule's offences and claims."""

    true: int = 0
    false: int = 0
    missed: int = 0
    delays: list[float] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count what another one counted, too."""
        self.true += other.true
        self.false += other.false
        self.missed += other.missed
        self.delays += other.delays

    def row(self, rule: str) -> dict[str, Any]:
        """Return the figures as the report prints them; null where nothing was to be counted."""
        claims, offences = self.true + self.false, self.true + self.missed
        return {
            "rule": rule,
            "offence": OFFENCES[rule],
            "true": self.true,
            "false": self.false,
            "missed": self.missed,
            "precision": round(self.true / claims, 4) if claims else None,
            "recall": round(self.true / offences, 4) if offences else None,
            "delay_median_s": _percentile(self.delays, 50),
            "delay_p90_s": _percentile(self.delays, 90),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Tallies by rule, and the offences and claims that went wrong, for whoever looks into it."""

    tallies: Mapping[str, Tally]
    missed: Sequence[Offence]
    false: Sequence[Claim]

    @classmethod
    def of(cls, parts: Sequence["Verdict"]) -> "Verdict":
        """Add verdicts up."""
        tallies = {rule: Tally() for rule in OFFENCES}
        for part in parts:
            for rule, tally in part.tallies.items():
                tallies[rule].add(tally)
        missed = [one for part in parts for one in part.missed]
        return cls(tallies, missed, [one for part in parts for one in part.false])

    def per_line_days(self, line_days: float) -> float:
        """Return false alarms per 10,000 line-days."""
        return round(PER_LINE_DAYS * len(self.false) / line_days, 4) if line_days else 0.0


def unless_of(earlier: Iterable[Offence], claims: Iterable[Claim], delays: Delays) -> list[Claim]:
    """Leave out claims of offences that are not judged: those of the warm-up's last minutes."""
    known: dict[tuple[str, str], list[Offence]] = {}
    for one in earlier:
        known.setdefault((one.rule, one.unit), []).append(one)
    return [
        claim
        for claim in claims
        if not any(
            one.onset <= claim.raised <= one.end + delays[claim.rule, claim.unit].off
            for one in known.get((claim.rule, claim.unit), ())
        )
    ]


def judge(offences: Iterable[Offence], claims: Iterable[Claim], delays: Delays) -> Verdict:
    """Match claims with offences, in order of time.

    Only claims of rules in ``OFFENCES`` may be given.  Offences shorter than their rule's delay
    are none, and a claim inside one is false.
    """
    open_by_unit: dict[str, list[Offence]] = {}
    for offence in sorted(offences, key=lambda one: (one.onset, one.unit)):
        if offence.end - offence.onset > delays[offence.rule, offence.unit].on:
            open_by_unit.setdefault(offence.unit, []).append(offence)
    tallies = {rule: Tally() for rule in OFFENCES}
    found: set[Offence] = set()
    false: list[Claim] = []
    for claim in sorted(claims, key=lambda one: (one.raised, one.unit, one.rule)):
        tally = tallies[claim.rule]
        meant = _meant(claim, open_by_unit.get(claim.unit, ()), delays, found)
        if meant is None:
            tally.false += 1
            false.append(claim)
        else:
            found.add(meant)
            tally.true += 1
            tally.delays.append(claim.raised - meant.onset - delays[claim.rule, claim.unit].on)
    missed = [one for many in open_by_unit.values() for one in many if one not in found]
    for offence in missed:
        tallies[offence.rule].missed += 1
    return Verdict(tallies, missed, false)


def _meant(
    claim: Claim, offences: Sequence[Offence], delays: Delays, found: set[Offence]
) -> Offence | None:
    """Return the offence that the claim is right about and nobody claimed before."""
    for offence in offences:
        inside = (
            offence.onset <= claim.raised <= offence.end + delays[offence.rule, offence.unit].off
        )
        if inside and offence.rule == claim.rule and offence not in found:
            return offence
    return None


def _percentile(values: Sequence[float], percent: int) -> float | None:
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 1)
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)
