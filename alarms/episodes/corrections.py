"""What a fold that was done again changes in the episodes that were found first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from wattwarden.alarms.episodes.findings import Alarm, Ended, Finding, Graded, Key, Raised, Returned

# An episode that ended goes on when its condition returns this soon.
RETURN_MS: Final = 600_000


class Standing(msgspec.Struct, frozen=True):
    """What may change of an episode: when it was raised and ended (ms), levels it counts more."""

    raised: int
    ended: int | None = None
    grade_up: int = 0


class Change(msgspec.Struct, frozen=True):
    """An episode before and after; None where there is none.  ``alarm`` is what was raised anew."""

    key: Key
    before: Standing | None
    after: Standing | None
    alarm: Alarm | None = None


def changes(
    stored: Mapping[Key, Standing], findings: Iterable[Finding], since: int, until: int | None
) -> list[Change]:
    """Return what a fold from ``since`` to ``until`` (ms; None: now) changes in an enterprise.

    ``stored`` are its episodes that were raised, ended or open from ``since`` on.  From ``until``
    on all went as it had gone before.
    """
    found = list(findings)
    before = {
        key: _as_of(standing, since) for key, standing in stored.items() if standing.raised < since
    }
    after = _applied(before, found)
    for key, standing in stored.items():
        if until is not None and standing.raised >= until:
            after[key] = standing
        elif until is not None and key in after and _is_later(standing.ended, until):
            after[key] = msgspec.structs.replace(after[key], ended=standing.ended)
    raised = {finding.alarm.key: finding.alarm for finding in found if isinstance(finding, Raised)}
    return [
        Change(key, stored.get(key), after.get(key), raised.get(key))
        for key in sorted(stored.keys() | after.keys())
        if stored.get(key) != after.get(key)
    ]


def _applied(episodes: Mapping[Key, Standing], findings: Sequence[Finding]) -> dict[Key, Standing]:
    """Episodes after findings, in the order in which these were found.

    An episode may be raised and end in the same moment.
    """
    after = dict(episodes)
    for finding in findings:
        if isinstance(finding, Raised):
            alarm = finding.alarm
            after[alarm.key] = Standing(alarm.raised, alarm.ended, alarm.grade_up)
    for finding in findings:
        match finding:
            case Ended() if finding.key in after:
                after[finding.key] = msgspec.structs.replace(
                    after[finding.key], ended=finding.ended
                )
            case Returned() if finding.key in after:
                after[finding.key] = msgspec.structs.replace(after[finding.key], ended=None)
            case Graded() if finding.key in after:
                after[finding.key] = msgspec.structs.replace(
                    after[finding.key], grade_up=finding.up
                )
            case _:
                pass
    return after


def _as_of(standing: Standing, moment: int) -> Standing:
    """An episode as it stood then: what ended later was open."""
    if _is_later(standing.ended, moment):
        return msgspec.structs.replace(standing, ended=None)
    return standing


def _is_later(ended: int | None, moment: int) -> bool:
    return ended is None or ended >= moment
