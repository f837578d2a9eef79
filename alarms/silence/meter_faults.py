"""Faults of meters that only arrivals show: R10 of clocks and of ids."""

from collections.abc import Iterator

import numpy as np

from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Explanation,
    Finding,
    Key,
    Raised,
    Signal,
)
from wattwarden.alarms.plant.meters import Meters
from wattwarden.alarms.plant.table import NONE
from wattwarden.alarms.rules import meter as meter_rules
from wattwarden.alarms.silence.silence_state import SilenceState
from wattwarden.alarms.silence.tick import Tick


def skewed(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R10 clock_skew."""
    rows, at = state.meter, 1000 * tick.second
    off, set_again = (
        meter_rules.clock_off(meters, tick.skew),
        meter_rules.clock_set(meters, tick.skew),
    )
    for meter in np.flatnonzero(off & (rows.skew_since == NONE)).tolist():
        rows.skew_since[meter] = tick.second
        name, seconds = meters.meters[meter], float(tick.skew[meter])
        yield Raised(
            meter_alarm(
                meters, meter, Key("R10", f"meter:{name}", "clock_skew", at), tick,
                f"电表 {name} 的时钟偏差 {seconds:.0f} 秒。请对时。",
                f"The clock of meter {name} is off by {seconds:.0f} s. Set it.",
                {"skew": Signal(seconds, "s")},
                {"R10.skew_s": Signal(float(meters.skew[meter]), "s")},
            )
        )  # fmt: skip
    for meter in np.flatnonzero(set_again & (rows.skew_since != NONE)).tolist():
        began = 1000 * int(rows.skew_since[meter])
        key = Key("R10", f"meter:{meters.meters[meter]}", "clock_skew", began)
        rows.skew_since[meter] = NONE
        yield Ended(key, firm_of(meters, meter), at, at)


def duplicated(meters: Meters, state: SilenceState, tick: Tick) -> Iterator[Finding]:
    """R10 duplicate_id: two meters, or somebody, use one id."""
    rows, at = state.meter, 1000 * tick.second
    rows.duplicate_at[tick.duplicate] = tick.second
    for meter in np.flatnonzero(tick.duplicate & (rows.duplicate_since == NONE)).tolist():
        rows.duplicate_since[meter] = tick.second
        name = meters.meters[meter]
        yield Raised(
            meter_alarm(
                meters, meter, Key("R10", f"meter:{name}", "duplicate_id", at), tick,
                f"有两处同时使用电表号 {name}。请核实地址设置，或是否有人冒用。",
                f"Two peers use the id of meter {name}. Check addresses, or who uses it.",
                {}, {},
            )
        )  # fmt: skip
    rest = (rows.duplicate_since != NONE) & meter_rules.id_alone(rows, tick.second)
    for meter in np.flatnonzero(rest).tolist():
        began = 1000 * int(rows.duplicate_since[meter])
        key = Key("R10", f"meter:{meters.meters[meter]}", "duplicate_id", began)
        yield Ended(key, firm_of(meters, meter), 1000 * int(rows.duplicate_at[meter]), at)
        rows.duplicate_since[meter] = NONE


def meter_alarm(
    meters: Meters, meter: int, key: Key, tick: Tick, zh: str, en: str,
    *numbers: dict[str, Signal],
) -> Alarm:  # fmt: skip
    """Return an alarm of a meter's firm; ``numbers`` are its signals and thresholds."""
    signals, thresholds = numbers
    return Alarm(
        rule=key.rule, subject=key.subject, enterprise=firm_of(meters, meter), kind=key.kind,
        began=key.began, raised=1000 * tick.second, version=meters.version,
        explanation=Explanation(
            zh=zh, en=en, signals=signals, thresholds=thresholds,
            windows={"lasted_s": float(tick.second - key.began // 1000)}, version=meters.version,
        ),
    )  # fmt: skip


def firm_of(meters: Meters, meter: int) -> str:
    """Return whose a meter is."""
    return meters.firms[int(meters.firm[meter])]
