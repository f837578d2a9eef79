"""The registry and the rules, compiled for some enterprises into index arrays.

firms    the enterprises, sorted                    axis of ``firm`` tables
units    by (enterprise, id)                        axis of grids and of ``unit`` tables
treats   the treatment units that rules compare with production (sync flag, and a line with
         production): positions in ``units``;  pairs: treat ─ production unit of its lines
members  the treats that stand by for each other, by standby group
watches  (outlet, pollutant factor) pairs           axis of ``watch`` tables
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Annotated, Final

import numpy as np

from wattwarden.alarms.plant.table import F32, I8, I32, I64, Column, take
from wattwarden.alarms.registry.nouns import Drive, UnitKind

KINDS: Final = tuple(UnitKind)
DRIVES: Final = tuple(Drive)
PRODUCTION: Final = KINDS.index(UnitKind.PRODUCTION)
TREATMENT: Final = KINDS.index(UnitKind.TREATMENT)
BOTH: Final = KINDS.index(UnitKind.BOTH)
MAIN: Final = KINDS.index(UnitKind.MAIN)
DIRECT: Final = DRIVES.index(Drive.DIRECT)
VFD: Final = DRIVES.index(Drive.VFD)
RESISTIVE: Final = DRIVES.index(Drive.RESISTIVE)
PULSED: Final = DRIVES.index(Drive.PULSED)


@dataclass(slots=True)
class UnitTable:
    """One row a unit.  W, A, V, ms; ``line`` and ``group`` are -1 where there is none."""

    firm: Annotated[I32, Column(np.int32)]
    kind: Annotated[I8, Column(np.int8)]
    drive: Annotated[I8, Column(np.int8)]
    line: Annotated[I32, Column(np.int32)]
    cycle: Annotated[I64, Column(np.int64)]
    rated: Annotated[F32, Column(np.float32)]
    rated_current: Annotated[F32, Column(np.float32)]
    # Between a phase and neutral, of three phases.
    voltage: Annotated[F32, Column(np.float32)]
    pre_start: Annotated[I64, Column(np.int64)]
    run_on: Annotated[I64, Column(np.int64)]


@dataclass(slots=True)
class FirmTable:
    """One row an enterprise; ``registered`` is NaN where the mains have no registered power (W)."""

    registered: Annotated[F32, Column(np.float32)]
    main: Annotated[I32, Column(np.int32)]


@dataclass(slots=True)
class WatchTable:
    """One row an outlet's factor; ``line`` -1: of the whole firm; ``limit`` NaN: none."""

    firm: Annotated[I32, Column(np.int32)]
    line: Annotated[I32, Column(np.int32)]
    cycle: Annotated[I64, Column(np.int64)]
    limit: Annotated[F32, Column(np.float32)]


@dataclass(frozen=True, slots=True)
class Plant:
    """Some enterprises with one slot length, as arrays."""

    slot_s: int
    version: str
    firms: tuple[str, ...]
    firm_names: tuple[str, ...]
    zones: tuple[str, ...]
    firm: FirmTable
    firm_limit: Mapping[str, F32]
    units: tuple[str, ...]
    unit_names: tuple[str, ...]
    # The meter that a fault of the unit's readings is blamed on, "" where it has none.
    unit_meters: tuple[str, ...]
    unit: UnitTable
    limit: Mapping[str, F32]
    lines: tuple[str, ...]
    line_names: tuple[str, ...]
    line_firm: I32
    treats: I64
    # Position in ``treats`` (ascending), and of the production unit in ``units``.
    pair_owner: I64
    pair_unit: I64
    # Position in ``treats``, group (ascending), and how many of each group must run.
    members: I64
    member_group: I64
    group_required: I32
    watches: tuple[tuple[str, str], ...]
    watch: WatchTable

    def take(self, firms: Sequence[int]) -> "Plant":
        """Return the plant of some of its enterprises, by position, ascending."""
        chosen = np.zeros(len(self.firms), dtype=np.bool_)
        chosen[list(firms)] = True
        units, lines = chosen[self.unit.firm], chosen[self.line_firm]
        watches = chosen[self.watch.firm]
        firm_at, unit_at, line_at = _moved(chosen), _moved(units), _moved(lines)
        treats = units[self.treats]
        treat_at = _moved(treats)
        pairs, members = treats[self.pair_owner], treats[self.members]
        groups = np.zeros(len(self.group_required), dtype=np.bool_)
        groups[self.member_group[members]] = True
        unit = take(self.unit, np.flatnonzero(units))
        unit.firm, unit.line = firm_at[unit.firm], line_at[unit.line]
        firm = take(self.firm, np.flatnonzero(chosen))
        firm.main = unit_at[firm.main]
        watch = take(self.watch, np.flatnonzero(watches))
        watch.firm, watch.line = firm_at[watch.firm], line_at[watch.line]
        return Plant(
            slot_s=self.slot_s,
            version=self.version,
            firms=tuple(compress(self.firms, chosen)),
            firm_names=tuple(compress(self.firm_names, chosen)),
            zones=tuple(compress(self.zones, chosen)),
            firm=firm,
            firm_limit={name: row[chosen] for name, row in self.firm_limit.items()},
            units=tuple(compress(self.units, units)),
            unit_names=tuple(compress(self.unit_names, units)),
            unit_meters=tuple(compress(self.unit_meters, units)),
            unit=unit,
            limit={name: row[units] for name, row in self.limit.items()},
            lines=tuple(compress(self.lines, lines)),
            line_names=tuple(compress(self.line_names, lines)),
            line_firm=firm_at[self.line_firm[lines]],
            treats=unit_at[self.treats[treats]].astype(np.int64),
            pair_owner=treat_at[self.pair_owner[pairs]].astype(np.int64),
            pair_unit=unit_at[self.pair_unit[pairs]].astype(np.int64),
            members=treat_at[self.members[members]].astype(np.int64),
            member_group=_moved(groups)[self.member_group[members]].astype(np.int64),
            group_required=self.group_required[groups],
            watches=tuple(compress(self.watches, watches)),
            watch=watch,
        )


def _moved(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> I32:
    """Return where each chosen row goes; one more row at the end keeps -1 what it is."""
    positions = np.full(len(chosen) + 1, -1, dtype=np.int32)
    positions[:-1][chosen] = np.arange(np.count_nonzero(chosen), dtype=np.int32)
    return positions
