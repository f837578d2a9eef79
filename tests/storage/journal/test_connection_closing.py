"""A client whose closing is cut short leaves no socket open."""

import asyncio

import pytest

from wattwarden.storage.journal.connection import Connection


async def test_a_close_that_is_cancelled_closes_the_socket(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Connection("unused.", lambda _message: None)
    await client.connect(nats_url, allow_reconnect=False)
    transport = client._transport
    assert transport is not None
    begun = asyncio.Event()

    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(client, "_flush_pending", never)
    closing = asyncio.create_task(client.close())
    await asyncio.wait_for(begun.wait(), 60)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    async with asyncio.timeout(60):
        await transport.wait_closed()  # type: ignore[no-untyped-call]  # theirs
