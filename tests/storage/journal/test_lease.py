"""Leases on a real nats-server; the clock is the test's own."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.errors import JournalAway, JournalRefused
from wattwarden.storage.journal.lease import Lease, Verdict
from wattwarden.storage.journal.link import Link

pytestmark = pytest.mark.integration


class Server(Protocol):
    """What the fixture ``mortal_nats`` gives."""

    @property
    def url(self) -> str: ...
    def kill(self) -> None: ...
    def start(self, sync_interval: str = "always") -> None: ...
    def signal(self, number: signal.Signals) -> None: ...


OpenLease = Callable[[str], Awaitable[Lease]]


@pytest.fixture
async def link(nats_url: str) -> AsyncIterator[Link]:
    link = await Link.open(nats_url, token=None, name="test", timeout_s=2)
    yield link
    await link.close()


@pytest.fixture
def open_lease(link: Link, prefix: str) -> OpenLease:
    async def open_one(owner: str) -> Lease:
        return await Lease.open(link, "tick", owner=owner, prefix=prefix)

    return open_one


async def expire(link: Link, prefix: str) -> None:
    """What the server does when the time to live is over."""
    reply = await jetstream.call(link, f"STREAM.PURGE.KV_{prefix}_lease", {}, timeout_s=2)
    assert reply.error is None


async def until_held(lease: Lease, now: float) -> None:
    """A third of a short time to live may not do on a busy machine."""
    async with asyncio.timeout(60):
        while await lease.acquire_or_renew(now) is not Verdict.HELD:
            pass


async def test_a_free_lease_is_acquired_and_renewed_under_one_epoch(open_lease: OpenLease) -> None:
    lease = await open_lease("a")
    assert await lease.acquire_or_renew(100.0) is Verdict.HELD
    epoch = lease.epoch
    assert await lease.acquire_or_renew(101.0) is Verdict.HELD
    assert await lease.acquire_or_renew(102.0) is Verdict.HELD
    assert lease.epoch == epoch
    assert (lease.counters.acquired, lease.counters.renewed) == (1, 2)


async def test_a_holder_stops_counting_on_its_lease_before_the_server_lets_it_go(
    open_lease: OpenLease,
) -> None:
    lease = await open_lease("a")
    assert not lease.is_held(100.0)
    await lease.acquire_or_renew(100.0)
    assert lease.ttl_s == 5.0
    assert lease.is_held(103.9)
    assert not lease.is_held(104.0)


async def test_a_second_owner_finds_it_taken_and_learns_by_whom(open_lease: OpenLease) -> None:
    first, second = await open_lease("a"), await open_lease("b")
    await first.acquire_or_renew(0.0)
    assert await second.acquire_or_renew(0.0) is Verdict.TAKEN
    assert second.holder == "a"
    assert not second.is_held(0.0)


async def test_of_many_owners_at_once_one_gets_it(open_lease: OpenLease) -> None:
    leases = [await open_lease(f"owner {number}") for number in range(20)]
    verdicts = await asyncio.gather(*(lease.acquire_or_renew(0.0) for lease in leases))
    assert sorted(verdict.name for verdict in verdicts) == ["HELD"] + ["TAKEN"] * 19


async def test_a_released_lease_is_free_at_once_with_a_higher_epoch(open_lease: OpenLease) -> None:
    first, second = await open_lease("a"), await open_lease("b")
    await first.acquire_or_renew(0.0)
    await first.release()
    assert not first.is_held(0.0)
    assert await second.acquire_or_renew(0.0) is Verdict.HELD
    assert second.epoch > first.epoch
    assert await first.acquire_or_renew(0.0) is Verdict.TAKEN


async def test_release_never_takes_the_lease_from_its_next_holder(
    open_lease: OpenLease, link: Link, prefix: str
) -> None:
    first, second = await open_lease("a"), await open_lease("b")
    await first.acquire_or_renew(0.0)
    await expire(link, prefix)
    await second.acquire_or_renew(0.0)
    await first.release()
    assert await second.acquire_or_renew(1.0) is Verdict.HELD


async def test_an_expired_lease_is_lost_once_and_then_tried_for_again(
    open_lease: OpenLease, link: Link, prefix: str
) -> None:
    first, second = await open_lease("a"), await open_lease("b")
    await first.acquire_or_renew(0.0)
    await expire(link, prefix)
    assert await second.acquire_or_renew(0.0) is Verdict.HELD
    assert await first.acquire_or_renew(1.0) is Verdict.LOST
    assert not first.is_held(1.0)
    assert await first.acquire_or_renew(2.0) is Verdict.TAKEN
    assert first.counters.lost == 1


async def test_a_holder_back_from_an_expiry_gets_a_new_epoch(
    open_lease: OpenLease, link: Link, prefix: str
) -> None:
    lease = await open_lease("a")
    await lease.acquire_or_renew(0.0)
    before = lease.epoch
    await expire(link, prefix)
    assert await lease.acquire_or_renew(1.0) is Verdict.LOST
    assert await lease.acquire_or_renew(2.0) is Verdict.HELD
    assert lease.epoch > before


async def test_an_acquisition_whose_answer_was_lost_is_taken_up_by_its_owner(
    open_lease: OpenLease,
) -> None:
    lost, lease = await open_lease("a"), await open_lease("a")
    await lost.acquire_or_renew(0.0)
    assert await lease.acquire_or_renew(0.0) is Verdict.HELD


async def test_a_renewal_whose_answer_was_lost_does_not_cost_the_lease(
    open_lease: OpenLease,
) -> None:
    lease, same = await open_lease("a"), await open_lease("a")
    await lease.acquire_or_renew(0.0)
    epoch = lease.epoch
    await same.acquire_or_renew(0.0)
    assert await lease.acquire_or_renew(1.0) is Verdict.HELD
    assert lease.epoch == epoch


async def test_the_server_frees_a_lease_that_nobody_renews(link: Link, prefix: str) -> None:
    dead = await Lease.open(link, "tick", owner="dead", prefix=prefix, ttl_s=0.3)
    heir = await Lease.open(link, "tick", owner="heir", prefix=prefix, ttl_s=9.0)
    assert heir.ttl_s == 0.3
    started = time.monotonic()
    await until_held(dead, 0.0)
    await until_held(heir, 0.0)
    assert time.monotonic() - started > 0.25
    assert heir.epoch > dead.epoch


async def test_a_bucket_whose_keys_never_expire_is_refused(link: Link, prefix: str) -> None:
    config = {"name": f"KV_{prefix}_lease", "subjects": [f"$KV.{prefix}_lease.>"]}
    await jetstream.call(link, f"STREAM.CREATE.KV_{prefix}_lease", config, timeout_s=2)
    with pytest.raises(JournalRefused, match="do not expire"):
        await Lease.open(link, "tick", owner="a", prefix=prefix)


async def test_an_absent_server_changes_nothing_until_the_lease_runs_out(
    mortal_nats: Server,
) -> None:
    link = await Link.open(mortal_nats.url, token=None, name="test", timeout_s=2)
    lease = await Lease.open(link, "tick", owner="a", ttl_s=0.3)
    await until_held(lease, 100.0)
    mortal_nats.kill()
    assert await lease.acquire_or_renew(100.1) is Verdict.AWAY
    assert lease.is_held(100.2)
    assert await lease.acquire_or_renew(100.3) is Verdict.LOST
    assert await lease.acquire_or_renew(100.4) is Verdict.AWAY
    await lease.release()
    mortal_nats.start()
    await until_held(lease, 200.0)
    await link.close()


async def test_a_hung_server_leaves_release_to_the_time_to_live(
    mortal_nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await Link.open(mortal_nats.url, token=None, name="test", timeout_s=2)
    lease = await Lease.open(link, "tick", owner="a", ttl_s=0.3)
    await until_held(lease, 0.0)
    away = lease.counters.away
    mortal_nats.signal(signal.SIGSTOP)
    await lease.release()
    assert lease.counters.away == away + 1
    assert not lease.is_held(0.0)
    monkeypatch.setattr("wattwarden.storage.journal.lease.OPEN_TIMEOUT_S", 0.1)
    with pytest.raises(JournalAway):
        await Lease.open(link, "tick", owner="b")
    await link.close()
