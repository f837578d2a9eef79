"""``wattwarden backtest``: what other rules would have found in stored history."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.rulebook import RuleError, Rules
from wattwarden.server.backtest.compare import APPEARS, MOVES, REGRADES, VANISHES, Difference
from wattwarden.server.backtest.fold import Window
from wattwarden.server.backtest.outcome import counts_by_rule, described
from wattwarden.server.backtest.run import NothingFoldedError, Tried
from wattwarden.server.backtest.run import backtest as backtested
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, share_progress, show_table
from wattwarden.tools.rules import read_rules
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

    async def work() -> Tried:
        async with database(settings, "backtest") as connection:
            with share_progress() as tell:
                return await backtested(connection, tried, window, enterprise, tell)

    try:
        found = run(work())
    except NothingFoldedError as error:
        raise CommandError(error.en, error.cure) from error
    _show(found, tried, json=json)


def _show(found: Tried, tried: Rules, *, json: bool) -> None:
    """Tell what differs between the rules in force and those that were tried."""
    comparison, by_rule = found.comparison, counts_by_rule(found.comparison)
    counts = {name: sum(many.values()) for name, many in by_rule.items()}
    if json:
        for one in comparison.differences:
            print(as_json(msgspec.to_builtins(described(one))))
        versions = {"in_force": found.standing.version, "tried": tried.version}
        rest = {"same": comparison.same, "by_rule": by_rule}
        print(as_json({"summary": versions | counts | rest}))
        return
    if comparison.differences:
        show_table(HEADINGS, [_row(one) for one in comparison.differences])
    console().print(
        f"{tried.version} instead of {found.standing.version}: {counts[APPEARS]} would appear,"
        f" {counts[VANISHES]} vanish, {counts[MOVES]} move, {counts[REGRADES]} change grade,"
        f" {comparison.same} are the same",
        highlight=False,
    )


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
