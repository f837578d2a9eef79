"""Silence, folded over ticks: R8, R9 (a whole firm), R21, R0, and what only arrivals show of R10.

A meter is silent for as many known seconds as have passed since it was last heard.  Seconds in
which we could not have heard it (no ticks, no gateway, its gateway gone) are unknown: they are not
counted, and raise one platform alarm instead of thousands of silent meters.  A meter whose
channels measure many units gives one alarm, which names them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from wattwarden.alarms.episodes.facts import span_texts
from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Explanation,
    Finding,
    Findings,
    Key,
    Raised,
    Signal,
    in_order,
)
from wattwarden.alarms.plant import table
from wattwarden.alarms.plant.meters import Meters
from wattwarden.alarms.plant.table import NONE, Bools
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.rules import silence as rules_of_silence
from wattwarden.alarms.silence.meter_faults import duplicated, firm_of, meter_alarm, skewed
from wattwarden.alarms.silence.silence_state import SilenceState
from wattwarden.alarms.silence.tick import Tick

PLATFORM: Final = "platform"
# Of a meter with many channels a sentence names the first few.
_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class PlatformState:
    """Our own outage: unknown seconds so far, and since when its alarm has stood."""

    unknown_s: int = 0
    began: int = NONE
    raised: bool = False


def fold_silence(meters: Meters, state: SilenceState, tick: Tick) -> tuple[SilenceState, Findings]:
    """Fold one tick."""
    state = SilenceState(table.copy(state.meter), table.copy(state.firm))
    tick = replace(tick, excused=tick.excused | (tick.second >= meters.until))
    rows = state.meter
    spoke = tick.heard > rows.heard
    counts = ~tick.hidden & (rows.heard >= 0)
    # What was declared gets the time to come back, too, that a single meter has to be missed.
    rest = spoke | tick.excused
    rows.silent = np.where(rest, 0, rows.silent + np.where(counts, tick.known_s, 0))
    made = np.where(counts & tick.producing, tick.known_s, 0)
    rows.producing = np.where(rest, 0, rows.producing + made)
    rows.heard = np.maximum(rows.heard, tick.heard)
    findings: list[Finding] = [
        *_end(meters, state, tick, spoke),
        # Of one meter this says more than that it is silent: it is asked first.
        *_producing(meters, state, tick),
        *_silent(meters, state, tick),
        *skewed(meters, state, tick),
        *duplicated(meters, state, tick),
    ]
    return state, in_order(findings)


def fold_platform(rules: Rules, state: PlatformState, tick: Tick) -> tuple[PlatformState, Findings]:
    """Fold one tick of our own: R0 while nobody could have been heard."""
    if not tick.unknown_s:
        if not state.raised:
            return PlatformState(), ()
        key = Key("R0", PLATFORM, "", 1000 * state.began)
        at = 1000 * (tick.second - tick.known_s)
        return PlatformState(), (Ended(key, PLATFORM, at, 1000 * tick.second),)
    began = state.began
    if began == NONE:
        began = tick.second - tick.known_s - tick.unknown_s
    unknown = state.unknown_s + tick.unknown_s
    due = not state.raised and rules_of_silence.deaf(rules, unknown)
    after = PlatformState(unknown, began, raised=state.raised or due)
    return after, (Raised(_deaf_alarm(rules, after, tick)),) if due else ()


def _deaf_alarm(rules: Rules, state: PlatformState, tick: Tick) -> Alarm:
    zh, en = span_texts(state.unknown_s)
    return Alarm(
        rule="R0", subject=PLATFORM, enterprise=PLATFORM, began=1000 * state.began,
        raised=1000 * tick.second, version=rules.version,
        explanation=Explanation(
            zh=f"平台有 {zh}未能接收数据，期间各表按未知处理，不判掉线。"
            "请检查网关与时钟服务。",
            en=f"The platform could not listen for {en}; meters count as unknown for "
            "that time, none as silent. Check gateways and ticks.",
            signals={"unknown": Signal(float(state.unknown_s), "s")},
            thresholds={"R0.delay_s": Signal(rules.numbers["R0.delay_s"], "s")},
            windows={"lasted_s": float(state.unknown_s)}, version=rules.version,
        ),
    )  # fmt: skip


def _end(meters: Meters, state: SilenceState, tick: Tick, spoke: Bools) -> Iterator[Finding]:
    rows, at, over = state.meter, 1000 * tick.second, spoke | tick.excused
    for meter in np.flatnonzero(over & (rows.since > 0)).tolist():
        yield Ended(
            _silent_key(meters, meter, int(rows.since[meter])), firm_of(meters, meter), at, at
        )
    for meter in np.flatnonzero(over & (rows.treat_since > 0)).tolist():
        key = _treat_key(meters, meter, int(rows.treat_since[meter]))
        yield Ended(key, firm_of(meters, meter), at, at)
    rows.since[over] = rows.treat_since[over] = NONE
    for firm in np.unique(meters.firm[over]).tolist():
        mine = meters.firm == firm
        back = bool(spoke[mine].any() or tick.excused[mine].all())
        if back and state.firm.since[firm] != NONE:
            key = _firm_key(meters, firm, int(state.firm.since[firm]))
            yield Ended(key, meters.firms[firm], at, at)
            # The others get the time to come back that a single meter has to be missed.
            state.firm.since[firm] = NONE
            rows.silent[mine] = 0
            rows.since[mine & (rows.since == 0)] = NONE


def _silent(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R8, or one R9 where all of a firm's meters fell silent together."""
    rows = state.meter
    unlit = np.isin(meters.firm, list(tick.unlit))
    lit = (rows.since == 0) & (state.firm.since[meters.firm] == NONE) & ~unlit
    rows.since[lit], rows.silent[lit] = NONE, 0
    due = rules_of_silence.silent(meters, rows) & (rows.since == NONE) & ~tick.excused
    # The firm's R9 says it of them.
    rows.since[due & unlit] = 0
    due &= ~unlit
    for meter in np.flatnonzero(due).tolist():
        firm = int(meters.firm[meter])
        if state.firm.since[firm] == NONE and rules_of_silence.together(
            meters, rows, meter, tick.excused
        ):
            began = int(rows.heard[meter])
            state.firm.since[firm] = began
            yield Raised(_firm_alarm(meters, state, firm, began, tick))
        if state.firm.since[firm] != NONE:
            rows.since[meter] = 0
            continue
        rows.since[meter] = rows.heard[meter]
        yield Raised(_silent_alarm(meters, state, meter, tick))


def _silent_alarm(meters: Meters, state: SilenceState, meter: int, tick: Tick) -> Alarm:
    rows, name, names = state.meter, meters.meters[meter], meters.unit_names[meter]
    time = max(1, round(int(rows.silent[meter]) / 60))
    long = " 三日无数据按长期失联处理。" if rows.silent[meter] >= meters.long[meter] else ""
    treat_since = int(rows.treat_since[meter])
    alarm = meter_alarm(
        meters, meter, _silent_key(meters, meter, int(rows.heard[meter])), tick,
        f"电表 {name}（{_list(names, '、', '等')}）已 {time} 分钟没有数据。"
        f"请检查供电与通信。{long}",
        f"Meter {name} ({_list(names, ', ', ' and others')}) has been silent for {time} min. "
        "Check its supply and its link.",
        {"silent": Signal(float(rows.silent[meter]), "s"),
         "units": Signal(float(len(names)), "1")},
        {"R8.delay_s": Signal(float(meters.delay[meter]), "s")},
    )  # fmt: skip
    if treat_since == NONE:
        return alarm
    return msgspec.structs.replace(alarm, suppressed_by=_treat_key(meters, meter, treat_since))


def _firm_alarm(meters: Meters, state: SilenceState, firm: int, began: int, tick: Tick) -> Alarm:
    mine = np.flatnonzero((meters.firm == firm) & (state.meter.heard >= 0))
    name = meters.firm_names[firm]
    return meter_alarm(
        meters, int(mine[0]), _firm_key(meters, firm, began), tick,
        f"{name}的 {len(mine)} 只表同时失联：疑似全厂停电或通信中断。请电话核实。",
        f"All {len(mine)} meters of {name} fell silent together: probably its supply or its link. "
        "Ring the firm.",
        {"meters": Signal(float(len(mine)), "1")},
        {"R9.silent_cycles": Signal(float(meters.silent_cycles[mine[0]]), "1")},
    )  # fmt: skip


def _producing(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R21: treatment falls silent while its line produces; twice in a week weighs more."""
    rows = state.meter
    due = rules_of_silence.silent_producing(meters, rows) & (rows.treat_since == NONE)
    for meter in np.flatnonzero(due & ~tick.excused).tolist():
        if not meters.treats[meter]:
            continue
        again = rules_of_silence.soon_again(meters, rows, meter)
        rows.treat_since[meter] = rows.last_treat[meter] = rows.heard[meter]
        names = meters.treat_names[meter]
        time = max(1, round(int(rows.producing[meter]) / 60))
        more = ("七日内再次发生。", " The second time in a week.") if again else ("", "")
        alarm = meter_alarm(
            meters, meter, _treat_key(meters, meter, int(rows.heard[meter])), tick,
            f"{_list(names, '、', '等')}的电表在产线生产期间已失联 {time} 分钟。{more[0]}"
            "请立即核实治污是否运行。",
            f"The meter of {_list(names, ', ', ' and others')} has been silent for {time} min "
            f"while its line produces.{more[1]} Find out at once whether it runs.",
            {"silent": Signal(float(rows.silent[meter]), "s")},
            {"R21.delay_s": Signal(float(meters.producing_delay[meter]), "s")},
        )  # fmt: skip
        yield Raised(msgspec.structs.replace(alarm, grade_up=int(again)))


def _list(names: Sequence[str], comma: str, more: str) -> str:
    return comma.join(names[:_NAMED]) + (more if len(names) > _NAMED else "")


def _firm_key(meters: Meters, firm: int, began_s: int) -> Key:
    return Key("R9", f"enterprise:{meters.firms[firm]}", "silent", 1000 * began_s)


def _silent_key(meters: Meters, meter: int, began_s: int) -> Key:
    return Key("R8", f"meter:{meters.meters[meter]}", "", 1000 * began_s)


def _treat_key(meters: Meters, meter: int, began_s: int) -> Key:
    return Key("R21", f"unit:{meters.treats[meter][0]}", "", 1000 * began_s)
