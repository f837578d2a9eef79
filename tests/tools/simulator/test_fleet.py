"""Simulated meters on real connections, against a meter port of this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.server.fakes import FakeJournal
from tests.tools.simulator.worlds import FACTORY, world

from wattwarden.codecs import port_codecs
from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.envelope import decode_envelope
from wattwarden.server.chain import Chain
from wattwarden.server.connection import MeterConnection
from wattwarden.server.port import MeterPort
from wattwarden.server.settings import GatewaySettings
from wattwarden.storage.journal.journal import Kind
from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.sendings import sendings

TARGET = tuple[str, int]
MIXED = (
    FACTORY
    + """
[[factory]]
id = "G"
protocol = "hj212"
shifts = [["00:00", "24:00"]]
rest_days = []
[[factory.unit]]
id = "G-P"
kind = "production"
[[factory.unit]]
id = "G-T"
meter = "status"
[confounders]
ack_loss = 0.2
"""
)


@asynccontextmanager
async def meter_port(journal: FakeJournal, number: int = 0) -> AsyncIterator[TARGET]:
    loop = asyncio.get_running_loop()

    def now_us() -> int:
        return round(loop.time() * 1e6)

    chain = Chain(journal, 0, "gw", lambda _: default_profile, now_us, lambda *_: None)
    port = MeterPort(port_codecs(), [chain], default_profile, now_us, GatewaySettings())
    writing = loop.create_task(chain.run())
    server = await loop.create_server(lambda: MeterConnection(port), "127.0.0.1", number)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        port.close_all("test ends")
        writing.cancel()
        await asyncio.wait({writing})


async def test_meters_report_until_everything_is_acknowledged_and_stored() -> None:
    made = world(MIXED)
    due = list(sendings(made, 0, 1800))
    journal = FakeJournal()
    async with meter_port(journal) as target:
        fleet = Fleet(made, target)
        await fleet.play(due, lambda: float(due[-1].at_ms), 1.0, lambda _: None, asyncio.Event())
    tally = fleet.tally
    assert tally.sent == tally.acked == len(due)
    assert fleet.unacked == 0
    assert tally.connections > len(made.units)
    assert tally.resent > 0
    kept = [decode_envelope(p) for _, kind, p, _ in journal.stored if kind is Kind.FRAMES]
    stored = {frame for envelope in kept for frame in envelope.batch().frames()}
    assert {one.frame for one in due} <= stored


async def test_a_meter_keeps_what_nobody_takes_and_sends_it_to_who_comes() -> None:
    made = world(FACTORY)
    due = list(sendings(made, 0, 300))
    async with meter_port(FakeJournal()) as target:
        free = target
    everything_said = asyncio.Event()

    def seen(count: int) -> None:
        if count == len(due):
            everything_said.set()

    fleet = Fleet(made, free, redial_s=0.01)
    playing = asyncio.create_task(
        fleet.play(due, lambda: float(due[-1].at_ms), 1.0, seen, asyncio.Event())
    )
    await everything_said.wait()
    assert fleet.unacked == len(due)
    journal = FakeJournal()
    async with meter_port(journal, free[1]):
        await playing
    assert fleet.tally.refused_dials > 0
    assert fleet.tally.acked == len(due)
    assert journal.stored


async def test_a_fleet_that_is_stopped_sends_no_more_and_knows_what_is_not_acknowledged() -> None:
    made = world(FACTORY)
    due = list(sendings(made, 0, 3600))
    stop = asyncio.Event()
    tellable = 10

    def seen(count: int) -> None:
        if count == tellable:
            stop.set()

    async with meter_port(FakeJournal()) as target:
        fleet = Fleet(made, target)
        await fleet.play(due, lambda: float(due[-1].at_ms), 1.0, seen, stop)
    assert fleet.tally.sent == tellable
    assert fleet.tally.acked + fleet.unacked == tellable
    assert fleet.unacked == 0


async def test_a_stop_is_heard_while_the_next_frame_is_waited_for() -> None:
    made = world(FACTORY)
    due = list(sendings(made, 0, 3600))
    stop = asyncio.Event()
    async with meter_port(FakeJournal()) as target:
        fleet = Fleet(made, target)
        playing = asyncio.create_task(
            fleet.play(due, lambda: due[0].at_ms - 3_600_000.0, 1.0, lambda _: None, stop)
        )
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(playing, 60)
    assert fleet.tally.sent == 0
