"""What a forwarder tells of its platforms."""

import asyncpg
from tests.storage.store import EMPTY_STORE

from wattwarden.server.metrics.of_forwarder import forwarder_watch
from wattwarden.server.metrics.page import page


async def test_each_platform_of_the_table_tells_what_it_is_owed(store_server: str) -> None:
    connection = await asyncpg.connect(store_server)
    try:
        await connection.execute(EMPTY_STORE)
        await connection.execute(
            "INSERT INTO forward_position (platform, step, qn, sent, repeated, acknowledged,"
            " trouble) VALUES ('city', 1, 9, 8, 3, 5, ''), ('province', 1, 9, 0, 0, 0, 'away'),"
            " ('gone', 1, 9, 1, 1, 1, 'away');"
            "INSERT INTO forward_item (platform, qn, mn, cn, repeated, data, aside)"
            " SELECT 'city', n, 'M', '2011', FALSE, '', n = 3 FROM generate_series(1, 3) AS n"
        )
    finally:
        await connection.close()
    watch = forwarder_watch(lambda: ("city", "province"), store_server)
    told = page("forwarder", await watch.numbers())
    for line in (
        'wattwarden_forward_items{platform="city",role="forwarder",state="waiting"} 2.0',
        'wattwarden_forward_items{platform="city",role="forwarder",state="aside"} 1.0',
        'wattwarden_forward_uploads_total{outcome="sent",platform="city",role="forwarder"} 8.0',
        'wattwarden_forward_uploads_total{outcome="repeated",platform="city",role="forwarder"} 3.0',
        'wattwarden_forward_trouble{platform="city",role="forwarder"} 0.0',
        'wattwarden_forward_trouble{platform="province",role="forwarder"} 1.0',
    ):
        assert line in told
    assert "gone" not in told
    # Whether a platform above is there is no reason to give the role no work.
    assert await watch.unready() == []
