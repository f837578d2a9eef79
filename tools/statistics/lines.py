"""Figures in words: the name of each, and its number with its unit."""

from collections.abc import Iterator, Mapping
from typing import Final

from wattwarden.alarms.enforcement.words import OUTCOMES_ZH
from wattwarden.alarms.statistics.compliance import STANDINGS_ZH
from wattwarden.alarms.statistics.durations import Sort
from wattwarden.alarms.statistics.figures import Figures
from wattwarden.alarms.statistics.health import Health
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.response import Enforced, Served
from wattwarden.storage.statistics.report import Row
from wattwarden.tools.times import local

# What is shown of long lists; --json has all.
SHOWN: Final = 10
_MINUTE_MS: Final = 60_000

SORTS_ZH: Final[Mapping[Sort, str]] = {
    Sort.ABNORMAL: "治污及生产异常",
    Sort.DATA: "数据类报警",
    Sort.STATISTICS: "统计类报警",
    Sort.DUTY: "管理类提醒",
}
_PRIORITIES_ZH: Final[Mapping[str, str]] = {"high": "高", "medium": "中", "low": "低"}
# Of the hours since then rows have come that are not counted yet.
COUNTED_ZH: Final = "采集率、传输有效率统计至"


def lines(row: Row) -> Iterator[tuple[str, object]]:
    """Yield what a row says, figure by figure."""
    yield from _time_lines(row.figures)
    yield from _alarm_lines(row.figures)
    yield from _enforced_lines(row.enforced)
    yield from _served_lines(row.served)
    yield "台账补录 条", row.backfilled


def _time_lines(shown: Figures) -> Iterator[tuple[str, object]]:
    covered, time, now = shown.coverage, shown.time, shown.present
    yield "覆盖企业", of(covered.enterprises)
    yield "覆盖生产设施", of(covered.production)
    yield "覆盖治污设施", of(covered.treatment)
    for pollutant, emitted in covered.emissions.items():
        yield f"覆盖排放量 {pollutant} t/a", of(emitted)
    yield "应装未装或未联网", len(shown.lacking)
    for lack in shown.lacking[:SHOWN]:
        yield f"  {lack.enterprise}", f"{lack.equipment} {lack.lack}"
    yield "在线企业 / 失联企业", f"{now.firms_online} / {now.firms_silent}"
    units = (now.units_online, now.units_offline, now.units_stopped, now.units_never)
    yield "设施 在线 / 离线 / 停机 / 未联网", " / ".join(map(str, units))
    yield "采集率", percent(time.collected.collection)
    yield "在线率", percent(time.online)
    yield "传输有效率", share(time.collected.transmission_valid)
    if shown.counted_until is not None:
        yield COUNTED_ZH, local(shown.counted_until)
    yield "生产开停率", percent(time.production)
    yield "治污开停率", percent(time.treatment)
    yield "同步率", percent(time.synchronous)
    yield "负荷率", percent(time.load)
    for standing, count in shown.standings.items():
        yield STANDINGS_ZH[standing], f"{count} / {shown.enterprises}"


def _alarm_lines(shown: Figures) -> Iterator[tuple[str, object]]:
    grades = ", ".join(f"{grade} {count}" for grade, count in shown.by_grade.items())
    yield "报警", f"{shown.alarms} ({grades})" if grades else shown.alarms
    yield "其中未结束", shown.alarms_open
    yield "及时处置率", of(shown.in_time)
    yield "及时核实率", of(shown.verified_in_time)
    yield "报警平均时长 min", minutes(shown.durations.mean)
    yield "报警时长中位数 min", minutes(shown.durations.median)
    yield "报警时长P90 min", minutes(shown.durations.p90)
    for sort, lasted in shown.lasted.items():
        told = " / ".join(map(minutes, (lasted.mean, lasted.median, lasted.p90)))
        yield f"{SORTS_ZH[sort]}时长 平均/中位/P90 min", told if lasted.ended else ""


def _enforced_lines(done: Enforced) -> Iterator[tuple[str, object]]:
    yield "非现场执法 家次", done.off_site_times
    yield "现场检查 次", done.on_site_times
    yield "非现场占比", of(done.off_site)
    yield "正面清单企业非现场检查 次", done.positive_off_site
    yield "督促整改问题", done.problems_urged
    yield "执法任务 / 未办结", f"{done.tasks} / {done.tasks_open}"
    for outcome, count in done.outcomes.items():
        yield f"  {OUTCOMES_ZH[outcome]}", count


def _served_lines(done: Served) -> Iterator[tuple[str, object]]:
    asked = done.asked
    yield "点单式帮扶 诉求", asked.requests
    yield "  提供方案", f"{asked.firms_solved}家企业 {asked.problems_solved}个问题"
    yield "解决问题", done.problems_solved
    yield "培训指导 / 座谈会", f"{done.trainings} / {done.round_tables}"


def health_lines(found: Health) -> Iterator[tuple[str, object]]:
    """Yield what the health of the alarm system is."""
    hourly = "" if found.hourly is None else f"{found.hourly:.3f}"
    yield "人均每小时报警", f"{hourly} ({found.operators}人)"
    yield "前10来源占比", of(found.top)
    for source in found.worst[:SHOWN]:
        yield f"  {source.rule} {source.subject}", source.alarms
    yield "抖动来源", len(found.chattering)
    for source in found.chattering[:SHOWN]:
        yield f"  {source.rule} {source.subject}", source.alarms
    yield "长期未消除", len(found.stale)
    for alarm in found.stale[:SHOWN]:
        yield f"  {alarm.rule} {alarm.subject}", alarm.enterprise
    yield "洪泛时段占比", of(found.flood)
    yield "单人最高 每小时 / 每分钟", f"{found.peak_hour} / {found.peak_minute}"
    for priority, part in found.mix.items():
        yield f"优先级 {_PRIORITIES_ZH.get(priority, priority)}", of(part)


def percent(rate: Rate) -> str:
    """Write a share; "" of nothing."""
    return share(rate.value)


def share(value: float | None) -> str:
    """Write a number as percentage; "" where there is none."""
    return "" if value is None else f"{100 * value:.1f}%"


def of(rate: Rate) -> str:
    """Write a share with what it is made of."""
    whole = f"{rate.part:g} / {rate.whole:g}"
    return whole if rate.value is None else f"{whole} = {percent(rate)}"


def minutes(ms: float | None) -> str:
    """Write a duration in minutes; "" where there is none."""
    return "" if ms is None else f"{ms / _MINUTE_MS:.1f}"
