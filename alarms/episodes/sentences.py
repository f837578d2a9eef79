"""Sentences: what is said of each rule's alarm of a unit, in Chinese and in English."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from wattwarden.alarms.episodes.facts import Facts, minutes, power_text, value_of
from wattwarden.alarms.plant.plant import VFD

Texts: TypeAlias = tuple[str, str]


def _evidence(facts: Facts) -> Texts:
    """Say power, current and power factor, as far as they are known."""
    zh, en = [], []
    power, share = value_of(facts, "power"), value_of(facts, "power_share")
    usual = value_of(facts, "power_reference")
    if power is not None and share is not None and usual is not None:
        zh.append(f"功率 {power_text(power)}（平常 {power_text(usual)} 的 {share:.0%}）")
        en.append(f"power {power_text(power)} ({share:.0%} of the usual {power_text(usual)})")
    current = value_of(facts, "current_share")
    if current is not None:
        zh.append(f"电流 {current:.0%}")
        en.append(f"current {current:.0%} of the usual")
    factor, normal = value_of(facts, "power_factor"), value_of(facts, "power_factor_reference")
    # Of next to no current the factor is whatever the meter makes of it, often 1.00.
    if factor is not None and (current is None or current >= facts.i_off):
        zh.append(f"功率因数 {factor:.2f}" + ("" if normal is None else f"（正常 {normal:.2f}）"))
        en.append(
            f"power factor {factor:.2f}" + ("" if normal is None else f" (normal {normal:.2f})")
        )
    return "，".join(zh) or "仅有运行状态信号", ", ".join(en) or "its status signal alone"


def _sync(zh: str, en: str, act: Texts) -> Callable[[Facts], Texts]:
    def texts(facts: Facts) -> Texts:
        seen_zh, seen_en = _evidence(facts)
        suspected = value_of(facts, "power_factor") is None
        load = "" if np.isnan(facts.load) else f"{facts.load:.0%}"
        load_zh = f"（生产负荷 {load}）" if load else ""
        load_en = f" (production load {load})" if load else ""
        time = minutes(facts.lasted_s)
        guess_zh, guess_en = ("疑似", "probably ") if suspected and act is not _START else ("", "")
        return (
            f"{facts.name}在生产期间{load_zh}{guess_zh}{zh}：{seen_zh}，"
            f"已持续 {time} 分钟。{act[0]}",
            f"{facts.name} {guess_en}{en} while its line produces{load_en}: {seen_en}, "
            f"for {time} min. {act[1]}",
        )

    return texts


def _reduced(zh: str, en: str, act: Texts) -> Callable[[Facts], Texts]:
    plain = _sync(zh, en, act)

    def texts(facts: Facts) -> Texts:
        said_zh, said_en = plain(facts)
        normal = "" if np.isnan(facts.least) else f"{facts.least:.0%}"
        share = value_of(facts, "power_share")
        more_zh = more_en = ""
        if facts.plant.unit.drive[facts.unit] == VFD and share is not None and share > 0:
            # Fans: power goes with the cube of the frequency.
            hertz = 50 * share ** (1 / 3)
            more_zh, more_en = f"估计频率 {hertz:.0f} Hz。", f" Estimated frequency {hertz:.0f} Hz."
        return (
            f"{said_zh}该负荷下应不低于 {normal}。{more_zh}",
            f"{said_en} At this load it should draw {normal} at least.{more_en}",
        )

    return texts


def _plain(zh: str, en: str) -> Callable[[Facts], Texts]:
    def texts(facts: Facts) -> Texts:
        seen_zh, seen_en = _evidence(facts)
        time = minutes(facts.lasted_s)
        return (
            zh.format(name=facts.name, seen=seen_zh, time=time),
            en.format(name=facts.name, seen=seen_en, time=time),
        )

    return texts


_START: Final = ("请立即开启，或停止生产。", "Start it now, or stop production.")
_BELT: Final = ("请检查皮带、联轴器、风门与管路。", "Check belt, coupling, dampers and ducts.")
_SPEED: Final = ("请恢复变频器设定频率。", "Put the converter back to its set frequency.")
_SLOW: Final = ("请检查负载、转速与电源。", "Check load, speed and supply.")

# What to say, which thresholds and which windows to name.
How: TypeAlias = tuple[Callable[[Facts], Texts], tuple[str, ...], tuple[str, ...]]
SENTENCES: Final[dict[tuple[str, str], How]] = {
    ("R1", ""): (
        _sync("未开启", "was not started", _START),
        ("state.theta_off", "state.i_off"),
        ("R1.delay_s",),
    ),
    ("R2", ""): (
        _sync("已关闭", "was shut down", _START),
        ("state.theta_off", "state.i_off"),
        ("R2.delay_s",),
    ),
    ("R3", ""): (
        _sync("空转", "is idling", _BELT),
        ("state.theta_idle", "state.pf_drop_idle", "state.i_reversed"),
        ("R3.delay_s",),
    ),
    ("R4", ""): (
        _reduced("降频", "is at reduced frequency", _SPEED),
        ("state.theta_red", "state.normal_margin"),
        ("R4.delay_s",),
    ),
    ("R5", ""): (
        _reduced("减速", "is slowed", _SLOW),
        ("state.theta_red", "state.normal_margin"),
        ("R5.delay_s",),
    ),
    ("R6", ""): (
        _plain(
            "{name}比生产晚 {time} 分钟启动：{seen}。请先开治污、后开生产。",
            "{name} started {time} min later than production: {seen}. Start treatment first.",
        ),
        (),
        ("R6.late_s",),
    ),
    ("R7", ""): (
        _plain(
            "{name}功率异常：{seen}，超出其允许范围已 {time} 分钟。请检查滤袋、风门与电机。",
            "{name} is out of its bounds: {seen}, for {time} min. Check filters, dampers, motor.",
        ),
        ("state.theta_max", "state.current_max", "state.voltage_max", "state.voltage_min"),
        ("R7.delay_cycles",),
    ),
    ("R9", ""): (
        _plain(
            "{name}停电：各相电压低于额定的一半，已 {time} 分钟。请核实是否计划停电。",
            "{name} has no supply: all phases under half the rated voltage, for {time} min. "
            "Find out whether that was planned.",
        ),
        ("state.v_off",),
        ("R9.delay_cycles",),
    ),
    ("R10", "frozen"): (
        _plain(
            "{name}的电表数据冻结：各通道读数长时间不变（{seen}）。请检查电表与采集器。",
            "The meter of {name} is frozen: no channel has changed for long ({seen}). "
            "Check meter and logger.",
        ),
        ("R10.frozen_samples",),
        (),
    ),
    ("R10", "energy_fall"): (
        _plain(
            "{name}的电能表底数变小。请核实是否换表或清零。",
            "The energy counter of {name} fell. Find out whether it was exchanged or reset.",
        ),
        (),
        (),
    ),
    ("R10", "phase_loss"): (
        _plain(
            "{name}有一相无电流：{seen}，已 {time} 分钟。请检查该相互感器与接线。",
            "{name} has a phase without current: {seen}, for {time} min. "
            "Check that phase's transformer and wires.",
        ),
        ("R10.phase_share",),
        ("R10.delay_s",),
    ),
    ("R10", "reversed"): (
        _plain(
            "{name}的互感器疑似接反：{seen}，已 {time} 分钟。请检查互感器方向与相序。",
            "A current transformer of {name} seems turned: {seen}, for {time} min. "
            "Check its direction and the order of phases.",
        ),
        ("state.i_reversed", "R10.reverse_share"),
        ("R10.delay_s",),
    ),
    ("R11", ""): (
        _plain(
            "停产期间{name}仍在生产：{seen}，已 {time} 分钟。请立即停产或提交申报。",
            "{name} produces during a stop order: {seen}, for {time} min. Stop it, or declare why.",
        ),
        ("state.theta_off",),
        ("R11.delay_s", "R11.grace_s"),
    ),
    ("R15", ""): (
        _plain(
            "{name}频繁启停：一小时内启停次数过多，{seen}。请检查控制与供电。",
            "{name} starts and stops too often within an hour, {seen}. Check controls and supply.",
        ),
        ("R15.switches",),
        ("R15.within_s",),
    ),
}  # fmt: skip
