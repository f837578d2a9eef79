"""What a back-test came to, as it is kept and as commands print it."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.episodes.findings import Alarm
from wattwarden.alarms.rulebook import Rules
from wattwarden.server.backtest.compare import CHANGES, Comparison, Difference
from wattwarden.server.backtest.run import Tried
from wattwarden.storage.backtests import Differing, Outcome, Times
from wattwarden.storage.moments import moment_of

# Nobody reads more one by one; all of them are counted, and the command lists them.
MOST_LISTED: Final = 500
_US_PER_MS: Final = 1_000


def outcome_of(found: Tried, tried: Rules) -> Outcome:
    """Return what is kept of a back-test: all counts, and the first differences."""
    comparison = found.comparison
    return Outcome(
        in_force=found.standing.version,
        tried=tried.version,
        same=comparison.same,
        by_rule=counts_by_rule(comparison),
        differences=[described(one) for one in comparison.differences[:MOST_LISTED]],
    )


def counts_by_rule(comparison: Comparison) -> Mapping[str, Mapping[str, int]]:
    """Count what is otherwise, by change and rule."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in CHANGES}
    for one in comparison.differences:
        counts[one.change][one.alarm.rule] += 1
    return {name: dict(sorted(many.items())) for name, many in counts.items()}


def described(one: Difference) -> Differing:
    """Return a difference with its moments."""
    alarm = one.alarm
    return Differing(
        change=one.change,
        rule=alarm.rule,
        kind=alarm.kind,
        subject=alarm.subject,
        enterprise=alarm.enterprise,
        line=alarm.line,
        before=_times(one.before),
        after=_times(one.after),
        grade_before=one.grade_before,
        grade_after=one.grade_after,
        zh=alarm.explanation.zh,
        en=alarm.explanation.en,
    )


def _times(alarm: Alarm | None) -> Times | None:
    if alarm is None:
        return None
    began, raised = (moment_of(ms * _US_PER_MS) for ms in (alarm.began, alarm.raised))
    ended = None if alarm.ended is None else moment_of(alarm.ended * _US_PER_MS)
    return Times(began=began, raised=raised, ended=ended)
