"""``wattwarden backtest``: what other rules would have found in stored history."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.alarms.episodes.findings import Alarm
from wattwarden.alarms.rulebook import RuleError, Rules
from wattwarden.storage.database import Connection
from wattwarden.tools.decode import as_json
from wattwarden.tools.diagnosis.compare import (
    APPEARS,
    MOVES,
    VANISHES,
    Comparison,
    Difference,
    compared,
    episodes_of,
)
from wattwarden.tools.diagnosis.history import Window, folded, stored
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, show_table, slot_progress
from wattwarden.tools.rules import read_rules, rules_in_force
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import of_us, parse_time, rfc3339, to_us

USUAL_SPAN: Final = "-7d"
HEADINGS: Final = ("", "rule", "subject", "began", "raised", "ended", "was raised", "ended")
_US_PER_MS: Final = 1_000


def backtest(
    *,
    rules: Annotated[Path, Parameter(help="The rule file (TOML) to try.")],
    since: Annotated[
        str,
        Parameter(allow_leading_hyphen=True, help="Alarms raised from this time on."),
    ] = USUAL_SPAN,
    until: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="Alarms raised before this time.")
    ] = "now",
    enterprise: Annotated[
        tuple[str, ...], Parameter(show_default=False, help="Only this one's; repeatable.")
    ] = (),
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Fold stored history by other rules: which alarms would appear, vanish or move.

    The same readings are folded twice, by the rules in force and by the file's, from what was known
    at the beginning of the first day; what was learned before then stays. Nothing is changed.
    Silence of meters and of the platform (R0, R8, R21) is told by ticks and not judged again.
    """
    now = datetime.now(UTC)
    window = Window(_ms(parse_time(since, now)), _ms(parse_time(until, now)))
    if window.until <= window.since:
        message = f"nothing lies between {since} and {until}"
        raise UsageError(message, "give a --since before --until")
    try:
        tried = read_rules(rules)
    except RuleError as error:
        raise CommandError(str(error), "wattwarden rules check tells the same") from error
    settings = settings_of(system)

    async def work() -> tuple[Rules, Comparison]:
        async with (
            database(settings, "backtest") as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            standing, _ = await rules_in_force(connection)
            return standing, await _compared(connection, (standing, tried), window, enterprise)

    standing, comparison = run(work())
    _show(comparison, (standing, tried), json=json)


def _show(comparison: Comparison, pair: tuple[Rules, Rules], *, json: bool) -> None:
    """Tell what differs between the rules in force and those that were tried."""
    (standing, tried), counts = pair, _counts(comparison)
    if json:
        for one in comparison.differences:
            print(as_json(_described(one)))
        told = {"in_force": standing.version, "tried": tried.version, **counts}
        print(as_json({"summary": told}))
        return
    if comparison.differences:
        show_table(HEADINGS, [_row(one) for one in comparison.differences])
    console().print(
        f"{tried.version} instead of {standing.version}: {counts[APPEARS]} would appear,"
        f" {counts[VANISHES]} vanish, {counts[MOVES]} move, {counts['same']} are the same",
        highlight=False,
    )


async def _compared(
    connection: Connection, books: Sequence[Rules], window: Window, enterprises: Sequence[str]
) -> Comparison:
    there = await stored(connection, enterprises)
    if unknown := sorted(set(enterprises) - there.states.keys()):
        message = f"nothing was folded yet of {', '.join(unknown)}"
        raise CommandError(message, "see wattwarden registry show enterprise")
    with slot_progress(len(there.states)) as advance:
        found = await folded(connection, there, books, window, advance)
    if not found:
        since, until = _moment(window.since), _moment(window.until)
        message = f"nothing was folded between {since} and {until}"
        raise CommandError(message, "name another --since or --until; nothing was stored then")
    before, after = (episodes_of(one, window.since, window.until) for one in found)
    return compared(before, after)


def _counts(comparison: Comparison) -> dict[str, Any]:
    """Count what is otherwise, by change, and by change and rule."""
    by_rule: dict[str, Counter[str]] = {name: Counter() for name in (APPEARS, VANISHES, MOVES)}
    for one in comparison.differences:
        by_rule[one.change][one.alarm.rule] += 1
    return {
        **{name: sum(many.values()) for name, many in by_rule.items()},
        "same": comparison.same,
        "by_rule": {name: dict(sorted(many.items())) for name, many in by_rule.items()},
    }


def _described(one: Difference) -> dict[str, Any]:
    alarm = one.alarm
    return {
        "change": one.change,
        "rule": alarm.rule,
        "kind": alarm.kind,
        "subject": alarm.subject,
        "enterprise": alarm.enterprise,
        "line": alarm.line,
        "before": _times(one.before),
        "after": _times(one.after),
        "zh": alarm.explanation.zh,
        "en": alarm.explanation.en,
    }


def _times(alarm: Alarm | None) -> dict[str, str | None] | None:
    if alarm is None:
        return None
    return {
        "began": _moment(alarm.began),
        "raised": _moment(alarm.raised),
        "ended": _moment(alarm.ended),
    }


def _row(one: Difference) -> tuple[str | None, ...]:
    alarm, before, after = one.alarm, one.before, one.after
    return (
        one.change,
        " ".join(filter(None, (alarm.rule, alarm.kind))),
        alarm.subject,
        _moment(alarm.began),
        None if after is None else _moment(after.raised),
        None if after is None else _moment(after.ended),
        None if before is None else _moment(before.raised),
        None if before is None else _moment(before.ended),
    )


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(of_us(ms * _US_PER_MS))


def _ms(moment: datetime) -> int:
    return to_us(moment) // _US_PER_MS
