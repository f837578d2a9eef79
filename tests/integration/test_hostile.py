"""What a meter port on the open internet is sent, and that meters notice nothing of it."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import pytest
from tests.integration.fleet import Acrel, Fleet, Manner, Meter
from tests.integration.system import System, eventually
from tests.integration.wire import (
    ACREL_LOGIN_ACK,
    ACREL_UPLOAD_ACK,
    CHINA,
    acrel_block,
    acrel_login,
    acrel_section,
    acrel_upload,
    hj212,
    hj212_realtime,
    qn_of,
)

pytestmark = pytest.mark.integration

PRE_LOGIN_S: Final = 3.0
PARTIAL_FRAME_S: Final = 1.5
SWEEP_S: Final = 1.0  # deadlines are looked at once a second
MARGIN_S: Final = 60.0  # for a machine that has other things to do
# Their answers take milliseconds, on a machine with other things to do seconds; a gateway that
# looks at a megabyte again for each of its bytes takes hours.
NEIGHBOUR_LIMIT_S: Final = 30.0
MOST_OF_ONE_PEER: Final = 20
NOISE_BEFORE_LOGIN: Final = 4096
NOISE_AFTER_LOGIN: Final = 65_536
MEGABYTE: Final = 1_000_000
NOW: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
FACTOR: Final = "w01018-Rtd=1.5"


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    settings = {
        "GATEWAY__PRE_LOGIN_S": str(PRE_LOGIN_S),
        "GATEWAY__PARTIAL_FRAME_S": str(PARTIAL_FRAME_S),
        "GATEWAY__MAX_SESSIONS_PER_PEER": str(MOST_OF_ONE_PEER),
        "GATEWAY__NOISE_BEFORE_LOGIN_BYTES": str(NOISE_BEFORE_LOGIN),
        "GATEWAY__NOISE_BYTES": str(NOISE_AFTER_LOGIN),
    }
    with System(settings=settings) as system:
        yield system


SOURCES: Final = itertools.count(1)


@pytest.fixture
def source() -> str:
    """An address that no other test dials in from."""
    return f"127.0.1.{next(SOURCES)}"


@pytest.fixture(autouse=True)
async def neighbours(system: System) -> AsyncIterator[None]:
    """Meters on the same port, all of whose frames are answered at once meanwhile."""
    fleet = Fleet()
    manner = Manner(window=1, pause_s=0.02, patience_s=2 * NEIGHBOUR_LIMIT_S)

    def meter(number: int) -> Meter:
        address, source = f"NEIGHBOUR{number}", f"127.0.2.{number}"
        return Meter(Acrel(NOW), address, system.target, source, manner, number)

    fleet.add(manner, meter, range(1, 4))
    async with fleet:
        yield
        await fleet.finish(MARGIN_S)
    for meter_ in fleet.meters:
        assert meter_.acked
        assert not meter_.resent, "a neighbour lost its connection"
        assert max(meter_.latencies_s) < NEIGHBOUR_LIMIT_S, "a neighbour had to wait"


class Peer:
    """A plain connection to the meter port, from an address of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def hear(self, size: int, within_s: float = MARGIN_S) -> bytes:
        """The next bytes; fails when they do not come."""
        async with asyncio.timeout(within_s):
            return await self._reader.readexactly(size)

    async def answer(self, within_s: float = MARGIN_S) -> bytes:
        """The next line."""
        async with asyncio.timeout(within_s):
            return await self._reader.readline()

    async def until_closed(self, within_s: float) -> bytes:
        """What is said until the port hangs up; fails when it does not."""
        async with asyncio.timeout(within_s):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def peer(system: System, source: str) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(*system.target, local_addr=(source, 0))
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


async def seen(system: System, source: str, reason: str) -> list[asyncpg.Record]:
    """Wait until connections from an address ended for a reason; return those events."""

    async def events() -> list[asyncpg.Record]:
        return await system.fetch(
            "SELECT what, reason FROM session_event WHERE peer LIKE $1 || ':%' AND reason = $2",
            source,
            reason,
        )

    return await eventually(events)


async def held(system: System, source: str, size: int = 1) -> list[asyncpg.Record]:
    """Wait until so many bytes from an address are in quarantine; return them in order."""

    async def rows() -> list[asyncpg.Record]:
        return await system.fetch(
            "SELECT * FROM quarantine WHERE peer LIKE $1 || ':%' ORDER BY id", source
        )

    return await eventually(rows, lambda found: sum(len(row["raw"]) for row in found) >= size)


async def becomes_rows(system: System, table: str, address: str, count: int) -> None:
    """Wait until a meter has so many rows: what was refused may be stored before them."""

    async def rows() -> int:
        found: int = await system.value(
            f"SELECT count(*) FROM {table} AS r JOIN meter AS m ON m.id = r.meter"  # noqa: S608  ours
            " WHERE m.address = $1",
            address,
        )
        return found

    await eventually(rows, lambda found: found == count)


async def test_half_a_frame_then_silence_is_closed_at_the_deadline(
    system: System, source: str
) -> None:
    half = acrel_upload("HALF", NOW, 1)[:60]
    async with peer(system, source) as meter:
        meter.send(half)
        began = asyncio.get_running_loop().time()
        assert await meter.until_closed(PRE_LOGIN_S + SWEEP_S + MARGIN_S) == b""
        assert asyncio.get_running_loop().time() - began > PRE_LOGIN_S / 2
    assert await seen(system, source, "no login before the deadline")
    found = await held(system, source, len(half))
    assert b"".join(row["raw"] for row in found) == half
    assert {(row["codec"], row["kind"]) for row in found} == {("unknown", "unknown")}


async def test_bytes_one_by_one_do_not_move_the_deadline(system: System, source: str) -> None:
    async with peer(system, source) as meter:
        closed = asyncio.create_task(meter.until_closed(PRE_LOGIN_S + SWEEP_S + MARGIN_S))
        for byte in acrel_upload("DRIP", NOW, 1):
            meter.send(bytes([byte]))
            await asyncio.wait([closed], timeout=0.1)
            if closed.done():
                break
        assert await closed == b""
    assert await seen(system, source, "no login before the deadline")


async def test_half_a_frame_and_a_hang_up_leave_the_bytes_in_quarantine(
    system: System, source: str
) -> None:
    half = acrel_upload("GONE", NOW, 1)[:60]
    async with peer(system, source) as meter:
        meter.send(half)
        await asyncio.sleep(0.1)
    found = await held(system, source, len(half))
    assert b"".join(row["raw"] for row in found) == half


async def test_a_good_frame_inside_one_that_never_ends_is_answered(
    system: System, source: str
) -> None:
    first, inner, last = (
        hj212_realtime("INNER", number, NOW + timedelta(seconds=number), FACTOR)
        for number in range(3)
    )
    outer = b"##0900QN=20261122000000000;ST=22;CN=2011;"
    async with peer(system, source) as meter:
        for frame, number, within_s in (
            (first, 0, MARGIN_S),
            (outer + inner, 1, PARTIAL_FRAME_S + SWEEP_S + MARGIN_S),
            (last, 2, MARGIN_S),
        ):
            meter.send(frame)
            assert f"QN={qn_of(number)};".encode() in await meter.answer(within_s)
    found = await held(system, source)
    assert [(row["raw"], row["kind"]) for row in found] == [(outer, "unknown")]
    await becomes_rows(system, "factor", "INNER", 3)


@pytest.mark.parametrize("when", ["after login", "first of all"])
async def test_a_length_field_of_9999_costs_no_other_frame(
    system: System, source: str, when: str
) -> None:
    login = when == "after login"
    address = f"LENGTH{login:d}"
    long = b"##9999QN=20261122000000000;ST=22;CN=2011;CP=&&DataTime=20261122000000&&ABCD\r\n"
    good = [hj212_realtime(address, n, NOW + timedelta(seconds=n), FACTOR) for n in range(2)]
    async with peer(system, source) as meter:
        if login:
            meter.send(good[0])
            assert f"QN={qn_of(0)};".encode() in await meter.answer()
        meter.send(long + good[1])
        assert f"QN={qn_of(1)};".encode() in await meter.answer()
    found = await held(system, source, len(long.rstrip()))
    assert b"".join(row["raw"] for row in found).rstrip() == long.rstrip()
    await becomes_rows(system, "factor", address, 1 + login)


@pytest.mark.parametrize(
    "unit",
    [b"\0", b"{{\x91", b"##0999", b"{{\x91[[1-1((}}", random.Random(212).randbytes(997)],
    ids=["zeros", "heads of Acrel", "heads of HJ 212", "heads and tails", "random bytes"],
)
@pytest.mark.parametrize("when", ["after login", "first of all"])
async def test_a_megabyte_without_a_frame_is_cut_short(
    system: System, source: str, unit: bytes, when: str
) -> None:
    login = when == "after login"
    credit = NOISE_AFTER_LOGIN if login else NOISE_BEFORE_LOGIN
    async with peer(system, source) as meter:
        if login:
            meter.send(acrel_login("NOISY"))
            assert await meter.hear(len(ACREL_LOGIN_ACK)) == ACREL_LOGIN_ACK
        meter.send((unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE])
        assert await meter.until_closed(MARGIN_S) == b""
    assert await seen(system, source, f"more than {credit} bytes without a frame")
    found = await held(system, source)
    assert 0 < sum(len(row["raw"]) for row in found) <= NOISE_BEFORE_LOGIN


FOREIGN: Final = {
    "TLS ClientHello": bytes.fromhex("16030100C5010000C10303") + bytes(range(190)),
    "HTTP request": b"GET /login HTTP/1.1\r\nHost: 203.0.113.9:10212\r\nUser-Agent: zgrab\r\n\r\n",
    "RDP connection request": bytes.fromhex("0300002F2AE00000000000")
    + b"Cookie: mstshash=Administr\r\n\x01\x00\x08\x00\x03\x00\x00\x00",
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_other_protocols_are_named_and_closed_at_once(
    system: System, source: str, name: str
) -> None:
    async with peer(system, source) as scanner:
        scanner.send(FOREIGN[name])
        assert await scanner.until_closed(MARGIN_S) == b""
    assert await seen(system, source, f"{name} on the meter port")
    found = await held(system, source, len(FOREIGN[name]))
    assert b"".join(row["raw"] for row in found) == FOREIGN[name]
    assert {row["message"] for row in found} == {f"{name} on the meter port"}


def month_13() -> bytes:
    block = bytearray(acrel_block(NOW.astimezone(CHINA), 1))
    block[81] = 13
    return acrel_section("MONTH13", bytes(block))


async def test_an_acrel_frame_of_month_13_is_answered_and_waits(
    system: System, source: str
) -> None:
    async with peer(system, source) as meter:
        meter.send(month_13() + acrel_upload("MONTH13", NOW, 1))
        both = await meter.hear(2 * len(ACREL_UPLOAD_ACK))
    assert both == 2 * ACREL_UPLOAD_ACK
    [row] = await held(system, source)
    assert (row["codec"], row["kind"], row["raw"]) == ("acrel", "decode", month_13())
    await becomes_rows(system, "reading", "MONTH13", 1)


async def test_an_hj212_frame_of_month_13_is_answered_and_waits(
    system: System, source: str
) -> None:
    segment = f"QN={qn_of(1)};ST=22;CN=2011;PW=123456;MN=MONTH13HJ;Flag=5;CP=&&"
    wrong = hj212(f"{segment}DataTime=20261322000000;{FACTOR}&&".encode())
    async with peer(system, source) as meter:
        meter.send(wrong)
        assert f"QN={qn_of(1)};".encode() in await meter.answer()
        meter.send(hj212_realtime("MONTH13HJ", 2, NOW, FACTOR))
        assert f"QN={qn_of(2)};".encode() in await meter.answer()
    [row] = await held(system, source)
    assert (row["codec"], row["kind"], row["raw"]) == ("hj212", "decode", wrong)
    await becomes_rows(system, "factor", "MONTH13HJ", 1)


async def test_one_peer_cannot_open_more_connections_than_its_share(
    system: System, source: str
) -> None:
    async def logs_in(number: int) -> bool:
        opening = peer(system, source)
        meter = await opening.__aenter__()
        open_now.append(opening)
        meter.send(acrel_login(f"FLOOD{number}"))
        try:
            return await meter.hear(len(ACREL_LOGIN_ACK)) == ACREL_LOGIN_ACK
        except (ConnectionError, asyncio.IncompleteReadError):
            return False

    surplus = 10
    open_now: list[AbstractAsyncContextManager[Peer]] = []
    admitted = [await logs_in(number) for number in range(MOST_OF_ONE_PEER + surplus)]
    assert admitted == [True] * MOST_OF_ONE_PEER + [False] * surplus

    async def told() -> bool:
        return "refused: max_sessions_per_peer" in system.log.read_text()

    await eventually(told)
    await open_now[0].__aexit__(None, None, None)
    assert await eventually(lambda: logs_in(0))
    for opening in open_now[1:]:
        await opening.__aexit__(None, None, None)
