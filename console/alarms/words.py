"""Words of alarms' pages that no other page has, in both languages."""

from collections.abc import Mapping
from typing import Final

from wattwarden.alarms.cases.bodies import CAUSES_ZH, FAULTS_ZH, Cause, Fault
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.states.codes import NAMES_ZH, UnitState
from wattwarden.console.drawing.said import Said

CAUSES_EN: Final[Mapping[Cause, str]] = {
    Cause.AGEING: "worn part",
    Cause.BREAKAGE: "breakdown",
    Cause.BLOCKAGE: "blockage",
    Cause.CONSUMABLE: "consumable used up",
    Cause.OPERATION: "wrong operation",
    Cause.CONTROL: "control system",
    Cause.DELIBERATE: "shut down on purpose",
    Cause.POWER_SUPPLY: "power supply",
    Cause.PROCESS: "change of process",
    Cause.METER: "meter",
    Cause.COMMUNICATION: "communication",
    Cause.OTHER: "other",
}
FAULTS_EN: Final[Mapping[Fault, str]] = {
    Fault.ENTERPRISE: "the firm's",
    Fault.METERING: "the metering's",
}
CAUSES: Final = {one: Said(CAUSES_ZH[one], CAUSES_EN[one]) for one in Cause}
FAULTS: Final = {one: Said(FAULTS_ZH[one], FAULTS_EN[one]) for one in Fault}
STATES: Final[Mapping[UnitState, Said]] = {
    state: Said(NAMES_ZH[state], en)
    for state, en in {
        UnitState.RUNNING: "running",
        UnitState.OFF: "off",
        UnitState.NEVER: "not connected",
        UnitState.OFFLINE: "silent",
        UnitState.OVER: "out of bounds",
        UnitState.NO_POWER: "no supply",
        UnitState.DECLARED: "declared",
        UnitState.IDLE: "idling",
        UnitState.REDUCED_VFD: "reduced",
        UnitState.REDUCED_SLOW: "slowed",
    }.items()
}
KINDS: Final[Mapping[UnitKind, Said]] = {
    UnitKind.PRODUCTION: Said("生产", "production"),
    UnitKind.TREATMENT: Said("治污", "treatment"),
    UnitKind.BOTH: Said("产治一体", "both"),
    UnitKind.INDIRECT: Said("间接用电", "indirect"),
    UnitKind.MAIN: Said("总电", "mains"),
}
# Of what is measured and compared; what is not here is shown by its own name.
SIGNALS: Final[Mapping[str, Said]] = {
    "power": Said("功率", "Power"),
    "power_reference": Said("平常功率", "Usual power"),
    "power_share": Said("占平常功率", "Share of the usual power"),
    "current_share": Said("占平常电流", "Share of the usual current"),
    "power_factor": Said("功率因数", "Power factor"),
    "power_factor_reference": Said("正常功率因数", "Usual power factor"),
    "voltage": Said("电压", "Voltage"),
    "load": Said("生产负荷", "Production load"),
    "least_share": Said("该负荷下至少", "At least, at this load"),
    "state.theta_off": Said("停机判定线", "Off below"),
    "state.i_off": Said("停机电流线", "Off below (current)"),
    "state.theta_idle": Said("空转判定线", "Idle below"),
    "state.pf_drop_idle": Said("空转功率因数下降", "Idle: factor drops by"),
    "state.i_reversed": Said("满载电流线", "Full current"),
    "state.theta_red": Said("减速判定线", "Reduced below"),
    "state.normal_margin": Said("正常波动", "Usual variation"),
    "limit": Said("限值", "Limit"),
    "value": Said("测值", "Reading"),
}
