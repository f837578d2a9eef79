"""Meters of two firms and of nobody, in the store of the console's tests."""

import asyncio
from datetime import timedelta
from typing import Final

import asyncpg
import pytest
from tests.console.conftest import City
from tests.storage.acting.two_firms import NOW

# Nobody speaks so.
STRANGE: Final = bytes.fromhex("deadbeef00ff")


@pytest.fixture(scope="module")
def metered(city: City) -> str:
    """The store with a meter of each firm and one of nobody's, and a frame in quarantine."""
    city.fill()
    asyncio.run(_fill(city.dsn))
    return city.dsn


async def _fill(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    for table in ("meter", "reading", "collected_hour", "session_event", "quarantine"):
        await connection.execute(f"DELETE FROM {table}")  # noqa: S608  names above
    for address, unit in (("E1-meter", "U1"), ("E2-meter", "U9")):
        await connection.execute(
            "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
            " SELECT 'point', $1, 1, jsonb_build_object('meter', 'acrel:' || $1, 'unit', $2::text,"
            " 'valid_from', '2026-01-01T00:00:00Z'), FALSE, max(id) FROM decision",
            address,
            unit,
        )
    await connection.execute(
        "INSERT INTO meter (id, codec, address, state, enrolled_at) OVERRIDING SYSTEM VALUE VALUES"
        " (1, 'acrel', 'E1-meter', 'accepted', $1), (2, 'acrel', 'E2-meter', 'accepted', $1),"
        " (3, 'acrel', '<script>x', 'unconfirmed', $1)",
        NOW,
    )
    await connection.execute(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel, power_total)"
        " VALUES (1, 1, $1, $1, 0, 'i', '', 12345.0), (2, 1, $2, $2, 8, 'i', '', 10.0)",
        NOW - timedelta(minutes=2),
        NOW - timedelta(hours=2),
    )
    await connection.execute(
        "INSERT INTO collected_hour (meter, channel, factors, start, received, valid, slots)"
        " VALUES (1, '', FALSE, date_trunc('hour', $1::timestamptz), 1, 1, 1)",
        NOW,
    )
    await connection.execute(
        "INSERT INTO session_event (shard, sequence, place, at, gateway, epoch, what, peer, codec,"
        " identity, reason) VALUES (0, 1, 0, $1, 'g', 1, 'login', '203.0.113.7:5', 'acrel',"
        " 'E1-meter', '')",
        NOW,
    )
    await connection.execute(
        "INSERT INTO quarantine (id, shard, sequence, frame, codec, kind, reason, message,"
        " byte_offset, raw, raw_size, peer, meter, received_at, program) OVERRIDING SYSTEM VALUE"
        " VALUES (1, 0, 1, 0, 'acrel', 'checksum', 'crc', 'CRC <b>is</b> wrong', 3, $1, 6,"
        " '203.0.113.7:5', 'E1-meter', $2, '1')",
        STRANGE,
        NOW,
    )
    await connection.close()
