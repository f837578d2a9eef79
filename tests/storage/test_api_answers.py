"""A deed that is sent again is answered as before, and done once."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from wattwarden.storage.api_answers import KEPT, KeyTakenError, Sent, answered, keep_answer
from wattwarden.storage.migrate import Connection

SENT = Sent("P1", "k", bytes(32))


async def test_a_new_key_has_no_answer_and_then_the_one_that_was_kept(store: Connection) -> None:
    async with store.transaction():
        assert await answered(store, SENT) is None
        await keep_answer(store, SENT, b'{"decision": 7}')
    assert await answered(store, SENT) == {"decision": 7}


async def test_a_key_is_one_persons_own(store: Connection) -> None:
    await answered(store, SENT)
    assert await answered(store, Sent("P2", "k", bytes(32))) is None


async def test_another_question_under_the_same_key_is_refused(store: Connection) -> None:
    await answered(store, SENT)
    with pytest.raises(KeyTakenError):
        await answered(store, Sent("P1", "k", bytes([1] * 32)))


async def test_a_deed_that_failed_leaves_its_key_free(store: Connection) -> None:
    transaction = store.transaction()
    await transaction.start()
    await answered(store, SENT)
    await transaction.rollback()
    assert await answered(store, SENT) is None


async def test_who_sends_the_same_meanwhile_waits_for_the_answer(
    store: Connection, store_dsn: str
) -> None:
    other = await asyncpg.connect(store_dsn)
    try:
        async with store.transaction():
            await answered(store, SENT)
            waiting = asyncio.create_task(answered(other, SENT))
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert not done
            await keep_answer(store, SENT, b"1")
        assert await waiting == 1
    finally:
        await other.close()


async def test_answers_are_forgotten_after_their_time(store: Connection) -> None:
    await answered(store, SENT)
    old = KEPT + timedelta(minutes=1)
    await store.execute("UPDATE api_answer SET entered_at = now() - $1::interval", old)
    await answered(store, Sent("P1", "another", bytes(32)))
    assert await store.fetchval("SELECT array_agg(key) FROM api_answer") == ["another"]
