"""A nats-server that is killed, stopped and emptied: nothing is lost, nothing doubled."""

import asyncio
import contextlib
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.storage.journal.feeding import SMALL, Server, append_many, sequences

from wattwarden.storage.journal.journal import (
    Entry,
    Journal,
    JournalAway,
    JournalGap,
    JournalRefused,
    Kind,
)
from wattwarden.storage.journal.link import LONGEST_PAUSE_S

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0  # for what takes a second or two


async def test_kills_in_the_middle_of_appends_and_reads_lose_and_double_nothing(
    mortal_nats: Server, mortal_journal: Journal
) -> None:
    acknowledged: dict[str, int] = {}
    received: list[Entry] = []
    kills = {count: asyncio.Event() for count in (100, 200, 300)}

    async def write(chain: int, count: int) -> None:
        for number in range(1, count + 1):
            msg_id = f"{chain}:{number}"
            while msg_id not in acknowledged:
                try:
                    acknowledged[msg_id] = await mortal_journal.append(
                        0, Kind.FRAMES, bytes(1000), msg_id
                    )
                except JournalAway:
                    continue
            if len(acknowledged) in kills:
                kills[len(acknowledged)].set()

    async def follow(count: int) -> None:
        while len(received) < count:
            after = received[-1].sequence if received else 0
            try:
                entries = await mortal_journal.read(0, after, most=20, most_bytes=10**6)
                if not entries:
                    await mortal_journal.wait(0, after)
            except JournalAway:
                continue
            received.extend(entries)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(follow(400))
        for chain in range(4):
            group.create_task(write(chain, 100))
        for moment in kills.values():
            await moment.wait()
            await asyncio.to_thread(mortal_nats.restart)
    assert sequences(received) == list(range(1, 401))
    assert {entry.msg_id: entry.sequence for entry in received} == acknowledged
    assert mortal_journal.link.counters.disconnects == 3


async def test_reading_goes_on_after_a_restart_that_is_met_within_half_a_second(
    mortal_nats: Server, mortal_journal: Journal
) -> None:
    await append_many(mortal_journal, 3)
    await mortal_journal.wait(0, 3)
    await asyncio.to_thread(mortal_nats.restart)
    entries: list[Entry] = []
    async with asyncio.timeout(PATIENCE_S):
        while not entries:
            with contextlib.suppress(JournalAway):
                entries = await mortal_journal.read(0, 0, most=10, most_bytes=1000)
    # What a reader waits for beside the two programs' work.
    assert LONGEST_PAUSE_S < 0.5
    assert sequences(entries) == [1, 2, 3]
    await append_many(mortal_journal, 1, start=4)
    async with asyncio.timeout(PATIENCE_S):
        while not mortal_journal.counters.nudges:
            await mortal_journal.wait(0, 4)
    assert mortal_journal.link.counters.connects == 2


async def test_an_append_in_flight_fails_when_the_server_dies_not_when_its_time_is_up(
    mortal_nats: Server,
) -> None:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL, timeout_s=600)
    mortal_nats.signal(signal.SIGSTOP)
    # More than the sockets' buffers take: some of it is still with us when the line breaks.
    flying = [
        asyncio.create_task(journal.append(0, Kind.FRAMES, bytes(900_000), f"c{chain}:1"))
        for chain in range(20)
    ]
    done, _ = await asyncio.wait(flying, timeout=0.05)
    assert not done
    mortal_nats.kill()
    async with asyncio.timeout(PATIENCE_S):
        failures = await asyncio.gather(*flying, return_exceptions=True)
    assert {type(failure) for failure in failures} == {JournalAway}
    assert "connection lost" in str(failures[0])
    assert journal.counters.attempts_away == 20
    await journal.close()


async def test_a_hung_server_is_away_after_the_timeout_and_nothing_doubles_when_it_wakes(
    mortal_nats: Server,
) -> None:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
    mortal_nats.signal(signal.SIGSTOP)
    journal._timeout_s = 0.2
    with pytest.raises(JournalAway, match=r"no answer .* within 0\.2 s"):
        await journal.append(0, Kind.FRAMES, b"slow", "chain:1")
    with pytest.raises(JournalAway, match="no answer"):
        await journal.read(0, 0, most=1, most_bytes=1)
    journal._timeout_s = 5.0
    mortal_nats.signal(signal.SIGCONT)
    assert await journal.append(0, Kind.FRAMES, b"slow", "chain:1") == 1
    assert (await journal.status(0)).messages == 1
    await journal.close()


async def test_an_emptied_store_is_not_filled_again_in_silence(
    mortal_nats: Server, mortal_journal: Journal, quick_folder: Path
) -> None:
    await append_many(mortal_journal, 3)
    mortal_nats.kill()
    (quick_folder / "jetstream").rename(quick_folder / "gone")
    mortal_nats.start()
    async with AsyncExitStack() as stack:
        with pytest.raises((JournalAway, JournalRefused)):
            await mortal_journal.append(0, Kind.FRAMES, b"", "chain:4")
        anew = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
        stack.push_async_callback(anew.close)
        with pytest.raises(JournalGap, match="ends at 0, yet 3 was read"):
            await anew.read(0, 3, most=1, most_bytes=1)
