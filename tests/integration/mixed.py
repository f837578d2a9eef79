"""What simulated meters said, held against the rows in PostgreSQL: all of it, and nothing else.

A frame with a clock is found by its time.  One without gets its receipt's: a meter's rows of the
same quantities are then compared in order.
"""

import math
import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
from tests.integration.system import Port, System, database, eventually

from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.tools.simulator.protocols.rows import ACKED, KEPT, Line, read_truth, us_of

READINGS: Final = (
    "SELECT m.codec, m.address, r.* FROM reading AS r JOIN meter AS m ON m.id = r.meter"
    " WHERE m.address <> ALL ($1::text[]) ORDER BY r.at"
)
FACTORS: Final = (
    "SELECT m.codec, m.address, f.*, l.codes FROM factor AS f JOIN meter AS m ON m.id = f.meter"
    " JOIN factor_layout AS l ON l.id = f.layout"
    " WHERE m.address <> ALL ($1::text[]) ORDER BY f.at"
)
COUNT: Final = (
    "SELECT count(*) FROM (SELECT meter FROM reading UNION ALL SELECT meter FROM factor) AS r"
    " JOIN meter AS m ON m.id = r.meter WHERE m.address <> ALL ($1::text[])"
)
# Each says how often something happened that must not.
NEVER: Final = {
    "revisions": "SELECT count(*) FROM revision",
    "rows in the default partition": "SELECT count(*) FROM ONLY reading_default",
}
LISTED: Final = 5
# A thousand meters are registered within seconds; what is unanswered is waited for at the end.
AROUND_S: Final = 180.0
PLATFORMS: Final = ("onenet", "ctwing")
TOKEN: Final = "integration-token"  # noqa: S105  made up

Place = tuple[str, str, str, str, tuple[str, ...]]
"""Codec, meter, channel, period and the names of what is said."""
Values = tuple[float, ...]


@dataclass(slots=True)
class Comparison:
    """What was found.  ``faults`` are told in words, at most a few of each kind."""

    said: int = 0
    stored: int = 0
    equal: int = 0
    by_codec: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def blame(self, what: str, places: Sequence[Any]) -> None:
        """Note a kind of fault, if there is any."""
        if places:
            self.faults.append(f"{len(places)} {what}: {list(places)[:LISTED]}")


@contextmanager
def open_doors(settings: Mapping[str, str]) -> Iterator[System]:
    """A system with every door open: TCP, datagrams, pushes of both platforms."""
    with ExitStack() as ports:
        http, udp = (ports.enter_context(closing(Port())).number for _ in range(2))
        doors = {"GATEWAY__HTTP_LISTEN": http, "GATEWAY__UDP_LISTEN": udp}
        tokens = {f"GATEWAY__{name.upper()}_TOKEN_FILE": f"{name}.token" for name in PLATFORMS}
        listen = {name: f"127.0.0.1:{number}" for name, number in doors.items()}
        made = System(settings={**settings, **tokens, **listen})
        secrets = made.data / "secrets"
        secrets.mkdir(parents=True)
        for name in PLATFORMS:
            (secrets / f"{name}.token").write_text(TOKEN)
        with made:
            yield made


def simulate(
    system: System, truth: Path, meters: int, cycle_s: float, minutes: float, garbage: float,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Let meters of every kind, half of them polled, speak; return what the command says of it."""
    said = system.run(
        "simulate", "--protocol", "all", "--meters", f"{meters}", "--cycle", f"{cycle_s:g}",
        "--minutes", f"{minutes:g}", "--garbage", f"{garbage:g}", "--seed", f"{seed}",
        "--to", f"127.0.0.1:{system.port.number}", "--register", "--truth", str(truth), "--json",
        within_s=AROUND_S + 60 * minutes,
    )  # fmt: skip
    summary: dict[str, Any] = said.rows[0]
    return summary


async def compare(
    system: System, path: Path, within_s: float, apart: Collection[str] = ()
) -> Comparison:
    """Wait until as many rows are stored as must be, or no more come, and compare them all.

    ``apart`` are addresses of meters that are none of these.
    """
    said = [*_said(read_truth(path))]
    timed = {(place, at) for place, at, _, state in said if at is not None and state != KEPT}
    due = len(timed) + sum(at is None for _, at, *_ in said)
    await _stored(system, due, within_s, [*apart])
    async with database(system.dsn) as connection:
        readings = await connection.fetch(READINGS, [*apart])
        factors = await connection.fetch(FACTORS, [*apart])
        found = Comparison()
        for what, query in NEVER.items():
            count = await connection.fetchval(query)
            found.blame(what, range(count))
    _compare(found, said, [*_readings(readings), *_factors(factors)])
    return found


async def acknowledged(system: System, path: Path, apart: Collection[str] = ()) -> Comparison:
    """Compare what was acknowledged, and has a time, with what is stored.

    For systems that were away: who answers polls is told nothing, and may not have been heard.
    """
    acked = {
        (place, at): values
        for place, at, values, state in _said(read_truth(path))
        if at is not None and state == ACKED
    }
    async with database(system.dsn) as connection:
        readings = await connection.fetch(READINGS, [*apart])
        factors = await connection.fetch(FACTORS, [*apart])
    rows = {(place, at): values for place, at, values, _ in _readings(readings)}
    rows |= {(place, at): values for place, at, values, _ in _factors(factors)}
    found = Comparison(said=len(acked), stored=len(rows))
    found.blame("rows that were acknowledged and are not stored", [*(acked.keys() - rows.keys())])
    both = acked.keys() & rows.keys()
    found.blame("rows that differ", [key for key in both if rows[key] != acked[key]])
    for place, _ in both:
        found.by_codec[place[0]] = found.by_codec.get(place[0], 0) + 1
    return found


async def _stored(system: System, due: int, within_s: float, apart: Sequence[str]) -> None:
    """Wait for as many rows, as long as more come within some time."""
    before = -1

    async def rows() -> int:
        count: int = await system.value(COUNT, apart)
        return count

    while True:
        try:
            await eventually(rows, lambda count: count >= due, within_s)
        except AssertionError:
            count = await rows()
            if count > before:
                before = count
                continue
        return


Told = tuple[Place, int | None, Values, str]
"""Place, time or None without a clock, values, and what became of its frame."""


def _said(truth: Iterable[Line]) -> Iterable[Told]:
    for line in truth:
        for numbers, is_single in ((line.quantities, False), (line.factors, True)):
            if numbers:
                names = tuple(sorted(numbers))
                place = (line.codec, line.meter, line.channel, PERIODS[line.period], names)
                values = tuple(
                    _single(numbers[name])
                    if is_single or not QUANTITIES[name].exact
                    else numbers[name]
                    for name in names
                )
                yield place, line.at_us, values, line.state


def _readings(rows: Iterable[asyncpg.Record]) -> Iterable[Told]:
    for row in rows:
        names = tuple(sorted(name for name in QUANTITIES if row[name] is not None))
        yield _told(row, names, tuple(row[name] for name in names))


def _factors(rows: Iterable[asyncpg.Record]) -> Iterable[Told]:
    for row in rows:
        amounts = dict(zip(row["codes"], row["amounts"], strict=True))
        names = tuple(sorted(amounts))
        yield _told(row, names, tuple(amounts[name] for name in names))


def _told(row: asyncpg.Record, names: tuple[str, ...], values: Values) -> Told:
    period = row["period"].decode() if isinstance(row["period"], bytes) else row["period"]
    place = (row["codec"], row["address"], row["channel"], period, names)
    has_clock = not row["quality"] & Quality.NO_CLOCK
    rest = Quality(row["quality"]) & ~Quality.NO_CLOCK
    return place, us_of(row["at"]) if has_clock else None, values, str(int(rest))


def _compare(found: Comparison, said: Sequence[Told], stored: Sequence[Told]) -> None:
    timed = {(place, at): (values, state) for place, at, values, state in said if at is not None}
    rows = {(place, at): values for place, at, values, _ in stored if at is not None}
    lost = [key for key, (_, state) in timed.items() if key not in rows and state != KEPT]
    found.blame("rows that were said and are not stored", lost)
    found.blame("rows that nobody said", [key for key in rows if key not in timed])
    both = [key for key in rows if key in timed]
    found.blame("rows that differ", [key for key in both if rows[key] != timed[key][0]])
    same = [key for key in both if rows[key] == timed[key][0]]
    untimed = _in_order(said), _in_order(stored)
    for place in {**untimed[0], **untimed[1]}:
        one, other = (side.get(place, []) for side in untimed)
        if one != other:
            found.faults.append(f"{place}: {len(one)} said, {len(other)} stored, or they differ")
    found.blame("rows of a doubtful quality", [told[:2] for told in stored if told[3] != "0"])
    # What was said twice, word for word, is one row.
    found.said = len(timed) + sum(map(len, untimed[0].values()))
    found.stored = len(stored)
    found.equal = len(same) + sum(len(values) for values in untimed[1].values())
    for place, *_ in stored:
        found.by_codec[place[0]] = found.by_codec.get(place[0], 0) + 1
    assert all(state in (ACKED, KEPT, "sent") for *_, state in said)


def _in_order(told: Iterable[Told]) -> dict[Place, list[Values]]:
    """Return the values that have no time of their own, in order, by place."""
    found: dict[Place, list[Values]] = defaultdict(list)
    for place, at, values, _ in told:
        if at is None:
            found[place].append(values)
    return found


def _single(value: float) -> float:
    """Return the float4 nearest to a number."""
    narrow: float = struct.unpack("f", struct.pack("f", value))[0]
    assert math.isfinite(narrow)
    return narrow
