"""The sentence of the board: what is wrong, as one reads it out on the phone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.board.rows import firm_of, person_of, place_of
from wattwarden.console.drawing.said import NOTHING_SAID, Said
from wattwarden.console.words import Language, lasting
from wattwarden.storage.cases.listing import Overview

# Treatment off or not as it should be; orders broken; meters silent.
_TREATMENT: Final = ("A", "B")
_ORDERS: Final = ("C",)
_DATA: Final = ("D",)


@dataclass(frozen=True, slots=True)
class Headline:
    """The loud part of the sentence, its quiet rest, and what else there is."""

    loud: Said
    rest: Said
    more: Said


def headline_of(overview: Overview, making: int, registry: Registry, now: datetime) -> Headline:
    """Say what is wrong.

    Args:
        overview: What is open.
        making: How many lines produce.
        registry: For names.
        now: The present.
    """
    lines = _places(overview, _TREATMENT)
    orders, data = _places(overview, _ORDERS), _places(overview, _DATA)
    if lines:
        loud = Said(f"{lines} 条生产线", f"{lines} {'line' if lines == 1 else 'lines'}")
        rest = Said(
            "正在生产，治污没有正常运行",
            "producing while treatment is not running as it should",
        )
    elif orders:
        loud = Said(f"{orders} 处", f"{orders} {'place' if orders == 1 else 'places'}")
        rest = Said("没有执行停产、限产要求", "not following an order to stop or to limit")
        orders = 0
    elif overview.longest is not None:
        loud = NOTHING_SAID
        rest = Said("生产与治污同步，没有违规", "Treatment runs wherever there is production")
    else:
        loud = NOTHING_SAID
        rest = Said(
            f"{making} 条线在生产，治污都正常",
            f"{making} lines produce, and treatment runs at all of them",
        )
    return Headline(loud, rest, _more(overview.longest, orders, data, registry, now))


def _more(longest: Case | None, orders: int, data: int, registry: Registry, now: datetime) -> Said:
    zh, en = [], []
    if orders:
        zh.append(f"{orders} 处未执行停限产")
        en.append(f"{orders} against an order")
    if data:
        zh.append(f"{data} 处数据异常")
        en.append(f"{data} with data missing")
    parts_zh, parts_en = [], []
    if zh:
        parts_zh.append(f"另有 {'、'.join(zh)}。")
        parts_en.append(f"Besides: {', '.join(en)}.")
    if longest is not None:
        parts = _longest(longest, registry, now)
        parts_zh.append(parts.zh)
        parts_en.append(parts.en)
    return Said("".join(parts_zh), " ".join(parts_en))


def _longest(case: Case, registry: Registry, now: datetime) -> Said:
    where = f"{firm_of(case, registry)} {place_of(case, registry)}".strip()
    who = person_of(case.acked_by, registry)
    span = now - case.raised
    by_zh = f"，{who}已接手" if who else "，还没有人确认"
    by_en = f", {who} has it" if who else ", nobody has it yet"
    return Said(
        f"最久的已 {lasting(span, Language.CHINESE)}：{where}{by_zh}。",
        f"The longest lasts {lasting(span, Language.ENGLISH)}: {where}{by_en}.",
    )


def _places(overview: Overview, grades: Iterable[str]) -> int:
    """Count lines, or what is of no line, with a condition of some classes."""
    return len(frozenset().union(*(overview.places.get(one, ()) for one in grades)))
