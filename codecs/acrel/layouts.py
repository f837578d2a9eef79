"""What the bodies of Acrel's frames and the blocks of their uploads look like.

Each is declared once, units on each field.  Quantities are named as the store names them; bytes
whose meaning no source states are named by where they stand.
"""

from typing import Any, Final

from construct import Bytes, Int8ub, Int16sb, Int16ub, Int32sb, Int32ub, Struct

from wattwarden.codecs.acrel.frame import CARD_BYTES, SERIAL_BYTES
from wattwarden.protocol.columns import Layout
from wattwarden.protocol.quantity import Unit
from wattwarden.protocol.wire import BinaryClock, FixedText, Scaled

REGISTRATION: Final = Struct(
    "serial" / FixedText(SERIAL_BYTES),
    "iccid" / FixedText(CARD_BYTES),
    "rssi" / Int8ub,
    "firmware_1" / Bytes(2),
    "firmware_2" / Bytes(2),
    "firmware_3" / Bytes(2),
    "report_interval_min" / Int8ub,
)
CLOCK: Final = Struct("clock" / BinaryClock("yMdwhms"))


def _phases(stem: str, count: Any, scale: str | int, unit: Unit, *more: str) -> list[Any]:
    return [f"{stem}_{phase}" / Scaled(count, scale, unit) for phase in ("a", "b", "c", *more)]


def _energies(*names: str) -> list[Any]:
    return [name / Scaled(Int32ub, 10, Unit.WATT_HOUR) for name in names]


_COMMON: Final = (
    "word_0" / Int16ub,
    *_phases("voltage", Int16ub, "0.1", Unit.VOLT),
    *_phases("current", Int16ub, "0.01", Unit.AMPERE),
    *_phases("power", Int16sb, 1, Unit.WATT, "total"),
    *_phases("reactive", Int16sb, 1, Unit.VAR, "total"),
    *_phases("power_factor", Int16sb, "0.001", Unit.ONE, "total"),
    "pt" / Int16ub,
    "ct" / Int16ub,
    *_energies("energy_forward", "energy_forward_sharp", "energy_forward_peak"),
    *_energies("energy_forward_flat", "energy_forward_valley"),
)
PREPAID: Final = Struct(  # DTSY1352-4G, DDSY1352-4G
    *_COMMON,
    "money" / Scaled(Int32ub, "0.01", Unit.ONE),
    "purchases" / Int16ub,
    "bytes_68" / Bytes(12),
    "clock" / BinaryClock("yMdwhms"),
    "bytes_87" / Bytes(9),
)
EIGHT_TARIFFS: Final = Struct(
    *_COMMON,
    "bytes_62" / Bytes(18),
    "clock" / BinaryClock("yMdhms"),
    "bytes_86" / Bytes(10),
    *_energies("energy_forward_deep_valley"),
    "bytes_100" / Bytes(44),
)
THREE_PHASE_NB: Final = Struct(  # registers 0x0014 to 0x0039
    *_phases("voltage", Int16ub, "0.1", Unit.VOLT),
    "bytes_6" / Bytes(6),
    *_phases("current", Int16ub, "0.01", Unit.AMPERE),
    "bytes_18" / Bytes(2),
    *_phases("power", Int32sb, 1, Unit.WATT, "total"),
    *_phases("reactive", Int32sb, 1, Unit.VAR, "total"),
    "bytes_52" / Bytes(16),
    *_phases("power_factor", Int16sb, "0.001", Unit.ONE, "total"),
)
SINGLE_PHASE_NB: Final = Struct(
    "voltage_a" / Scaled(Int16ub, "0.1", Unit.VOLT),
    "current_a" / Scaled(Int16ub, "0.01", Unit.AMPERE),
    "power_total" / Scaled(Int16sb, 1, Unit.WATT),
    "reactive_total" / Scaled(Int16sb, 1, Unit.VAR),
    "apparent_total" / Scaled(Int16ub, 1, Unit.VOLT_AMPERE),
    "power_factor_total" / Scaled(Int16sb, "0.001", Unit.ONE),
    "frequency" / Scaled(Int16ub, "0.01", Unit.HERTZ),
)
ENERGIES_NB: Final = Struct(*_energies("energy_combined", "energy_forward", "energy_reverse"))
BOTH_ENERGIES: Final = Struct(*_energies("energy_forward", "energy_reverse"))
TOTAL_ENERGY: Final = Struct(*_energies("energy_combined"))
SIGNAL: Final = Struct("signal" / Int16ub, "sequence" / Int16ub)
OUTPUTS: Final = Struct("do1" / Int16ub, "do2" / Int16ub)
CONTROL: Final = Struct("forced" / Int16ub, "tripped" / Int16ub)
ALARM_BLOCK: Final = Struct(
    "enabled" / Bytes(2),
    "over_voltage" / Scaled(Int16ub, "0.1", Unit.VOLT),
    "over_voltage_delay" / Int16ub,
    "under_voltage" / Scaled(Int16ub, "0.1", Unit.VOLT),
    "under_voltage_delay" / Int16ub,
    "over_current" / Scaled(Int16ub, "0.1", Unit.AMPERE),
    "over_current_delay" / Int16ub,
    "under_current" / Scaled(Int16ub, "0.1", Unit.AMPERE),
    "under_current_delay" / Int16ub,
    "over_power" / Scaled(Int16ub, 1, Unit.WATT),
    "over_power_delay" / Int16ub,
    "under_power" / Scaled(Int16ub, 1, Unit.WATT),
    "under_power_delay" / Int16ub,
    "inputs_and_outputs" / Bytes(28),
    "status" / Bytes(2),
    "values" / Bytes(28),
)

ALARM_LAYOUT: Final = "alarm_0x54"
"""Thresholds and states, no reading."""

# Which blocks an upload carries, by the size of its first; the following sections belong to the
# same meter and are told apart by their order.
BLOCKS: Final[dict[int, tuple[tuple[str, Any], ...]]] = {
    0x60: (("prepaid_0x60", PREPAID),),
    0x90: (("eight_tariffs_0x90", EIGHT_TARIFFS),),
    0x4C: (
        ("three_phase_nb_0x4c", THREE_PHASE_NB),
        ("energies_0x0c", ENERGIES_NB),
        ("signal_0x04", SIGNAL),
        ("outputs_0x04", OUTPUTS),
    ),
    0x0E: (
        ("single_phase_nb_0x0e", SINGLE_PHASE_NB),
        ("signal_0x04", SIGNAL),
        ("control_0x04", CONTROL),
        ("both_energies_0x08", BOTH_ENERGIES),
        ("total_energy_0x04", TOTAL_ENERGY),
    ),
    0x54: ((ALARM_LAYOUT, ALARM_BLOCK),),
}
STRUCTS: Final = dict(entry for blocks in BLOCKS.values() for entry in blocks)
LAYOUTS: Final = {name: Layout(struct) for name, struct in STRUCTS.items()}

COUNTED_POWER_LAYOUTS: Final = frozenset(("prepaid_0x60", "eight_tariffs_0x90"))
"""Those of whose power registers no source states what one count is."""
