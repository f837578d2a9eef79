"""Gaps of simulated meters: found, asked for again, filled with what the meters had measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.storage.fakes import MemoryJournal, readers
from tests.storage.missing import add_meter

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Profile, default_profile
from wattwarden.protocol.command import Ending, Peer
from wattwarden.protocol.envelope import SessionRow, digest, encode
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.session import Session
from wattwarden.server.draft import Draft
from wattwarden.server.meter_chores import MeterChoreCounters, queue_recalls
from wattwarden.storage.commands.queue import waiting
from wattwarden.storage.database import Connection
from wattwarden.storage.gaps import read_gaps
from wattwarden.storage.journal.journal import Kind
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.profiles import ProfileBook, load_profiles
from wattwarden.storage.rollups import recompute_due
from wattwarden.storage.rows.writer import Writer
from wattwarden.tools.simulator.protocols.dialect import Dialect, Meter
from wattwarden.tools.simulator.protocols.dlt698 import GridMeter
from wattwarden.tools.simulator.protocols.gdw376 import Terminal
from wattwarden.tools.simulator.protocols.hj212 import Logger
from wattwarden.tools.simulator.protocols.rows import Row

START = datetime(2026, 11, 22, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REPORTS = 60
LOST = range(20, 30)
SEED = 3
FLOAT4 = 1e-6


@dataclass(frozen=True, slots=True)
class Case:
    """A meter, how many minutes lie between its reports, and which turn the n-th of them is."""

    dialect: Dialect
    cycle_min: int = 1
    turns: int = 1

    def at(self, number: int) -> datetime:
        return START + number * self.cycle_min * MINUTE

    def turn(self, number: int) -> int:
        return number * self.turns + self.turns - 1


CASES = {
    "hj212": Case(Logger(Meter("WW01", 1, SEED)), turns=2),  # every other report is of a minute
    "dlt698": Case(GridMeter(Meter("610000000002", 1, SEED))),
    "gdw376": Case(Terminal(Meter("330100001", 0, SEED)), cycle_min=15),
}


class Source:
    """A connection of the meter."""

    def __init__(self, identity: str) -> None:
        self.row = SessionRow(1, "192.0.2.1:1", identity)

    def reply(self, data: bytes) -> None:
        raise AssertionError(data)

    def reject(self, frame: bytes) -> None:
        raise AssertionError(frame)


class Store:
    """The journal and the writer behind a meter's session."""

    def __init__(self, dsn: str, book: ProfileBook, case: Case) -> None:
        self._journal = MemoryJournal()
        self._codec = case.dialect.codec
        self._source = Source(case.dialect.address)
        plain = readers()
        self._writer = Writer(
            0,
            self._journal,
            dsn,
            type(plain)(load_codecs(), book.of, plain.bounds, plain.admission, "test"),
        )
        self._number, self._previous = 0, b""

    async def keep(
        self, frames: list[bytes], ats: Sequence[datetime], asked: Asked = NOTHING_ASKED
    ) -> None:
        """Store frames of one envelope, each received at its moment."""
        draft = Draft(self._codec, us_of(ats[0]))
        draft.ask(asked)
        for frame, at in zip(frames, ats, strict=True):
            draft.add(self._source, [frame], us_of(at))
        at = ats[-1]
        self._number += 1
        payload = encode(draft.freeze().envelope("gw.0", self._number, self._previous, us_of(at)))
        self._previous = digest(payload)
        self._journal.add(Kind.FRAMES, payload)
        while await self._writer.round():
            pass

    async def close(self) -> None:
        await self._writer.close()


async def recalled(store: Connection, keep: Store, case: Case, now: datetime) -> list[Row]:
    """Let the meter answer what waits for it, by a session as the gateway has; what it told."""
    dialect = case.dialect
    session = Session((dialect.codec,), default_profile, SessionLimits(), us_of(now))
    session.receive_data(dialect.opening(now), us_of(now))
    session.data_to_send()
    session.take_events()
    truth: list[Row] = []
    for one in await waiting(store):
        peer = Peer(dialect.address, dialect.address, Profile(), us_of(now), number=one.id)
        session.order(one.id, one.command, peer)
        while request := session.data_to_send():
            heard = dialect.hear(request, [], now)
            truth += heard.rows
            session.receive_data(heard.reply, us_of(now))
            for event in session.take_events():
                assert isinstance(event, Received)
                await keep.keep(event.frames, [now] * len(event.frames), event.asked)
    assert [outcome.ending for outcome in session.outcomes()] == [Ending.ANSWERED]
    return truth


async def found_at(store: Connection, ats: Sequence[datetime]) -> dict[datetime, dict[str, float]]:
    rows = await store.fetch("SELECT * FROM reading WHERE at = ANY($1)", list(ats))
    assert {row["quality"] & Quality.BACKFILL for row in rows} == {Quality.BACKFILL}
    return {
        row["at"]: {name: row[name] for name in QUANTITIES if row[name] is not None} for row in rows
    }


@pytest.mark.parametrize("name", CASES)
async def test_what_a_meter_lost_is_recalled_as_it_measured_it(
    store: Connection, store_dsn: str, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    body = f'{{"cycle_s": {60 * case.cycle_min}, "recall": "auto"}}'
    meter = await add_meter(store, case.dialect.address, codec=name, body=body)
    book = ProfileBook()
    book.replace((await load_profiles(store, tmp_path)).profiles)
    keep = Store(store_dsn, book, case)
    reports = [case.dialect.report(case.turn(n), case.at(n)) for n in range(REPORTS)]
    lost = {case.at(number): dict(reports[number].rows[0].quantities) for number in LOST}
    heard = [number for number in range(REPORTS) if number not in LOST]
    await keep.keep([reports[number].frame for number in heard], [case.at(n) for n in heard])
    await recompute_due(store)
    now = case.at(REPORTS) + timedelta(hours=2)
    [gap] = await read_gaps(store, [meter], START, now)
    assert (gap.since, gap.until, gap.missing) == (
        case.at(LOST.start - 1), case.at(LOST.stop), len(LOST),
    )  # fmt: skip
    await queue_recalls(store, MeterChoreCounters(), now)
    truth = await recalled(store, keep, case, now)
    await keep.close()
    await recompute_due(store)
    assert await read_gaps(store, [meter], START, now) == []
    rows = await found_at(store, list(lost))
    assert rows.keys() == lost.keys()
    for at, quantities in rows.items():
        assert quantities
        for quantity, value in quantities.items():
            assert value == pytest.approx(lost[at][quantity], rel=FLOAT4)
    # What the meter says that it told is what was told, and nothing contradicts what was there.
    assert {moment_of(row.at_us or 0) for row in truth} >= lost.keys()
    assert await store.fetchval("SELECT count(*) FROM revision") == 0
