"""What is there of a journal, how full it is, and how large it may become."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.conftest import NatsProcess

from wattwarden.storage.journal.journal import Journal, Kind, StreamLimits
from wattwarden.storage.journal.survey import StreamFacts, Survey, survey

MIB = 1024**2
GIB = 1024**3
ACCOUNT = """
accounts {
  city {
    jetstream { max_file: 1GB }
    users: [{user: city, password: city}]
  }
}
"""


def facts(max_bytes: int, used: int = 0) -> StreamFacts:
    return StreamFacts(used, max_bytes, 1)


def test_the_fullest_shard_counts() -> None:
    found = Survey((facts(100, 40), None, facts(50, 30)), None)
    assert found.fullest == facts(50, 30)
    assert found.fullest.share == 0.6
    assert Survey((None,), None).fullest is None
    assert facts(-1, 5).share == 0.0


@pytest.mark.parametrize(
    ("streams", "offered", "most"),
    [
        pytest.param((None, None), None, round(9.5 * GIB), id="nothing known"),
        pytest.param((None, None), 2 * GIB, round(2 * GIB * 0.95) // 2, id="an account's limit"),
        pytest.param((None, None), 80 * GIB, round(9.5 * GIB), id="an account with plenty"),
        pytest.param((facts(3 * GIB), None), None, 3 * GIB, id="one shard was made before"),
    ],
)
def test_limits_begin_with_what_is_offered_and_halve(
    streams: tuple[StreamFacts | None, ...], offered: int | None, most: int
) -> None:
    limits = list(Survey(streams, offered).limits(replicas=3))
    assert limits[:2] == [StreamLimits(most, 3), StreamLimits(most // 2, 3)]
    assert 16 * MIB <= limits[-1].max_bytes < 32 * MIB


def test_streams_that_are_there_keep_their_limits() -> None:
    assert list(Survey((facts(5 * MIB), facts(7 * MIB)), 1).limits(1)) == [StreamLimits(5 * MIB)]


async def test_a_look_finds_the_streams_and_makes_none(nats_url: str, prefix: str) -> None:
    assert await survey(nats_url, shards=2, prefix=prefix) == Survey((None, None), None)
    limits = StreamLimits(MIB)
    journal = await Journal.connect(nats_url, prefix=prefix, shards=1, limits=limits)
    await journal.append(0, Kind.FRAMES, bytes(MIB // 2), "a")
    await journal.close()
    found = await survey(nats_url, shards=2, prefix=prefix)
    assert found.fullest is not None
    assert found.streams[1] is None
    assert found.fullest.max_bytes == MIB
    assert 0.5 < found.fullest.share < 0.51


@pytest.fixture
def account_url(tmp_path: Path) -> Iterator[str]:
    """A server that grants an account 1 GB."""
    server = NatsProcess(tmp_path, more=ACCOUNT)
    server.start()
    yield server.url.replace("//", "//city:city@")
    server.kill()


async def test_an_account_offers_its_limit_less_what_others_reserved(account_url: str) -> None:
    assert (await survey(account_url, shards=1)).offered_bytes == GIB
    for prefix, size in (("OTHER", 100), ("WATTWARDEN", 200)):
        limits = StreamLimits(size * MIB)
        journal = await Journal.connect(account_url, prefix=prefix, shards=1, limits=limits)
        await journal.close()
    assert (await survey(account_url, shards=1)).offered_bytes == GIB - 100 * MIB
