"""``wattwarden stats``: the figures of a span, as authorities report them."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.alarms.statistics.scope import firms_of_agency
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.statistics.plain import plain
from wattwarden.storage.statistics.report import Report, Row, load_report
from wattwarden.tools.acting import AsReader, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.statistics.lines import (
    COUNTED_ZH,
    health_lines,
    lines,
    minutes,
    percent,
    share,
)
from wattwarden.tools.times import local, rfc3339

# Authorities count by month.
USUAL: Final = timedelta(days=30)
INSTANT: Final = timedelta(microseconds=1)


def stats(
    *,
    by: Annotated[By, Parameter(help="A row for each of these.")] = By.ALL,
    span: Span = ALL_TIMES,
    agency: Annotated[str | None, Parameter(help="Only its firms, and those below it.")] = None,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise, by its id.")] = None,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Print statistics of the last 30 days, or from --since to --until.

    Shares are told as percentages, durations in minutes. What came of meters is counted in whole
    hours; everything else to the millisecond. With --json, one line a row and one of the health
    of the alarm system; a share is told with what it is made of.
    """
    settings = settings_of(system)

    async def work() -> tuple[Registry, Report]:
        async with reading(settings, person, "stats", Read.STATISTICS) as view:
            period = bounds(span, view.now)
            registry = await load_registry(view.connection)
            firms = chosen_firms(registry, agency, enterprise, view.reader)
            return registry, await load_report(view.connection, registry, firms, period, by)

    registry, report = run(work())
    if json:
        for row in report.rows:
            print(as_json(plain({"by": by, **asdict(row)} | _bounds(report))))
        print(as_json(plain({"health": asdict(report.health)} | _bounds(report))))
        return
    print(" – ".join(_bounds(report).values()))
    if by is By.ALL:
        for row in report.rows:
            show_table(("指标", "数值"), list(lines(row)))
        show_table(("报警系统健康度", "数值"), list(health_lines(report.health)))
    else:
        show_table(("", *_HEADINGS), [_cells(registry, by, row) for row in report.rows])
        moments = [row.figures.counted_until for row in report.rows]
        behind = min((one for one in moments if one is not None), default=None)
        if behind is not None:
            print(f"{COUNTED_ZH} {local(behind)}")


def bounds(span: Span, now: datetime) -> Period:
    """Read the ends of a report: to now included, from 30 days before its end, where not given.

    Raises:
        UsageError: The end is to come, or not behind the beginning.
    """
    since, until = span.bounds(now)
    # What was entered at this very moment is in it.
    until = now + INSTANT if until in (None, now) else until
    since = until - USUAL if since is None else since
    if until > now + INSTANT:
        message = f"--until {rfc3339(until)} is to come"
        raise UsageError(message, f"it is {rfc3339(now)} for the system")
    if since >= until:
        message = f"there is nothing between {rfc3339(since)} and {rfc3339(until)}"
        raise UsageError(message, "give an earlier --since")
    return Period(since, until)


def chosen_firms(
    registry: Registry, agency: str | None, enterprise: str | None, reader: Reader
) -> list[str]:
    """Return the firms that are asked for, as far as the reader may see them.

    Raises:
        CommandError: There is no such agency or enterprise, or nothing that the reader may see.
    """
    firms = [one for one in registry.enterprise.values() if reader.sees(one.id)]
    seen = {one.id for one in firms}
    for kind, name, known in (
        ("agency", agency, registry.agency),
        ("enterprise", enterprise, seen),
    ):
        if name is not None and name not in known:
            message = f"there is no {kind} {name}"
            raise CommandError(message, f"see wattwarden registry show {kind}")
    if agency is not None:
        seen &= set(firms_of_agency(agency, firms, registry.agency))
    if enterprise is not None:
        seen &= {enterprise}
    if not seen and reader.person is not None:
        who = reader.person
        message = f"{who.name}无权查看 / {who.id} may see none of this"
        raise CommandError(message)
    return sorted(seen)


def _bounds(report: Report) -> dict[str, str]:
    """Tell the ends of a report, to the millisecond, which is as fine as it is counted."""
    whole = {"since": report.since, "until": report.until}
    return {
        name: rfc3339(at.replace(microsecond=at.microsecond // 1000 * 1000))
        for name, at in whole.items()
    }


_HEADINGS: Final = (
    "企业", "报警", "未结束", "及时处置率", "及时核实率", "平均时长min", "中位min", "P90min",
    "采集率", "在线率", "传输有效率", "生产开停率", "治污开停率", "同步率", "负荷率",
    "非现场占比", "任务", "解决问题", "台账补录",
)  # fmt: skip


def _cells(registry: Registry, by: By, row: Row) -> tuple[object, ...]:
    shown, time, name = row.figures, row.figures.time, row.name
    if by is By.DISTRICT:
        name = registry.region[name].name
    elif by is By.ENTERPRISE:
        name = f"{name} {registry.enterprise[name].name}"
    return (
        name,
        shown.enterprises,
        shown.alarms,
        shown.alarms_open,
        percent(shown.in_time),
        percent(shown.verified_in_time),
        minutes(shown.durations.mean),
        minutes(shown.durations.median),
        minutes(shown.durations.p90),
        percent(time.collected.collection),
        percent(time.online),
        share(time.collected.transmission_valid),
        percent(time.production),
        percent(time.treatment),
        percent(time.synchronous),
        percent(time.load),
        percent(row.enforced.off_site),
        row.enforced.tasks,
        row.served.problems_solved,
        row.backfilled,
    )
