"""Rollups on the command line: what a meter said in 15 minutes, an hour, a day."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from wattwarden.storage.database import Connection
from wattwarden.storage.meters import MeterName
from wattwarden.storage.rollups import Rollup, Width, read_rollups
from wattwarden.tools.decode import as_json
from wattwarden.tools.options import Span
from wattwarden.tools.render import show_table
from wattwarden.tools.running import meter_of
from wattwarden.tools.times import rfc3339

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN: Final = (("power", "W"), ("voltage", "V"), ("current", "A"), ("power_factor", "1"))


async def find_rollups(
    connection: Connection, name: MeterName, width: Width, span: Span, now: datetime
) -> tuple[str, list[Rollup]]:
    """Return the meter's whole name and its rollups within a span, oldest first."""
    since, until = span.bounds(now)
    meter = await meter_of(connection, name)
    rollups = await read_rollups(connection, width, [meter.id], since or _EARLIEST, until or now)
    if name.channel is not None:
        rollups = [one for one in rollups if one.channel == name.channel]
    return meter.name, rollups


def show_rollups(meter: str, rollups: Sequence[Rollup], *, json: bool, as_csv: bool) -> None:
    """Print rollups as a table, as a JSON object each, or as comma-separated values."""
    rows = [_plain(meter, one) for one in rollups]
    if json:
        for row in rows:
            print(as_json(row))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, list(_plain(meter, _NOTHING)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        titles = [f"{name} {unit} (least–most)" for name, unit in _SHOWN]
        show_table(
            ("start", "channel", "rows", *titles, "energy Wh"),
            [_row(one) for one in rollups],
        )


_NOTHING: Final = Rollup(0, "", _EARLIEST, 0, 0, *[None] * 15)


def _plain(meter: str, rollup: Rollup) -> dict[str, Any]:
    return asdict(rollup) | {"meter": meter, "start": rfc3339(rollup.start)}


def _row(rollup: Rollup) -> tuple[str, ...]:
    rows = f"{rollup.received}/{rollup.expected}" if rollup.expected else f"{rollup.received}"
    spans = (_span(rollup, name) for name, _ in _SHOWN)
    return rfc3339(rollup.start), rollup.channel, rows, *spans, _energy(rollup)


def _span(rollup: Rollup, name: str) -> str:
    mean, least, most = (getattr(rollup, f"{name}_{each}") for each in ("mean", "min", "max"))
    return "" if mean is None else f"{mean:.4g} ({least:.4g}–{most:.4g})"


def _energy(rollup: Rollup) -> str:
    return "" if rollup.energy_used is None else str(rollup.energy_used)
