"""Forwarding over real TCP to a platform that fails in every way: nothing lost, no new QNs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.storage.feed import (
    DAY,
    LONG_AGO,
    readings,
    register,
    small_city,
    step_of,
    store_rows,
    store_ticks,
)
from tests.storage.feed import Row as FedRow

from wattwarden.alarms.registry.nouns import Outlet, Point
from wattwarden.codecs.hj212 import CODEC
from wattwarden.protocol.codec import Batch, default_profile
from wattwarden.protocol.framer import Framer
from wattwarden.server.forward_table import Platform
from wattwarden.server.forwarder import ASIDE_TRIES, Forwarder, ForwardPlace
from wattwarden.storage import forward, forward_rows
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.forward import Item
from wattwarden.storage.forward_rows import Row
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.rows.partitions import Partitions, note_parts, partition_name

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
MS = 1_795_316_400_000
FIRMS = ("E1", "E2")
PASSWORD = "made-up"  # noqa: S105  nobody's

Behave = Callable[[str, list[str]], str]
"""(QN, QNs of this connection so far) → "answer", "nothing", "refuse" or "hang up"."""


def answer_all(_qn: str, _before: list[str]) -> str:
    return "answer"


@dataclass
class FakePlatform:
    """A platform that keeps every frame, and answers as it is told."""

    behave: Behave = answer_all
    connections: list[list[bytes]] = field(default_factory=list)
    server: asyncio.Server | None = None
    port: int = 0

    async def listen(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[bytes] = []
        self.connections.append(mine)
        framer, before = Framer(CODEC.outline), list[str]()
        while data := await reader.read(65_536):
            for frame in framer.feed(data):
                mine.append(frame)
                qn = qn_in(frame)
                does = self.behave(qn, before)
                before.append(qn)
                [answer] = CODEC.acknowledge(Batch.of([frame], MS * 1000))
                if does == "hang up":
                    writer.close()
                    return
                if does == "answer":
                    writer.write(answer)
        writer.close()

    @property
    def frames(self) -> list[bytes]:
        return [frame for connection in self.connections for frame in connection]


def qn_in(frame: bytes) -> str:
    return str(CODEC.read(frame, default_profile).fields["QN"])


def said(frame: bytes) -> tuple[str | None, Any]:
    message = CODEC.read(frame, default_profile)
    return message.meter, message.at


@pytest_asyncio.fixture(loop_scope="session")
async def peer() -> AsyncIterator[FakePlatform]:
    platform = FakePlatform()
    await platform.listen()
    yield platform
    await platform.close()


async def feed(store: Connection, minutes: range, from_step: int = 0) -> int:
    """Store readings of firms; return how many belong to the first."""
    rows = readings(FIRMS, minutes, lambda _firm, _part, _minute: 0.8)
    await store_rows(store, rows)
    await store_ticks(store, minutes.stop + 1, from_step)
    return sum(row.meter.startswith("E1") for row in rows)


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    await register(store, small_city(FIRMS))
    await forward.begin(store, "up", 1)
    return store


def taken(row: Row) -> tuple[Item, ...]:
    data = f"DataTime={row['at']:%Y%m%d%H%M%S};x-Rtd=1"
    return (Item(row["name"], "2011", repeated=False, data=data),)


async def take(store: Connection, meters: set[str], now_ms: int = MS) -> int:
    return await forward.take(store, "up", 1, meters, taken, now_ms)


async def test_rows_become_items_in_the_order_of_steps_and_only_once(city: Connection) -> None:
    await feed(city, range(5))
    assert await take(city, {"fake:E1-p", "fake:E2-t"}) > 0
    found = await forward.waiting(city, "up", 0, 100)
    assert len(found) == 10
    assert {one.item.mn for one in found} == {"fake:E1-p", "fake:E2-t"}
    assert [one.item.data for one in found] == sorted(one.item.data for one in found)
    assert [one.qn for one in found] == list(range(MS, MS + 10))
    assert await take(city, {"fake:E1-p", "fake:E2-t"}) == 0
    await feed(city, range(7, 8), from_step=6 * 3)
    # A clock that was set back gives no number twice.
    await take(city, {"fake:E1-p"}, now_ms=MS - 1000)
    assert (await forward.waiting(city, "up", MS + 9, 100))[0].qn == MS + 10
    (state,) = await forward.read_forwarded(city)
    assert (state.taken, state.silent, state.waiting, state.behind) == (11, 0, 11, 0)


async def test_what_was_there_before_a_platform_is_not_sent(store: Connection) -> None:
    await register(store, small_city(FIRMS))
    await feed(store, range(5))
    await forward.begin(store, "up", 1)
    assert await take(store, {"fake:E1-p"}) == 0
    assert await forward.waiting(store, "up", 0, 9) == []


async def test_rows_wait_where_they_are_while_many_items_wait(
    city: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward_rows, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr(forward, "MOST_WAITING", 8)
    await feed(city, range(30))
    owners = {"fake:E1-p", "fake:E1-t"}
    while await take(city, owners):
        pass
    found = await forward.waiting(city, "up", 0, 1000)
    assert 8 <= len(found) < 20
    total = 0
    while found:
        total += await forward.acknowledge(city, "up", [one.qn for one in found], NOW)
        while await take(city, owners):
            pass
        found = await forward.waiting(city, "up", 0, 1000)
    assert total == 60


async def test_a_lost_transaction_leaves_position_and_items_as_they_were(
    city: Connection,
) -> None:
    await feed(city, range(5))

    def broken(_row: Row) -> tuple[Item, ...]:
        raise RuntimeError("no item")

    with pytest.raises(RuntimeError):
        await forward.take(city, "up", 1, {"fake:E1-p"}, broken, MS)
    await take(city, {"fake:E1-p"})
    assert len(await forward.waiting(city, "up", 0, 100)) == 5


async def test_one_forwards_at_a_time(city: Connection, store_dsn: str) -> None:
    other = await connect(store_dsn, name="other")
    assert await forward.hold(other, "up")
    assert not await forward.hold(city, "up")
    assert await forward.hold(city, "another")
    with pytest.raises(StorageError, match="up is forwarded to now"):
        await forward.forget(city, "up")
    await other.execute("SELECT pg_advisory_unlock_all()")
    assert (await forward.forget(city, "up"), await forward.forget(city, "up")) == (0, None)
    assert await forward.read_forwarded(city) == []
    await other.close()
    await city.execute("SELECT pg_advisory_unlock_all()")


def platform_at(peer: FakePlatform, **changes: Any) -> Platform:
    fields: dict[str, Any] = {
        "address": f"127.0.0.1:{peer.port}",
        "enterprises": ["E1"],
        "password_file": "up_password",
        # A busy machine is no platform that is silent.
        "overtime_s": 60,
        "retries": 1,
        "per_second": 5_000,
    }
    return Platform(**(fields | changes))


@contextlib.asynccontextmanager
async def forwarding(dsn: str, folder: Path, platform: Platform) -> AsyncIterator[None]:
    (folder / "up_password").write_text(PASSWORD)
    forwarder = Forwarder("up", platform, ForwardPlace(dsn, folder, 1), first_pause_s=0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(forwarder.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(store: Connection, done: Callable[[forward.Forwarded], bool]) -> forward.Forwarded:
    async with asyncio.timeout(60):
        while True:
            (state,) = await forward.read_forwarded(store)
            if done(state):
                return state
            await asyncio.sleep(0.02)


async def test_everything_reaches_the_platform_in_order(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    count = await feed(city, range(20))
    async with forwarding(store_dsn, tmp_path, platform_at(peer, mn={"fake:E1-p": "UP1"})):
        state = await until(city, lambda state: state.acknowledged == count)
    assert (state.waiting, state.sent, state.repeated, state.trouble) == (0, count, 0, "")
    assert state.acknowledged_at is not None
    heard = [said(frame) for frame in peer.frames]
    assert {meter for meter, _ in heard} == {"UP1", "E1t"}
    assert [at for _, at in heard] == sorted(at for _, at in heard)
    assert len({qn_in(frame) for frame in peer.frames}) == count
    assert all(f"PW={PASSWORD};".encode() in frame for frame in peer.frames)
    kept = await city.fetchval(
        "SELECT count(*) FROM forward_item WHERE data LIKE '%' || $1", PASSWORD
    )
    assert kept == 0


async def pollutants(store: Connection, period: str, at: datetime, codes: list[str]) -> None:
    """Store a row of factors of the first firm's production unit, in the step of its minute."""
    day, step = us_of(at) // DAY, step_of(FedRow("E1-p", us_of(at), us_of(at), 0.0))
    await Partitions(0).ensure(store, "factor", {day})
    await store.execute(
        "WITH l AS (INSERT INTO factor_layout (codes, digest, first_meter, first_at)"
        " SELECT $4::text[], sha256($4::text[]::text::bytea), id, now() FROM meter"
        " WHERE address = 'E1-p' RETURNING id)"
        " INSERT INTO factor (meter, step, at, received_at, layout, quality, period, channel,"
        " amounts, flags) SELECT m.id, $2, $3, $3, l.id, 0, $1::text::\"char\", '', $5, NULL"
        " FROM meter AS m, l WHERE m.address = 'E1-p'",
        *(period, step, at, codes, [float(number) for number, _ in enumerate(codes, 1)]),
    )
    await note_parts(store, 0, {(step, partition_name("factor", day)): 1})


async def test_hours_days_and_pollutants_are_acknowledged_as_everything_else(
    store: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    registry = small_city(FIRMS)
    registry.put("outlet", Outlet(id="o", enterprise="E1", name="stack"))
    for code in ("a34004", "w01018"):
        point = Point(
            id=code, meter="fake:E1-p", valid_from=LONG_AGO, factor=code, outlet="o",
            measures="pollutant",
        )  # fmt: skip
        registry.put("point", point)
    await register(store, registry)
    await forward.begin(store, "up", 1)
    [*rows] = readings(["E1"], range(3), lambda _firm, part, _minute: 0.8 if part == "p" else None)
    await store_rows(store, rows)
    ats = [moment_of(row.at) for row in rows]
    change = 'UPDATE reading SET period = $1::text::"char" WHERE at = $2'
    for period, at in zip("mhd", ats, strict=True):
        await store.execute(change, period, at)
    # One joins the reading of its frame, one stands alone.
    await pollutants(store, "d", ats[2], ["a34004", "w01018-Avg", "w01018-Max"])
    await pollutants(store, "h", ats[2], ["a34004-Avg"])
    await store_ticks(store, 4)
    async with forwarding(store_dsn, tmp_path, platform_at(peer)):
        state = await until(store, lambda state: state.acknowledged == 4)
    assert (state.waiting, state.silent, state.trouble) == (0, 0, "")
    heard = [CODEC.read(frame, default_profile) for frame in peer.frames]
    told = {(one.fields["CN"], *sorted(set(one.fields["CP"]) - {"DataTime"})) for one in heard}
    assert {names[0] for names in told} == {"2051", "2061", "2031"}
    assert ("2061", "a34004") in told
    (day,) = [one for one in heard if one.fields["CN"] == "2031"]
    assert day.fields["CP"]["w01018"] == {"Avg": "2", "Max": "3", "Flag": "N"}
    assert {"d10001", "a34004"} <= set(day.fields["CP"])
    assert day.at == ats[2].replace(microsecond=0)


async def test_what_a_platform_did_not_answer_comes_again_under_the_same_qn(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    hung_up = list[str]()

    def behave(_qn: str, before: list[str]) -> str:
        if len(hung_up) < 3 and len(before) == 5:
            hung_up.append(before[-1])
            return "hang up"
        return "answer" if len(before) % 2 == 0 or len(hung_up) == 3 else "nothing"

    peer.behave = behave
    count = await feed(city, range(30))
    async with forwarding(store_dsn, tmp_path, platform_at(peer, overtime_s=0.3)):
        state = await until(city, lambda state: state.acknowledged == count)
    assert state.repeated > 0
    assert len(peer.connections) >= 4
    by_qn: dict[str, set[bytes]] = {}
    for frame in peer.frames:
        by_qn.setdefault(qn_in(frame), set()).add(frame)
    # Whatever came twice is the same, byte for byte; and nothing is missing.
    assert {len(frames) for frames in by_qn.values()} == {1}
    assert len(by_qn) == count == len({said(frame) for frame in peer.frames})
    for connection in peer.connections:
        assert [qn_in(frame) for frame in connection] == sorted(map(qn_in, connection))


async def test_a_silent_platform_gets_everything_again_on_the_line_and_then_on_another(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    peer.behave = lambda _qn, _before: "nothing"
    count = await feed(city, range(2))
    async with forwarding(store_dsn, tmp_path, platform_at(peer, overtime_s=0.05)):
        state = await until(city, lambda state: "no answer to" in state.trouble)
        assert state.trouble_at is not None
        first = [qn_in(frame) for frame in peer.connections[0]]
        assert first == first[:count] * 2
        peer.behave = answer_all
        state = await until(city, lambda state: state.acknowledged == count)
    assert state.repeated >= count
    assert len({qn_in(frame) for frame in peer.frames}) == count


async def test_what_a_platform_never_takes_is_set_aside_and_the_rest_goes_on(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    count = await feed(city, range(6))
    poison = list[str]()

    def behave(qn: str, before: list[str]) -> str:
        if not poison and len(before) == 2:
            poison.append(qn)
        return "nothing" if qn in poison else "answer"

    peer.behave = behave
    async with forwarding(store_dsn, tmp_path, platform_at(peer, overtime_s=0.1)):
        state = await until(city, lambda state: state.aside == 1 and not state.waiting)
        assert state.acknowledged == count - 1
        sent = [qn_in(frame) for frame in peer.frames]
        assert sent.count(poison[0]) >= ASIDE_TRIES
        peer.behave = answer_all
        assert await forward.take_back(city, "up") == 1
        await until(city, lambda state: state.acknowledged == count)


async def test_meters_that_a_platform_does_not_know_keep_nobody_else_waiting(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    count = await feed(city, range(4))

    def behave(qn: str, _before: list[str]) -> str:
        frame = next(one for one in reversed(peer.frames) if qn_in(one) == qn)
        return "answer" if said(frame)[0] == "E1t" else "nothing"

    peer.behave = behave
    platform = platform_at(peer, overtime_s=0.05, window=1)
    async with forwarding(store_dsn, tmp_path, platform):
        # Behind the last of them comes nothing by which the platform would show that it is there.
        state = await until(
            city, lambda state: state.acknowledged == count // 2 and state.waiting <= 1
        )
        found = await forward.aside(city, "up", 0, 100)
        assert {one.item.mn for one in found} == {"E1p"}
        assert len(found) == state.aside == count // 2 - state.waiting
        assert found[0].tries >= ASIDE_TRIES > found[-1].tries


async def test_a_platform_that_takes_nothing_has_nothing_set_aside(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    peer.behave = lambda _qn, _before: "nothing"
    await feed(city, range(2))
    platform = platform_at(peer, overtime_s=0.02, window=1)
    async with forwarding(store_dsn, tmp_path, platform):
        state = await until(city, lambda state: state.sent >= 2 * ASIDE_TRIES + 4)
    assert state.aside == 0
    assert (await forward.waiting(city, "up", 0, 1))[0].tries >= ASIDE_TRIES
    # Each meter has its turn on a line of its own.
    assert {said(frame)[0] for frame in peer.frames} == {"E1p", "E1t"}


async def test_of_what_is_aside_the_oldest_is_let_go_and_counted(
    city: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "MOST_ASIDE", 3)
    await feed(city, range(5))
    await take(city, {"fake:E1-p"})
    owed = [one.qn for one in await forward.waiting(city, "up", 0, 100)]
    await forward.set_aside(city, "up", owed[:2])
    await forward.set_aside(city, "up", owed[2:4])
    assert [one.qn for one in await forward.aside(city, "up", 0, 100)] == owed[1:4]
    (state,) = await forward.read_forwarded(city)
    assert (state.waiting, state.aside, state.let_go) == (1, 3, 1)
    assert await forward.aside(city, "up", owed[3], 100) == []


async def test_a_platform_that_refuses_is_asked_again_and_says_why(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    count = await feed(city, range(2))
    (tmp_path / "up_password").write_text("a;b")
    async with forwarding(store_dsn, tmp_path, platform_at(peer)):
        (tmp_path / "up_password").unlink()
        await until(city, lambda state: "up_password" in state.trouble)
        (tmp_path / "up_password").write_text("a;b")
        await until(city, lambda state: "PW of an upload" in state.trouble)
        (tmp_path / "up_password").write_text(PASSWORD)
        await until(city, lambda state: state.acknowledged == count)


async def test_a_platform_that_is_away_is_owed_until_it_is_back(
    city: Connection, store_dsn: str, tmp_path: Path, peer: FakePlatform
) -> None:
    count = await feed(city, range(3))
    await peer.close()
    async with forwarding(store_dsn, tmp_path, platform_at(peer)):
        state = await until(city, lambda state: "not reached" in state.trouble)
        assert (state.waiting, state.sent) == (count, 0)
        await peer.listen()
        state = await until(city, lambda state: state.acknowledged == count)
    assert state.repeated == 0
