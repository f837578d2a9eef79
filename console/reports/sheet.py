"""Figures as rows of a file: numbers that one computes on with, named as the page names them."""

from collections.abc import Mapping
from typing import Any, Final

from wattwarden.alarms.statistics.rates import Rate
from wattwarden.console.drawing.said import Said
from wattwarden.storage.statistics.report import Row

MINUTE_MS: Final = 60_000


def cells_of(row: Row, name: str) -> list[tuple[Said, Any]]:
    """Return what a row says, by the heads of its columns; None where nothing was measured."""
    one, time = row.figures, row.figures.time
    return [
        (Said("名称", "Name"), name),
        (Said("企业数", "Firms"), one.enterprises),
        (Said("同步率 %", "In step %"), _percent(time.synchronous)),
        (Said("报警次数", "Alarms"), one.alarms),
        (Said("未结束", "Not over"), one.alarms_open),
        (Said("平均持续 分钟", "Mean min"), minutes_of(one.durations.mean)),
        (Said("中位持续 分钟", "Median min"), minutes_of(one.durations.median)),
        (Said("P90 持续 分钟", "P90 min"), minutes_of(one.durations.p90)),
        (Said("及时处置率 %", "Handled in time %"), _percent(one.in_time)),
        (Said("及时核实率 %", "Verified in time %"), _percent(one.verified_in_time)),
        (Said("在线率 %", "Online %"), _percent(time.online)),
        (Said("采集率 %", "Collected %"), _percent(time.collected.collection)),
        (Said("生产开停率 %", "Production runs %"), _percent(time.production)),
        (Said("治污开停率 %", "Treatment runs %"), _percent(time.treatment)),
        (Said("负荷率 %", "Load %"), _percent(time.load)),
        (Said("执法任务", "Tasks"), row.enforced.tasks),
        (Said("非现场占比 %", "From afar %"), _percent(row.enforced.off_site)),
    ]


def sheet_row(row: Row, name: str, *, chinese: bool) -> Mapping[str, Any]:
    """Return a row of a file in one language."""
    return {head.zh if chinese else head.en: value for head, value in cells_of(row, name)}


def minutes_of(milliseconds: float | None) -> float | None:
    """Return minutes, to a tenth."""
    return None if milliseconds is None else round(milliseconds / MINUTE_MS, 1)


def _percent(rate: Rate) -> float | None:
    return None if rate.value is None else round(100 * rate.value, 2)
