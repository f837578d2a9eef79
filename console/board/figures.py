"""The figures of the board, written as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wattwarden.alarms.cases.case import State
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.console.drawing.said import NOTHING_SAID, Said
from wattwarden.storage.cases.listing import Tally
from wattwarden.storage.views.city import FirmNow
from wattwarden.storage.views.day import Day

# The mean that the city has reached, and means to keep.
TARGET: Final = timedelta(hours=2)
NO_DATA: Final = Said("无数据", "no data")


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: its name, value and unit, a second value, a comparison, and a bar's share."""

    name: Said
    value: Said
    unit: Said = NOTHING_SAID
    note: Said = NOTHING_SAID
    share: float | None = None


def tiles_of(now: FirmNow, day: Day, waiting: Mapping[State, int], tasks: int | None) -> list[Tile]:
    """Return the figures; that of tasks only for whom ``tasks`` is known."""
    making, unmet = len(now.making), len(now.unmet)
    tiles = [
        Tile(
            Said("今日同步率", "In step today"),
            _percent(now.today),
            Said("%", "%") if now.today.whole else NOTHING_SAID,
            _against(now.today, now.yesterday),
        ),
        Tile(
            Said("正在生产的线", "Lines producing"),
            _both(f"{making:,}"),
            Said(f"/ {now.lines:,} 条", f"/ {now.lines:,}"),
            Said(
                f"治污正常 {making - unmet:,}，不同步 {unmet:,}",
                f"{making - unmet:,} in step, {unmet:,} not",
            ),
        ),
        _lasting(day),
        Tile(
            Said("设施在线率", "Units online"),
            _percent(now.online),
            Said("%", "%") if now.online.whole else NOTHING_SAID,
            Said(
                f"{now.online.part:,.0f} / {now.online.whole:,.0f} 台，失联 {_away(now.online)} 台",
                f"{now.online.part:,.0f} of {now.online.whole:,.0f}, {_away(now.online)} silent",
            ),
        ),
    ]
    if tasks is not None:
        tiles.append(_enforcement(tasks, waiting))
    return tiles


def waiting_of(tallies: Mapping[Tally, int]) -> dict[State, int]:
    """Count cases by where they stand."""
    found: dict[State, int] = {}
    for one, many in tallies.items():
        found[one.state] = found.get(one.state, 0) + many
    return found


def percent(rate: Rate, digits: int = 2) -> str:
    """Write a share; "" of nothing."""
    return "" if rate.value is None else f"{100 * rate.value:.{digits}f}"


def _percent(rate: Rate) -> Said:
    return NO_DATA if rate.value is None else _both(percent(rate))


def _against(today: Rate, before: Rate) -> Said:
    if today.value is None or before.value is None:
        return Said("昨日同时无数据", "nothing known of yesterday")
    change = 100 * (today.value - before.value)
    return Said(f"较昨日同时 {change:+.2f}", f"{change:+.2f} against yesterday")


def _enforcement(tasks: int, waiting: Mapping[State, int]) -> Tile:
    verify, review = waiting.get(State.RECTIFIED, 0), waiting.get(State.DECLARED, 0)
    return Tile(
        Said("执法负荷", "Enforcement"),
        _both(f"{tasks:,}"),
        Said("件任务", "tasks"),
        Said(f"待核实 {verify}，待审申报 {review}", f"{verify} to verify, {review} to review"),
    )


def _lasting(day: Day) -> Tile:
    name = Said("今日平均报警持续", "Mean alarm today")
    if day.mean is None:
        return Tile(name, Said("无", "none"), note=Said("今日没有报警", "no alarm today"))
    minutes = day.mean.total_seconds() / 60
    target = int(TARGET.total_seconds() // 60)
    return Tile(
        name,
        _both(f"{minutes:,.0f}"),
        Said("分钟", "min"),
        Said(
            f"目标 {target} 分钟以内，今日 {day.raised} 次",
            f"target {target} min; {day.raised} today",
        ),
        min(1.0, minutes / target),
    )


def _away(rate: Rate) -> str:
    return f"{rate.whole - rate.part:,.0f}"


def _both(text: str) -> Said:
    return Said(text, text)
