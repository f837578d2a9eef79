"""``wattwarden readings``: a meter's stored readings."""

import csv
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from wattwarden.protocol.quality import Quality
from wattwarden.server.settings import Settings
from wattwarden.storage.meters import MeterName
from wattwarden.storage.readings import Span as StoredSpan
from wattwarden.storage.readings import StoredReading, read_readings
from wattwarden.storage.rollups import Rollup, Width
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.rollups import LOCAL, Every, find_rollups, show_rollups, zone_of
from wattwarden.tools.running import database, meter_name, meter_of, run, settings_of
from wattwarden.tools.times import rfc3339
from wattwarden.tools.units import unit_of

COLUMNS: Final = (
    "meter", "channel", "period", "at", "received_at", "quality",
    "quantity", "value", "unit", "flag",
)  # fmt: skip

WIDTHS: Final = {
    "15min": Width.QUARTER, "quarter": Width.QUARTER, "hour": Width.HOUR, "day": Width.DAY,
}  # fmt: skip
"""By what people call them."""

Show = Callable[[str, StoredReading], None]


def readings(
    meter: Annotated[
        str,
        Parameter(
            name="METER",
            help="codec:address, with /channel for one channel; the address alone if unique.",
        ),
    ],
    /,
    *,
    span: Span = ALL_TIMES,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
    as_csv: Annotated[
        bool,
        Parameter(
            name="--csv", help="Comma-separated values, a line per value.", show_default=False
        ),
    ] = False,
    every: Annotated[
        Literal["15min", "quarter", "hour", "day"] | None,
        Parameter(help="Instead: what was said in each 15 minutes, hour or local day."),
    ] = None,
    zone: Annotated[str, Parameter(help="In which the days of --every day begin.")] = LOCAL,
) -> None:
    """Print a meter's stored readings, or with --every what they come to.

    Oldest first, as the meter reported them, in UTC; local days in their zone. With --json each
    reading is one line with meter, channel, period, at, received_at, quality (its marks by name,
    none for a good one) and readings, each with quantity, value, unit and, where the meter gave
    one, its flag.
    """
    if json and as_csv:
        raise UsageError("one output at a time", "choose --json or --csv")
    settings = settings_of(system)
    name = meter_name(meter)
    now = datetime.now(UTC)
    if every is not None:
        spans = Every(WIDTHS[every], zone_of(zone))
        found = run(_rollups(settings, name, spans, span, now))
        show_rollups(*found, spans, json=json, as_csv=as_csv)
        return
    since, until = span.bounds(now)
    wanted = StoredSpan(since=since, until=until, channel=name.channel)
    show = _as_json if json else _csv_lines() if as_csv else _as_text
    run(_print(settings, name, wanted, show))


async def _rollups(
    settings: Settings, name: MeterName, spans: Every, span: Span, now: datetime
) -> tuple[str, list[Rollup]]:
    async with database(settings, "readings") as connection:
        return await find_rollups(connection, name, spans, span, now)


async def _print(settings: Settings, name: MeterName, wanted: StoredSpan, show: Show) -> None:
    async with database(settings, "readings") as connection:
        found = await meter_of(connection, name)
        async for reading in read_readings(connection, found, wanted, unit_of):
            show(found.name, reading)


def _as_json(meter: str, reading: StoredReading) -> None:
    values = [
        {"quantity": value.quantity, "value": value.value, "unit": value.unit}
        | ({"flag": value.flag} if value.flag else {})
        for value in reading.values
    ]
    row: dict[str, Any] = {
        "meter": meter,
        "channel": reading.channel,
        "period": reading.period,
        "at": rfc3339(reading.at),
        "received_at": rfc3339(reading.received_at),
        "quality": marks(reading.quality),
        "readings": values,
    }
    print(as_json(row))


def _csv_lines() -> Show:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)

    def show(meter: str, reading: StoredReading) -> None:
        times = rfc3339(reading.at), rfc3339(reading.received_at)
        key = (meter, reading.channel, reading.period, *times, " ".join(marks(reading.quality)))
        for value in reading.values:
            writer.writerow((*key, value.quantity, value.value, value.unit, value.flag))

    return show


def _as_text(_meter: str, reading: StoredReading) -> None:
    head = (rfc3339(reading.at), reading.channel, reading.period, *marks(reading.quality))
    print("  ".join(filter(None, head)))
    for value in reading.values:
        print(f"    {value.quantity:<28} {value.value:>14} {value.unit} {value.flag}".rstrip())


def marks(quality: int) -> list[str]:
    """Name the bits of a reading's quality.

    >>> marks(9)
    ['no_clock', 'backfill']
    """
    return [mark.name.lower() for mark in Quality if mark.name and quality & mark]
