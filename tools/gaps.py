"""``wattwarden meters gaps``: what is missing of meters, day by day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.storage.database import Connection
from wattwarden.storage.gaps import Gap, GapDay, by_day, open_gaps, read_gaps
from wattwarden.storage.meters import Meter, list_meters
from wattwarden.storage.profiles import zone_of
from wattwarden.storage.system_time import system_now
from wattwarden.tools.decode import as_json
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Span, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, meter_name, meter_of, run, settings_of
from wattwarden.tools.times import rfc3339

# What re-calls reach back to is 31 days; who looks at all meters mostly asks about these.
USUAL_DAYS: Final = 7
_PAGE_METERS: Final = 1_000


def show_gaps(
    meter: Annotated[
        str | None, Parameter(help="codec:address, or the address alone; all without it.")
    ] = None,
    /,
    *,
    span: Annotated[Span, Parameter(name="*")] = ALL_TIMES,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List what is missing of meters day by day: readings, minutes, stretches, and who is away.

    Of meters whose cycle is known; by their own local days, the last 7 unless --since says more.
    Gaps are known once the rollups of the hour are, within a minute. With `meters set --recall
    auto` they are asked for again, where the protocol can.
    """
    settings = settings_of(system)

    async def work() -> list[_Row]:
        async with database(settings, "meters gaps") as connection:
            now = await system_now(connection)
            since, until = span.bounds(now)
            bounds = since or now - timedelta(days=USUAL_DAYS), until or now
            meters = await _meters(connection, meter)
            ids = [one.id for one in meters]
            gaps = await _gaps(connection, None if meter is None else ids, *bounds)
            gaps += await open_gaps(connection, ids, bounds[1])
        return list(_rows(meters, gaps, *bounds))

    rows = run(work())
    if json:
        for row in rows:
            print(as_json(row.plain()))
        return
    headings = ("meter", "day", "missing", "minutes", "stretches", "longest min", "asked", "away")
    show_table(headings, [row.cells() for row in rows])


async def _meters(connection: Connection, named: str | None) -> list[Meter]:
    """Return the meter that was named, or all, page by page."""
    if named is not None:
        return [await meter_of(connection, meter_name(named))]
    meters: list[Meter] = []
    while page := await list_meters(
        connection, after_id=meters[-1].id if meters else 0, most=_PAGE_METERS
    ):
        meters += page
    return meters


async def _gaps(
    connection: Connection, meters: list[int] | None, since: datetime, until: datetime
) -> list[Gap]:
    """Return all gaps of a span, page by page."""
    found = await read_gaps(connection, meters, since, until)
    page = found
    while page:
        page = await read_gaps(connection, meters, since, until, page[-1])
        found.extend(page)
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    meter: Meter
    day: GapDay

    def cells(self) -> tuple[object, ...]:
        """Return the row of the table."""
        gaps = self.day.gaps
        away = next((gap for gap in gaps if gap.is_open), None)
        return (
            self.meter.name,
            self.day.day,
            self.day.missing,
            round(self.day.minutes),
            len(gaps),
            round(max(_minutes(gap) for gap in gaps)),
            max(gap.tries for gap in gaps) or None,
            None if away is None else f"since {rfc3339(away.since)}",
        )

    def plain(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "meter": self.meter.name,
            "day": self.day.day.isoformat(),
            "missing": self.day.missing,
            "minutes": round(self.day.minutes, 1),
            "recall": self.meter.profile.recall,
            "gaps": [
                {
                    "since": rfc3339(gap.since),
                    "until": rfc3339(gap.until),
                    "missing": gap.missing,
                    "tries": gap.tries,
                    "open": gap.is_open,
                }
                for gap in self.day.gaps
            ],
        }


def _rows(
    meters: Sequence[Meter], gaps: Sequence[Gap], since: datetime, until: datetime
) -> Iterator[_Row]:
    by_id = {meter.id: meter for meter in meters}
    mine = sorted((gap for gap in gaps if gap.meter in by_id), key=lambda gap: gap.meter)
    zones = {meter.id: zone_of(meter.profile.zone) for meter in meters}
    for day in by_day(mine, zones, since, until):
        yield _Row(by_id[day.meter], day)


def _minutes(gap: Gap) -> float:
    return (gap.until - gap.since) / timedelta(minutes=1)
