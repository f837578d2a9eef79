"""Rollups on the command line: what a meter said in 15 minutes, an hour, a day."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from wattwarden.storage.database import Connection
from wattwarden.storage.meters import MeterName
from wattwarden.storage.rollups import Rollup, Width, read_local_days, read_rollups
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import Span
from wattwarden.tools.render import show_table
from wattwarden.tools.running import meter_of
from wattwarden.tools.times import rfc3339

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LOCAL: Final = "Asia/Shanghai"
"""Of ledgers and shifts, where nobody says otherwise."""
UTC_KEY: Final = "UTC"
_SHOWN: Final = (("power", "W"), ("voltage", "V"), ("current", "A"), ("power_factor", "1"))


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        UsageError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        message = f"--zone {name} is no time zone"
        raise UsageError(message, f"such as {LOCAL}, or UTC") from error


@dataclass(frozen=True, slots=True)
class Every:
    """How long spans are, and in which zone days begin."""

    width: Width
    zone: ZoneInfo

    @property
    def shown(self) -> ZoneInfo:
        """The zone in which starts are written: that of days, else UTC."""
        return self.zone if self.width is Width.DAY else ZoneInfo(UTC_KEY)


async def find_rollups(
    connection: Connection, name: MeterName, every: Every, span: Span, now: datetime
) -> tuple[str, list[Rollup]]:
    """Return the meter's whole name and its rollups within a span, oldest first."""
    since, until = span.bounds(now)
    meter = await meter_of(connection, name)
    bounds = [meter.id], since or _EARLIEST, until or now
    if every.width is Width.DAY and every.zone.key != UTC_KEY:
        rollups = await read_local_days(connection, every.zone, *bounds)
    else:
        rollups = await read_rollups(connection, every.width, *bounds)
    if name.channel is not None:
        rollups = [one for one in rollups if one.channel == name.channel]
    return meter.name, rollups


def show_rollups(
    meter: str, rollups: Sequence[Rollup], every: Every, *, json: bool, as_csv: bool
) -> None:
    """Print rollups as a table, as a JSON object each, or as comma-separated values."""
    zone = every.shown
    rows = [_plain(meter, one, zone) for one in rollups]
    if json:
        for row in rows:
            print(as_json(row))
    elif as_csv:
        writer = csv.DictWriter(
            sys.stdout, list(_plain(meter, _NOTHING, zone)), lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    else:
        titles = [f"{name} {unit} (least–most)" for name, unit in _SHOWN]
        show_table(
            (f"start ({zone.key})", "channel", "rows", *titles, "energy Wh"),
            [_row(one, zone) for one in rollups],
        )


_NOTHING: Final = Rollup(0, "", _EARLIEST, 0, 0, *[None] * 15)


def _plain(meter: str, rollup: Rollup, zone: ZoneInfo) -> dict[str, Any]:
    return asdict(rollup) | {"meter": meter, "start": _start(rollup, zone)}


def _start(rollup: Rollup, zone: ZoneInfo) -> str:
    if zone.key == UTC_KEY:
        return rfc3339(rollup.start)
    return rollup.start.astimezone(zone).isoformat()


def _row(rollup: Rollup, zone: ZoneInfo) -> tuple[str, ...]:
    rows = f"{rollup.received}/{rollup.expected}" if rollup.expected else f"{rollup.received}"
    spans = (_span(rollup, name) for name, _ in _SHOWN)
    return _start(rollup, zone), rollup.channel, rows, *spans, _energy(rollup)


def _span(rollup: Rollup, name: str) -> str:
    mean, least, most = (getattr(rollup, f"{name}_{each}") for each in ("mean", "min", "max"))
    return "" if mean is None else f"{mean:.4g} ({least:.4g}–{most:.4g})"


def _energy(rollup: Rollup) -> str:
    return "" if rollup.energy_used is None else str(rollup.energy_used)
