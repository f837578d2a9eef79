"""Explanations: which signals, against which thresholds, over which windows, and what to do."""

from wattwarden.alarms.episodes.facts import Facts, add, minutes
from wattwarden.alarms.episodes.findings import Explanation, Signal
from wattwarden.alarms.episodes.sentences import SENTENCES
from wattwarden.alarms.plant.plant import Plant


def explain(rule: str, kind: str, facts: Facts) -> Explanation:
    """Explain an alarm of a unit."""
    texts, names, windows = SENTENCES[rule, kind]
    plant, unit = facts.plant, facts.unit
    thresholds: dict[str, Signal] = {}
    for name in names:
        value = plant.limit[name][unit]
        add(thresholds, name, value, "1")
    if rule in ("R4", "R5"):
        add(thresholds, "least_share", facts.least, "1")
    zh, en = texts(facts)
    return Explanation(
        zh=zh, en=en, signals=facts.signals, thresholds=thresholds,
        windows={"lasted_s": facts.lasted_s}
        | {name: round(float(plant.limit[name][unit]), 3) for name in windows},
        version=plant.version,
    )  # fmt: skip


def explain_emission(
    plant: Plant, watch: int, kind: str, value: float, lasted_ms: int
) -> Explanation:
    """Explain an alarm of an outlet's factor."""
    outlet, factor = plant.watches[watch]
    limit = float(plant.watch.limit[watch])
    firm = plant.watch.firm[watch]
    time = minutes(lasted_ms / 1000)
    said = kind.partition(":")[0]
    zh, en = {
        "limit": (f"测值 {value:.4g} 超过限值 {limit:.4g}", f"reads {value:.4g}, over {limit:.4g}"),
        "flag": ("生产期间数据标记异常", "is flagged invalid while its line produces"),
        "constant": ("生产期间测值恒定不变", "does not move while its line produces"),
    }[said]
    signals: dict[str, Signal] = {}
    thresholds: dict[str, Signal] = {}
    add(signals, "value", value, "")
    add(thresholds, "limit", limit, "")
    return Explanation(
        zh=f"排放口 {outlet} 的 {factor} {zh}，已 {time} 分钟。请核查治污设施与在线监测设备。",
        en=f"{factor} at outlet {outlet} {en}, for {time} min. Check treatment and analyser.",
        signals=signals,
        thresholds=thresholds,
        windows={
            "lasted_s": lasted_ms / 1000,
            "R20.delay_s": float(plant.firm_limit["R20.delay_s"][firm]),
        },
        version=plant.version,
    )
