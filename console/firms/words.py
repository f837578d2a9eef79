"""Words of firms' pages, in both languages."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.consumables.wear import Level
from wattwarden.alarms.decisions.bodies import Measure, Ordered
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.console.drawing.said import Said

WATCHED: Final[Mapping[Supervision, Said]] = {
    Supervision.POSITIVE: Said("正面清单", "positive list"),
    Supervision.ORDINARY: Said("一般监管", "ordinary"),
    Supervision.FOCUS: Said("重点监管", "in focus"),
}
# Kinds of consumables are free; these are the common ones.
PARTS: Final[Mapping[str, Said]] = {
    "carbon": Said("活性炭", "Activated carbon"),
    "bags": Said("滤袋", "Filter bags"),
    "lamp": Said("UV 灯管", "UV lamps"),
    "catalyst": Said("催化剂", "Catalyst"),
    "rotor": Said("沸石转轮", "Zeolite rotor"),
    "medium": Said("喷淋液", "Spray medium"),
    "service": Said("保养", "Service"),
}
WORN: Final[Mapping[Level, Said]] = {
    Level.IN_USE: Said("在用", "in use"),
    Level.REMIND: Said("将到期", "soon due"),
    Level.DUE: Said("已到期", "due"),
    Level.OVERDUE: Said("超期", "overdue"),
}


def part_name(kind: str) -> Said:
    """Name a consumable's kind."""
    return PARTS.get(kind, Said(kind, kind))


def order_of(order: Ordered) -> Said:
    """Say what is ordered: by a plan, or by what becomes one."""
    if order.measure is Measure.STOP:
        return Said("停产", "stop")
    share = "" if order.reduction is None else f" {100 * order.reduction:g}%"
    return Said(f"限产{share}", f"produce{share} less")
