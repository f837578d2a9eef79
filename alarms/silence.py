"""Silence, folded over ticks: R8, R9 (a whole firm), R21, R0, and what only arrivals show of R10.

A meter is silent for as many known seconds as have passed since it was last heard.  Seconds in
which we could not have heard it (no ticks, no gateway, its gateway gone) are unknown: they are not
counted, and raise one platform alarm instead of thousands of silent meters.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import numpy as np

from wattwarden.alarms import table
from wattwarden.alarms.findings import (
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
from wattwarden.alarms.plant import Plant
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.state import State
from wattwarden.alarms.table import F32, I64, NONE, Bools, Column

PLATFORM: Final = "platform"
_DAY_S: Final = 86_400
# Two meters with one id speak in turn; half an hour without is the end of it.
_DUPLICATE_REST_S: Final = 1_800
_PACK_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Meters:
    """The meters of some enterprises, sorted by (enterprise, meter); s."""

    version: str
    firms: tuple[str, ...]
    firm_names: tuple[str, ...]
    meters: tuple[str, ...]
    firm: I64
    cycle: I64
    # A treatment unit that it reports and that rules compare with production, "" where none.
    treats: tuple[str, ...]
    treat_names: tuple[str, ...]
    delay: F32
    long: F32
    silent_cycles: F32
    producing_delay: F32
    repeat_d: F32
    skew: F32


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick, or several taken at once: what is known at its second, by meter.

    ``second`` is the second that it stands for (Unix), ``known_s`` how many seconds of those since
    the tick before count as heard, ``unknown_s`` how many do not.  Equal sequences of ticks give
    equal findings; taking two ticks as one moves them to the later second.
    """

    second: int
    known_s: int
    unknown_s: int
    # Last second in which each was heard, -1 never.
    heard: I64
    # Its gateway is gone and it had no time to come back: this tick is unknown for it.
    hidden: Bools
    # Declared out of use.
    excused: Bools
    # Its line produces, as the fold of readings knows.
    producing: Bools
    # Two sessions claimed its id since the last tick.
    duplicate: Bools
    # Its clock's measured skew, s.
    skew: F32


@dataclass(slots=True)
class Silence:
    """What is remembered of each meter; s."""

    heard: Annotated[I64, Column(np.int64, NONE)]
    silent: Annotated[I64, Column(np.int64)]
    producing: Annotated[I64, Column(np.int64)]
    # Seconds (Unix) since when an episode has stood, -1 none; R8 that the firm's R9 swallowed: 0.
    since: Annotated[I64, Column(np.int64, NONE)]
    treat_since: Annotated[I64, Column(np.int64, NONE)]
    last_treat: Annotated[I64, Column(np.int64, NONE)]
    skew_since: Annotated[I64, Column(np.int64, NONE)]
    duplicate_since: Annotated[I64, Column(np.int64, NONE)]
    duplicate_at: Annotated[I64, Column(np.int64, NONE)]


@dataclass(slots=True)
class FirmSilence:
    """Since when a whole firm has been silent, s; -1: it is not."""

    since: Annotated[I64, Column(np.int64, NONE)]


@dataclass(slots=True)
class SilenceState:
    """All that is remembered of some meters."""

    meter: Silence
    firm: FirmSilence


@dataclass(frozen=True, slots=True)
class PlatformState:
    """Our own outage: unknown seconds so far, and since when its alarm has stood."""

    unknown_s: int = 0
    began: int = NONE
    raised: bool = False


def compile_meters(registry: Registry, rules: Rules, plant: Plant) -> Meters:
    """Compile the meters of a plant's units, each with the last point's unit first."""
    rows: dict[str, tuple[int, int, list[int]]] = {}
    for point in sorted(registry.point.values(), key=lambda point: (point.valid_from, point.id)):
        if point.unit is None or point.unit not in plant.units:
            continue
        unit = plant.units.index(point.unit)
        firm, cycle, units = rows.get(point.meter, (int(plant.unit.firm[unit]), point.cycle_s, []))
        rows[point.meter] = (firm, min(cycle, point.cycle_s), [*units, unit])
    names = sorted(rows, key=lambda meter: (rows[meter][0], meter))
    treats = set(plant.treats.tolist())
    treated = [next((unit for unit in rows[name][2] if unit in treats), NONE) for name in names]
    firms = np.array([rows[name][0] for name in names], dtype=np.int64)

    def limit(name: str) -> F32:
        chosen: F32 = plant.firm_limit[name][firms]
        return chosen

    return Meters(
        version=rules.version, firms=plant.firms, firm_names=plant.firm_names,
        meters=tuple(names), firm=firms,
        cycle=np.array([rows[name][1] for name in names], dtype=np.int64),
        treats=tuple("" if unit == NONE else plant.units[unit] for unit in treated),
        treat_names=tuple("" if unit == NONE else plant.unit_names[unit] for unit in treated),
        delay=limit("R8.delay_s"), long=limit("R8.long_s"), silent_cycles=limit("R9.silent_cycles"),
        producing_delay=limit("R21.delay_s"), repeat_d=limit("R21.repeat_d"),
        skew=limit("R10.skew_s"),
    )  # fmt: skip


def initial_silence(meters: Meters) -> SilenceState:
    """Return the state of meters of which none was heard."""
    return SilenceState(
        table.fresh(Silence, len(meters.meters)), table.fresh(FirmSilence, len(meters.firms))
    )


def producing_meters(meters: Meters, plant: Plant, state: State) -> Bools:
    """Return whose line produces, for the meters of treatment."""
    making = {
        plant.units[unit] for unit in plant.treats.tolist() if state.sync.production[unit] == 1
    }
    return np.array([treat in making for treat in meters.treats], dtype=np.bool_)


def fold_silence(meters: Meters, state: SilenceState, tick: Tick) -> tuple[SilenceState, Findings]:
    """Fold one tick."""
    state = SilenceState(table.copy(state.meter), table.copy(state.firm))
    rows = state.meter
    spoke = tick.heard > rows.heard
    counts = ~tick.hidden & (rows.heard >= 0)
    rows.silent = np.where(spoke, 0, rows.silent + np.where(counts, tick.known_s, 0))
    made = np.where(counts & tick.producing, tick.known_s, 0)
    rows.producing = np.where(spoke, 0, rows.producing + made)
    rows.heard = np.maximum(rows.heard, tick.heard)
    findings: list[Finding] = [
        *_end(meters, state, tick, spoke | tick.excused),
        *_silent(meters, state, tick),
        *_producing(meters, state, tick),
        *_skewed(meters, state, tick),
        *_duplicate(meters, state, tick),
    ]
    return state, in_order(findings)


def fold_platform(rules: Rules, state: PlatformState, tick: Tick) -> tuple[PlatformState, Findings]:
    """Fold one tick of our own: R0 while nobody could have been heard."""
    key = Key("R0", PLATFORM, "", 1000 * state.began)
    if not tick.unknown_s:
        if state.raised:
            at = 1000 * (tick.second - tick.known_s)
            return PlatformState(), (Ended(key, PLATFORM, at, 1000 * tick.second),)
        return PlatformState(), ()
    began = state.began
    if began == NONE:
        began = tick.second - tick.known_s - tick.unknown_s
    unknown = state.unknown_s + tick.unknown_s
    raise_now = not state.raised and unknown >= rules.numbers["R0.delay_s"]
    after = PlatformState(unknown, began, raised=state.raised or raise_now)
    if not raise_now:
        return after, ()
    minutes = max(1, round(unknown / 60))
    alarm = Alarm(
        rule="R0", subject=PLATFORM, enterprise=PLATFORM, began=1000 * began,
        raised=1000 * tick.second, version=rules.version,
        explanation=Explanation(
            zh=f"平台有 {minutes} 分钟未能接收数据，期间各表按未知处理，不判掉线。"
            "请检查网关与时钟服务。",
            en=f"The platform could not listen for {minutes} min; meters count as unknown for "
            "that time, none as silent. Check gateways and ticks.",
            signals={"unknown": Signal(float(unknown), "s")},
            thresholds={"R0.delay_s": Signal(rules.numbers["R0.delay_s"], "s")},
            windows={"lasted_s": float(unknown)}, version=rules.version,
        ),
    )  # fmt: skip
    return after, (Raised(alarm),)


def _end(meters: Meters, state: SilenceState, tick: Tick, over: Bools) -> Iterator[Finding]:
    rows, at = state.meter, 1000 * tick.second
    for meter in np.flatnonzero(over & (rows.since > 0)).tolist():
        key = Key("R8", f"meter:{meters.meters[meter]}", "", 1000 * int(rows.since[meter]))
        yield Ended(key, _firm(meters, meter), at, at)
    for meter in np.flatnonzero(over & (rows.treat_since > 0)).tolist():
        key = Key("R21", f"unit:{meters.treats[meter]}", "", 1000 * int(rows.treat_since[meter]))
        yield Ended(key, _firm(meters, meter), at, at)
    rows.since[over] = rows.treat_since[over] = NONE
    for firm in np.unique(meters.firm[over]).tolist():
        if state.firm.since[firm] != NONE:
            began = 1000 * int(state.firm.since[firm])
            key = Key("R9", f"enterprise:{meters.firms[firm]}", "silent", began)
            yield Ended(key, meters.firms[firm], at, at)
            # The others get the time to come back that a single meter has to be missed.
            state.firm.since[firm] = NONE
            mine = meters.firm == firm
            rows.silent[mine] = 0
            rows.since[mine & (rows.since == 0)] = NONE


def _silent(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R8, or one R9 where all of a firm's meters fell silent together."""
    rows = state.meter
    due = (rows.silent > meters.delay) & (rows.since == NONE) & ~tick.excused
    for meter in np.flatnonzero(due).tolist():
        firm = int(meters.firm[meter])
        if state.firm.since[firm] == NONE and _all_silent(meters, state, firm, meter):
            began = int(rows.heard[meter])
            state.firm.since[firm] = began
            yield Raised(_firm_alarm(meters, state, firm, began, tick))
        if state.firm.since[firm] != NONE:
            rows.since[meter] = 0
            continue
        rows.since[meter] = rows.heard[meter]
        name = meters.meters[meter]
        time = max(1, round(int(rows.silent[meter]) / 60))
        long = " 三日无数据按长期失联处理。" if rows.silent[meter] >= meters.long[meter] else ""
        yield Raised(
            _alarm(
                meters, meter, Key("R8", f"meter:{name}", "", 1000 * int(rows.heard[meter])), tick,
                f"电表 {name} 已 {time} 分钟没有数据。请检查供电与通信。{long}",
                f"Meter {name} has been silent for {time} min. Check its supply and its link.",
                {"silent": Signal(float(rows.silent[meter]), "s")},
                {"R8.delay_s": Signal(float(meters.delay[meter]), "s")},
            )
        )  # fmt: skip


def _all_silent(meters: Meters, state: SilenceState, firm: int, meter: int) -> bool:
    """Tell whether all meters of a firm, two at least, fell silent within some cycles."""
    mine = (meters.firm == firm) & (state.meter.heard >= 0)
    width = meters.silent_cycles[mine] * meters.cycle[mine].max(initial=0)
    together = np.abs(state.meter.silent[mine] - state.meter.silent[meter]) <= width
    return bool(np.count_nonzero(mine) > 1 and together.all())


def _firm_alarm(meters: Meters, state: SilenceState, firm: int, began: int, tick: Tick) -> Alarm:
    mine = np.flatnonzero((meters.firm == firm) & (state.meter.heard >= 0))
    name = meters.firm_names[firm]
    key = Key("R9", f"enterprise:{meters.firms[firm]}", "silent", 1000 * began)
    return _alarm(
        meters, int(mine[0]), key, tick,
        f"{name}的 {len(mine)} 只表同时失联：疑似全厂停电或通信中断。请电话核实。",
        f"All {len(mine)} meters of {name} fell silent together: probably its supply or its link. "
        "Ring the firm.",
        {"meters": Signal(float(len(mine)), "1")},
        {"R9.silent_cycles": Signal(float(meters.silent_cycles[mine[0]]), "1")},
    )  # fmt: skip


def _producing(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R21: treatment falls silent while its line produces; twice in a week weighs more."""
    rows = state.meter
    due = (rows.producing > meters.producing_delay) & (rows.treat_since == NONE) & ~tick.excused
    for meter in np.flatnonzero(due).tolist():
        if not meters.treats[meter]:
            continue
        last, began = int(rows.last_treat[meter]), int(rows.heard[meter])
        again = last >= 0 and began - last <= float(meters.repeat_d[meter]) * _DAY_S
        rows.treat_since[meter] = rows.last_treat[meter] = began
        name = meters.treat_names[meter]
        time = max(1, round(int(rows.producing[meter]) / 60))
        more = ("七日内再次发生。", " The second time in a week.") if again else ("", "")
        alarm = _alarm(
            meters, meter, Key("R21", f"unit:{meters.treats[meter]}", "", 1000 * began), tick,
            f"{name}的电表在产线生产期间已失联 {time} 分钟。{more[0]}请立即核实治污是否运行。",
            f"The meter of {name} has been silent for {time} min while its line produces."
            f"{more[1]} Find out at once whether it runs.",
            {"silent": Signal(float(rows.silent[meter]), "s")},
            {"R21.delay_s": Signal(float(meters.producing_delay[meter]), "s")},
        )  # fmt: skip
        yield Raised(msgspec.structs.replace(alarm, grade_up=int(again)))


def _skewed(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R10 clock_skew: ends when the clock is off by half as much."""
    rows, at = state.meter, 1000 * tick.second
    skew = np.abs(tick.skew)
    for meter in np.flatnonzero((skew > meters.skew) & (rows.skew_since == NONE)).tolist():
        rows.skew_since[meter] = tick.second
        name, off = meters.meters[meter], float(tick.skew[meter])
        yield Raised(
            _alarm(
                meters, meter, Key("R10", f"meter:{name}", "clock_skew", at), tick,
                f"电表 {name} 的时钟偏差 {off:.0f} 秒。请对时。",
                f"The clock of meter {name} is off by {off:.0f} s. Set it.",
                {"skew": Signal(off, "s")},
                {"R10.skew_s": Signal(float(meters.skew[meter]), "s")},
            )
        )  # fmt: skip
    for meter in np.flatnonzero((skew <= meters.skew / 2) & (rows.skew_since != NONE)).tolist():
        began = 1000 * int(rows.skew_since[meter])
        key = Key("R10", f"meter:{meters.meters[meter]}", "clock_skew", began)
        rows.skew_since[meter] = NONE
        yield Ended(key, _firm(meters, meter), at, at)


def _duplicate(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R10 duplicate_id: two meters, or somebody, use one id."""
    rows, at = state.meter, 1000 * tick.second
    rows.duplicate_at[tick.duplicate] = tick.second
    for meter in np.flatnonzero(tick.duplicate & (rows.duplicate_since == NONE)).tolist():
        rows.duplicate_since[meter] = tick.second
        name = meters.meters[meter]
        yield Raised(
            _alarm(
                meters, meter, Key("R10", f"meter:{name}", "duplicate_id", at), tick,
                f"有两处同时使用电表号 {name}。请核实地址设置，或是否有人冒用。",
                f"Two peers use the id of meter {name}. Check addresses, or who uses it.",
                {}, {},
            )
        )  # fmt: skip
    rest = (rows.duplicate_since != NONE) & (tick.second - rows.duplicate_at >= _DUPLICATE_REST_S)
    for meter in np.flatnonzero(rest).tolist():
        began = 1000 * int(rows.duplicate_since[meter])
        key = Key("R10", f"meter:{meters.meters[meter]}", "duplicate_id", began)
        yield Ended(key, _firm(meters, meter), 1000 * int(rows.duplicate_at[meter]), at)
        rows.duplicate_since[meter] = NONE


def _alarm(
    meters: Meters, meter: int, key: Key, tick: Tick, zh: str, en: str,
    *numbers: dict[str, Signal],
) -> Alarm:  # fmt: skip
    """Return an alarm of a meter's firm; ``numbers`` are its signals and thresholds."""
    rule, subject, kind, began = key.rule, key.subject, key.kind, key.began // 1000
    signals, thresholds = numbers
    return Alarm(
        rule=rule, subject=subject, enterprise=_firm(meters, meter), kind=kind,
        began=1000 * began, raised=1000 * tick.second, version=meters.version,
        explanation=Explanation(
            zh=zh, en=en, signals=signals, thresholds=thresholds,
            windows={"lasted_s": float(tick.second - began)}, version=meters.version,
        ),
    )  # fmt: skip


def _firm(meters: Meters, meter: int) -> str:
    return meters.firms[int(meters.firm[meter])]


class _Pack(msgspec.Struct, array_like=True):
    version: int
    meters: list[str]
    arrays: list[bytes]


def pack_silence(meters: Meters, state: SilenceState, enterprise: str) -> bytes:
    """Write one enterprise's rows; equal states give equal bytes."""
    firm = meters.firms.index(enterprise)
    mine = np.flatnonzero(meters.firm == firm)
    arrays = [array[mine] for array in table.arrays_of(state.meter)]
    arrays.append(state.firm.since[[firm]])
    names = [meters.meters[meter] for meter in mine.tolist()]
    packed = [array.astype("<i8").tobytes() for array in arrays]
    return msgspec.msgpack.encode(_Pack(_PACK_VERSION, names, packed))


def unpack_silence(meters: Meters, packed: Mapping[str, bytes]) -> SilenceState:
    """Return the state of meters from their enterprises' packs; what is new begins unheard.

    Raises:
        ValueError: A pack is damaged.
    """
    state = initial_silence(meters)
    place = {name: position for position, name in enumerate(meters.meters)}
    for firm, enterprise in enumerate(meters.firms):
        if enterprise not in packed:
            continue
        whole = msgspec.msgpack.decode(packed[enterprise], type=_Pack)
        if whole.version != _PACK_VERSION:
            continue
        *arrays, since = (np.frombuffer(array, dtype="<i8") for array in whole.arrays)
        state.firm.since[firm] = since[0]
        here = [row for row, name in enumerate(whole.meters) if name in place]
        there = [place[whole.meters[row]] for row in here]
        for array, kept in zip(table.arrays_of(state.meter), arrays, strict=True):
            array[there] = kept[here]
    return state
