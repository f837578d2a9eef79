"""The journal is opened with limits that its server has room for, or exactly as it is."""

from pathlib import Path

import pytest
from tests.storage.conftest import NatsProcess

from wattwarden.server.journal import fullest_shard, join_journal, open_journal
from wattwarden.server.places import Places, Running, write_running
from wattwarden.server.settings import JournalSettings, Settings
from wattwarden.storage.engines.nats_address import Remembered, remember
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Journal, Kind

MIB = 1024**2


def settings_for(data: Path, nats: str | None, **journal: int) -> Settings:
    return Settings(data=data, nats=nats, journal=JournalSettings(**journal))


async def sizes_of(journal: Journal) -> list[int]:
    return [(await journal.status(shard)).max_bytes for shard in range(journal.shards)]


async def test_a_server_of_others_gives_what_it_has(
    small_nats: NatsProcess, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, small_nats.url)
    journal = await open_journal(settings, small_nats.url)
    first = await sizes_of(journal)
    await journal.append(0, Kind.FRAMES, b"frames", "a")
    await journal.close()
    assert first == [76 * MIB, 76 * MIB]
    again = await open_journal(settings, small_nats.url)
    assert await sizes_of(again) == first
    await again.close()


async def test_a_limit_that_was_set_is_taken_as_it_is(
    small_nats: NatsProcess, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, small_nats.url, max_bytes=32 * MIB)
    journal = await open_journal(settings, small_nats.url)
    assert await sizes_of(journal) == [16 * MIB, 16 * MIB]
    await journal.close()


async def test_our_own_server_gives_a_share_of_its_store(
    small_nats: NatsProcess, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    remember(data, Remembered(1, 100 * MIB))
    journal = await open_journal(settings_for(data, None), small_nats.url)
    assert await sizes_of(journal) == [round(95 * MIB) // 2] * 2
    await journal.close()


async def test_a_tool_leaves_the_journal_as_it_is(small_nats: NatsProcess, tmp_path: Path) -> None:
    url = small_nats.url
    with pytest.raises(StorageError, match="0 of the journal's 3 shards"):
        await join_journal(settings_for(tmp_path, url, shards=3), url)
    made = await open_journal(settings_for(tmp_path, url, shards=3, max_bytes=60 * MIB), url)
    await made.close()
    other = settings_for(tmp_path, url, shards=3, max_bytes=90 * MIB)
    journal = await join_journal(other, url)
    assert await sizes_of(journal) == [20 * MIB] * 3
    await journal.close()


async def test_the_fullest_shard_of_the_running_system_is_found(
    small_nats: NatsProcess, tmp_path: Path
) -> None:
    url = small_nats.url
    data = tmp_path / "data"
    assert await fullest_shard(settings_for(data, None)) is None
    made = await open_journal(settings_for(data, url, shards=3, max_bytes=30 * MIB), url)
    for number in range(4):
        await made.append(2, Kind.FRAMES, bytes(MIB // 2), str(number))
    await made.close()
    # Whoever asks has two shards in the settings; the third would be overlooked.
    write_running(Places(data), Running("127.0.0.1:1", {}, None, url, shards=3))
    found = await fullest_shard(settings_for(data, None))
    assert found is not None
    assert 0.2 < found.share < 0.21
