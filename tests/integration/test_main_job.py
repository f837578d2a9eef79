"""The main job on real input: frames over TCP become exactly the rows they should become."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import pytest
from tests.integration.expected import FILES, Expected, expectation, single
from tests.integration.system import PATIENCE_S, Said, System, eventually, profiles_taken
from tests.integration.wire import (
    ACREL_UPLOAD_ACK,
    CHINA,
    acrel_upload,
    hj212,
    hj212_encrypted,
    hj212_realtime,
    qn_of,
    say,
)

pytestmark = pytest.mark.integration

MADE_KEY: Final = "00112233445566778899aabbccddeeff"
WRONG_KEY: Final = MADE_KEY[::-1]
HJ212_ANSWER_BYTES: Final = 83  # 9014 to an address of eight letters
NOISE_KEPT_BYTES: Final = 4096  # of a connection's bytes that no framer accepts
SEALED_FRAMES: Final = 40
COUNTS: Final = ("acked", "unanswered", "refused", "silent", "unexpected")
RETENTION: Final = timedelta(days=400)
READINGS: Final = (
    "SELECT m.address, r.*, r.period::text AS span, r.tableoid::regclass::text AS partition"
    " FROM reading AS r JOIN meter AS m ON m.id = r.meter WHERE m.address = ANY($1)"
    " ORDER BY m.address, r.at"
)
FACTORS: Final = (
    "SELECT m.address, f.*, f.period::text AS span, l.codes,"
    " f.tableoid::regclass::text AS partition FROM factor AS f"
    " JOIN meter AS m ON m.id = f.meter JOIN factor_layout AS l ON l.id = f.layout"
    " WHERE m.address = ANY($1) ORDER BY m.address, f.at, f.layout"
)
KEY_COLUMNS: Final = {
    *("address", "meter", "step", "at", "received_at", "quality", "period", "span", "channel"),
    "partition",
}


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System() as system:
        yield system


def replay(system: System) -> dict[str, Any]:
    host, port = system.target
    said: Said = system.run("replay", *FILES, "--to", f"{host}:{port}", "--json")
    return said.rows[0]


def quality_of(row: asyncpg.Record) -> int:
    """What can be said against a row's time, from the two times alone."""
    lead = row["at"] - row["received_at"]
    bits: int = 2 * (lead > timedelta(minutes=5)) + 4 * (-lead > RETENTION)
    first = (row["received_at"] - RETENTION).date()
    last = (row["received_at"] + timedelta(days=2)).date()
    strays = not first <= row["at"].date() <= last
    return bits + 16 * strays


def partition_of(table: str, row: asyncpg.Record) -> str:
    return f"{table}_default" if row["quality"] & 16 else f"{table}_{row['at']:%Y%m%d}"


def hold_readings(rows: list[asyncpg.Record], expected: Expected, times: int) -> None:
    """A row each, but one for each time of sending where the frame has no clock."""
    found = defaultdict(list)
    for row in rows:
        clockless = bool(row["quality"] & 1)
        assert row["quality"] == quality_of(row) + clockless, row
        assert row["partition"] == partition_of("reading", row), row
        at = None if clockless else row["at"]
        values = {
            name: value
            for name, value in row.items()
            if name not in KEY_COLUMNS and value is not None
        }
        found[row["address"], row["channel"], row["span"], at].append(values)
    wanted = {
        key: [{name: single(v) if isinstance(v, float) else v for name, v in values.items()}]
        * (times if key[3] is None else 1)
        for key, values in expected.readings.items()
    }
    assert found == wanted


def hold_factors(rows: list[asyncpg.Record], expected: Expected) -> None:
    found = {}
    for row in rows:
        assert row["quality"] == quality_of(row), row
        assert row["partition"] == partition_of("factor", row), row
        key = (row["address"], row["channel"], row["span"], row["at"])
        flags = row["flags"] or " " * len(row["codes"])
        found[key, tuple(row["codes"])] = (list(row["amounts"]), flags)
    assert found == expected.factors


async def hold_quarantine(system: System, expected: Expected, times: int) -> None:
    """Sound frames that mean nothing, each by itself; noise as the connection sent it.

    What came again is counted on the row of the first.
    """

    async def rows() -> list[asyncpg.Record]:
        return await system.fetch(
            "SELECT * FROM quarantine WHERE peer LIKE '127.0.0.1:%' ORDER BY shard, sequence, frame"
        )

    def undecodable(held: list[asyncpg.Record]) -> list[tuple[str, bytes]]:
        sound = [row for row in held if row["kind"] == "decode"]
        return sorted((row["codec"], row["raw"]) for row in sound for _ in range(row["times"]))

    def noise(held: list[asyncpg.Record]) -> list[bytes]:
        sent: dict[str, bytes] = defaultdict(bytes)
        for row in held:
            if row["kind"] == "unknown":
                sent[row["peer"]] += row["raw"]
        return sorted(raw.rstrip(b"\r\n") for raw in sent.values())

    wanted = sorted(expected.undecodable * times)
    held = await eventually(rows, lambda held: len(undecodable(held)) >= len(wanted))
    assert undecodable(held) == wanted
    assert len([row for row in held if row["kind"] == "decode"]) == len(set(wanted))
    if times == 1:
        # The second time it may be cut at other places, and then is not the same again.
        noises = set(expected.noise)
        held = await eventually(rows, lambda held: len(noise(held)) >= len(noises))
        assert noise(held) == sorted(noises)


async def test_published_frames_become_the_rows_that_a_second_reading_gives(
    system: System,
) -> None:
    expected = expectation()
    for address, key in expected.keys.items():
        await give_key(system, f"hj212:{address}", key)
    for times in (1, 2):
        before = datetime.now(UTC)
        summary = replay(system)
        told = {name: summary[name] for name in COUNTS}
        assert told == {
            "acked": expected.answered,
            "unanswered": 0,
            "refused": 0,
            "silent": expected.silent,
            "unexpected": 0,
        }
        await hold_quarantine(system, expected, times)
        names = sorted(expected.meters)
        count = sum(times if at is None else 1 for *_, at in expected.readings)
        readings = await stored(system, READINGS, names, count)
        factors = await stored(system, FACTORS, names, len(expected.factors))
        hold_readings(readings, expected, times)
        hold_factors(factors, expected)
        if times == 1:
            rows = [row for row in (*readings, *factors) if not row["quality"] & 1]
            assert all(before <= row["received_at"] <= datetime.now(UTC) for row in rows)
    again = [row for row in (*readings, *factors) if not row["quality"] & 1]
    assert again == rows
    assert await system.value("SELECT count(*) FROM revision") == 0
    enrolled = await system.fetch(
        "SELECT address FROM meter WHERE state = 'unconfirmed' AND enrolled_from = '127.0.0.1'"
    )
    assert {row["address"] for row in enrolled} == expected.meters - set(expected.keys)


async def stored(system: System, query: str, names: list[str], count: int) -> list[asyncpg.Record]:
    """Wait for as many rows as must be; what follows says which are missing or too many."""
    with contextlib.suppress(AssertionError):
        await eventually(lambda: system.fetch(query, names), lambda rows: len(rows) >= count)
    return await system.fetch(query, names)


async def give_key(system: System, meter: str, digits: str) -> None:
    """Register a meter with its key, and wait until gateway and writer have taken the change."""
    system.call("meters", "add", meter)
    system.call("meters", "set", meter, "--key-from-stdin", said=digits)
    await profiles_taken(system)


async def test_two_meters_under_one_id_do_not_kick_each_other_out_for_ever(system: System) -> None:
    upload = len(ACREL_UPLOAD_ACK)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    links = []
    # The newcomer wins three times; then the older one, from .3, stays.
    for number, last in enumerate((2, 3, 2, 3, 2, 2)):
        source = f"127.0.0.{last}"
        reader, writer = await asyncio.open_connection(*system.target, local_addr=(source, 0))
        links.append((reader, writer))
        writer.write(acrel_upload("TWINS", now + timedelta(seconds=number), number))
        async with asyncio.timeout(PATIENCE_S):
            if number < 4:
                assert await reader.readexactly(upload) == ACREL_UPLOAD_ACK
                for older, _ in links[:-1]:
                    assert await older.read() == b""
            else:
                assert await reader.read() == b""
    reader, writer = links[3]
    writer.write(acrel_upload("TWINS", now + timedelta(seconds=9), 9))
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readexactly(upload) == ACREL_UPLOAD_ACK
    for _, writer in links:
        writer.close()

    async def events() -> dict[str, int]:
        rows = await system.fetch(
            "SELECT what || ': ' || reason AS event, count(*) AS times FROM session_event"
            " WHERE identity = 'TWINS' AND what IN ('close', 'duplicate_id') AND reason <> ''"
            " GROUP BY event"
        )
        return {row["event"].partition(" 127.")[0]: row["times"] for row in rows}

    await eventually(
        events,
        lambda found: (
            found
            == {
                "close: taken over by the same meter": 3,
                "close: another peer uses the same id": 2,
                "duplicate_id:": 1,
            }
        ),
    )


async def test_a_clock_a_year_ahead_is_kept_flagged_and_holds_nobody_up(system: System) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ahead = now + timedelta(days=365)
    frames = acrel_upload("FUTURE", ahead, 1) + acrel_upload("FUTURE", now, 2)
    await say(system.target, "127.0.0.4", frames, 2 * len(ACREL_UPLOAD_ACK))
    await say(system.target, "127.0.0.5", acrel_upload("PRESENT", now, 3), len(ACREL_UPLOAD_ACK))

    async def rows() -> list[asyncpg.Record]:
        return await system.fetch(READINGS, ["FUTURE", "PRESENT"])

    found = await eventually(rows, lambda rows: len(rows) == 3)
    told = {(row["address"], row["at"]): (row["quality"], row["partition"]) for row in found}
    today = f"reading_{now:%Y%m%d}"
    assert told == {
        ("FUTURE", ahead): (2 + 16, "reading_default"),
        ("FUTURE", now): (0, today),
        ("PRESENT", now): (0, today),
    }


async def test_frames_that_could_not_be_decrypted_are_read_once_the_key_is_there(
    system: System,
) -> None:
    address, at = "SM4LATER", datetime.now(UTC).replace(second=0, microsecond=0)
    plain = hj212_realtime(address, 1, at, "w01018-Rtd=1")
    minutes = [at - timedelta(minutes=back) for back in range(1, SEALED_FRAMES + 1)]
    sealed = [
        hj212_encrypted(
            address,
            number,
            f"DataTime={minute.astimezone(CHINA):%Y%m%d%H%M%S};a01011-Avg=1.35,a01011-Flag=N",
            bytes.fromhex(MADE_KEY),
        )
        for number, minute in enumerate(minutes, 2)
    ]
    assert sum(map(len, sealed)) > NOISE_KEPT_BYTES
    sent = b"".join([plain, *sealed, plain])
    answer = await say(system.target, "127.0.0.6", sent, 2 * HJ212_ANSWER_BYTES)
    assert answer.count(qn_of(1).encode()) == answer.count(b"CN=9014") == 2

    async def held() -> list[asyncpg.Record]:
        return await system.fetch(
            "SELECT * FROM quarantine WHERE state = 'open' AND peer LIKE '127.0.0.6:%'"
        )

    async def decrypted() -> list[asyncpg.Record]:
        rows = await system.fetch(FACTORS, [address])
        return [row for row in rows if row["span"] == "m"]

    waiting = await eventually(held, lambda rows: len(rows) >= len(sealed))
    assert {row["raw"] for row in waiting} == set(sealed)
    assert {(row["codec"], row["kind"]) for row in waiting} == {("hj212", "decode")}
    assert all(f"the key of {address} is not known" in row["message"] for row in waiting)
    system.call("meters", "set", f"hj212:{address}", "--key-from-stdin", said=WRONG_KEY)
    system.call("quarantine", "retry", "--meter", f"hj212:{address}")
    assert len(await held()) == len(sealed)
    [file] = (system.data / "secrets").glob(f"*{address}*")
    file.write_text(MADE_KEY)
    assert await decrypted() == []
    system.call("quarantine", "retry", "--meter", f"hj212:{address}")
    assert await held() == []
    found = await decrypted()
    assert [row["at"] for row in found] == minutes[::-1]
    assert {(*row["codes"], *row["amounts"]) for row in found} == {("a01011-Avg", single(1.35))}


async def test_parts_of_a_split_packet_are_joined_however_far_apart_they_come(
    system: System,
) -> None:
    address, at = "SPLITS12", datetime.now(UTC).replace(second=0, microsecond=0)
    time = f"DataTime={at.astimezone(CHINA):%Y%m%d%H%M%S}"
    pieces = (f"{time};a01011-Avg=1.5,a01011-Flag=N;a01012-Avg=2", "0.5,a01012-Flag=D;a01013-Avg=3")
    head = f"QN={qn_of(1)};ST=31;CN=2051;PW=123456;MN={address};Flag=7;PNUM=2;PNO="
    reader, writer = await asyncio.open_connection(*system.target, local_addr=("127.0.0.7", 0))

    async def rows() -> list[asyncpg.Record]:
        return await system.fetch(FACTORS, [address])

    async def count() -> int:
        return len(await rows())

    for number, piece in enumerate(pieces, 1):
        writer.write(hj212(f"{head}{number};CP=&&{piece}&&".encode()))
        async with asyncio.timeout(PATIENCE_S):
            assert b"CN=9014" in await reader.readexactly(HJ212_ANSWER_BYTES)
        await eventually(count, number.__eq__)
    writer.close()
    found = {tuple(row["codes"]): row for row in await rows()}
    values = {codes: (list(row["amounts"]), row["flags"]) for codes, row in found.items()}
    assert values == {
        ("a01011-Avg",): ([1.5], "N"),
        ("a01012-Avg", "a01013-Avg"): ([20.5, 3.0], "D "),
    }
    assert {(row["at"], row["span"], row["quality"]) for row in found.values()} == {(at, "m", 0)}
