"""Alarms of rules that look at days, hours, plans and parts: one sentence each."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from wattwarden.alarms.episodes.findings import Alarm, Explanation, Key, Signal
from wattwarden.alarms.plant.plant import Plant

# {name} and the rule's signals and thresholds by their names.
_TEXTS: Final = {
    "R12": (
        "{name}限产期间超量：已用电 {used:.0f} kWh，至此允许 {allowed:.0f} kWh。请立即减产。",
        "{name} exceeds its limit order: {used:.0f} kWh used, {allowed:.0f} allowed so far. "
        "Reduce production now.",
    ),
    "R13": (
        "{name}夜间用电偏少：昼夜不平衡度比生产高 {value:.2f}（限 {high:.2f}）。"
        "请核查夜间是否停用治污。",
        "{name} draws too little at night: day and night differ by {value:.2f} more than "
        "production's (limit {high:.2f}). Find out whether it stands still at night.",
    ),
    "R14": (
        "{name}与产线的用电比为 {value:.3f}，平常在 {low:.3f} 至 {high:.3f}。请核查治污设施运行。",
        "{name} used {value:.3f} of its production's energy; usual is {low:.3f} to {high:.3f}. "
        "Check how it runs.",
    ),
    "R16": (
        "{name}总功率 {power:.0f} kW，超过登记的 {registered:.0f} kW。请核实新增设备。",
        "{name} drew {power:.0f} kW in a quarter of an hour, {registered:.0f} are registered. "
        "Find out what was added.",
    ),
    "R17": (
        "{name}未监控用电占 {value:.1%}，平常在 {low:.1%} 至 {high:.1%}。请核查未装表的设备。",
        "{value:.1%} of {name} is used unmetered; usual is {low:.1%} to {high:.1%}. "
        "Look for machines without a meter.",
    ),
    "R18": (
        "{name}已用 {share:.0%}（运行 {hours:.0f} 小时）。请更换并登记。",
        "{name} is used up by {share:.0%} ({hours:.0f} h run). Replace it and record that.",
    ),
    "R19": (
        "{name}当日生产 {production_h:.1f} 小时，没有巡检记录。请补充巡检。",
        "{name} produced for {production_h:.1f} h that day and nobody's patrol is recorded. "
        "Look at the machines.",
    ),
    "R22": (
        "{name}高负荷功率比投运时变化 {value:+.0%}（限 ±{high:.0%}）。请检查滤袋、叶轮与风管。",
        "{name} draws {value:+.0%} at high load against when it was commissioned "
        "(limit ±{high:.0%}). Check filters, impeller and ducts.",
    ),
}


def plain_alarm(
    plant: Plant, key: Key, place: tuple[int, int], raised: int, name: str,
    signals: Mapping[str, tuple[float, str]], thresholds: Mapping[str, tuple[float, str]],
) -> Alarm:  # fmt: skip
    """Return an alarm; ``place`` are the positions of enterprise and line (-1: none)."""
    firm, line = place
    numbers = {what: value for what, (value, _) in {**signals, **thresholds}.items()}
    zh, en = (text.format(name=name, **numbers) for text in _TEXTS[key.rule])
    return Alarm(
        rule=key.rule,
        subject=key.subject,
        enterprise=plant.firms[firm],
        line=plant.lines[line] if line >= 0 else "",
        kind=key.kind,
        began=key.began,
        raised=raised,
        version=plant.version,
        explanation=Explanation(
            zh=zh,
            en=en,
            signals=_signals(signals),
            thresholds=_signals(thresholds),
            windows={"lasted_s": (raised - key.began) / 1000},
            version=plant.version,
        ),
    )


def _signals(numbers: Mapping[str, tuple[float, str]]) -> dict[str, Signal]:
    return {
        name: Signal(float(f"{value:.6g}"), unit)
        for name, (value, unit) in numbers.items()
        if np.isfinite(value)
    }
