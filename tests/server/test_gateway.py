"""A gateway on real sockets and a real journal: whom it shares its address with."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.wire import ACREL_LOGIN_ACK, acrel_login
from tests.storage.conftest import NatsProcess

from wattwarden.codecs.modbus import answer, find_type, registers
from wattwarden.codecs.modbus.frame import check
from wattwarden.protocol.codec import Claim, Profile
from wattwarden.server.clock import Clock
from wattwarden.server.directory import Directory
from wattwarden.server.gateway import Gateway
from wattwarden.server.inherited import METER_SOCKETS
from wattwarden.server.settings import GatewaySettings, Settings
from wattwarden.server.sockets import open_listeners
from wattwarden.server.trace import TOPIC, Order, Told, decode_told, encode
from wattwarden.storage.journal.journal import Journal, Kind, StreamLimits

SMALL = StreamLimits(max_bytes=10_000_000)


@pytest.fixture(autouse=True)
def _collector_as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.fixture
async def journal(small_nats: NatsProcess) -> AsyncIterator[Journal]:
    journal = await Journal.connect(small_nats.url, prefix="OURS", shards=1, limits=SMALL)
    yield journal
    await journal.close()


def gateway(
    journal: Journal, listen: str = "127.0.0.1:0", directory: Directory | None = None
) -> Gateway:
    settings = Settings(gateway=GatewaySettings(listen=listen))
    return Gateway(settings, journal, directory or Directory(), Clock())


async def test_meters_are_let_in_through_every_socket_that_listens(journal: Journal) -> None:
    one = gateway(journal)
    host, _, port = (await one.start()).rpartition(":")
    dialled = [await asyncio.open_connection(host, int(port)) for _ in range(64)]
    async with asyncio.timeout(60):
        while len(one.port.connections) < len(dialled):  # noqa: ASYNC110  a socket tells no event
            await asyncio.sleep(0.005)
    for _, writer in dialled:
        writer.close()
        await writer.wait_closed()
    await one.stop()
    assert not one.port.connections


async def test_an_address_is_shared_with_gateways_of_the_same_journal_alone(
    journal: Journal, small_nats: NatsProcess
) -> None:
    one = gateway(journal)
    listen = await one.start()
    while await journal.last(0, Kind.ALIVE) is None:  # noqa: ASYNC110  nobody tells
        await asyncio.sleep(0)
    sibling = gateway(journal, listen)
    assert await sibling.start() == listen
    await sibling.stop()
    other = await Journal.connect(small_nats.url, prefix="THEIRS", shards=1, limits=SMALL)
    stranger = gateway(other, listen)
    with pytest.raises(OSError, match="in use"):
        await stranger.start()
    await stranger.stop()
    await other.close()
    await one.stop()


async def test_a_meter_that_dials_in_at_another_gateway_is_hung_up_on_at_the_first(
    journal: Journal,
) -> None:
    both, addresses = [], []
    # A door that nobody handed over is opened all the same.
    settings = Settings(gateway=GatewaySettings(udp_listen="127.0.0.1:0"))
    for _ in range(2):
        sockets = {METER_SOCKETS: await open_listeners("127.0.0.1", 0)}
        both.append(Gateway(settings, journal, Directory(), Clock(), sockets))
        host, _, port = (await both[-1].start()).rpartition(":")
        assert both[-1].doors.keys() == {"udp"}
        addresses.append((host, int(port)))
    lines = []
    async with asyncio.timeout(60):
        for place in (0, 1, 0):
            reader, writer = await asyncio.open_connection(*addresses[place])
            lines.append((reader, writer))
            writer.write(acrel_login("WANDERER"))
            assert await reader.readexactly(len(ACREL_LOGIN_ACK)) == ACREL_LOGIN_ACK
            for older, _ in lines[-2:-1]:
                assert await older.read() == b""
            assert [one.port.fleet.held("acrel:WANDERER") is not None for one in both] == [
                place == 0,
                place == 1,
            ]
    told = "taken over by the same meter, at another gateway"
    assert [one.port.counters.closed for one in both] == [{told: 1}, {told: 1}]
    for one in both:
        await one.stop()
    for _, writer in lines:
        writer.close()


async def test_a_packet_that_is_configured_meanwhile_is_known_to_the_next_connection(
    journal: Journal,
) -> None:
    directory = Directory()
    port = gateway(journal, directory=directory).port
    packet = b"SITE-0042"
    assert all(codec.recognise(packet) is Claim.NO for codec in port.codecs)
    directory.replace({("dtu", "SITE-0042"): Profile()})
    assert [c.name for c in port.codecs if c.recognise(packet) is Claim.YES] == ["dtu"]


async def test_a_meter_that_never_says_who_it_is_is_known_by_its_listener(
    journal: Journal,
) -> None:
    kind = find_type("dds238")
    assert kind is not None
    meters = [{"slave": 1, "type": "dds238", "period_s": 1}]
    directory = Directory()
    directory.replace({("modbus", "PLANT"): Profile(options={"meters": meters}, listener="plant")})
    section = GatewaySettings(
        listen="127.0.0.1:0", listeners={"plant": "127.0.0.1:0", "nobody": "127.0.0.1:0"}
    )
    one = Gateway(Settings(gateway=section), journal, directory, Clock())
    await one.start()
    async with asyncio.timeout(60):
        host, _, port = one.doors["plant"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = await reader.read(256)
        asked = check(request)
        assert (asked.transaction, asked.slave) == (1, 1)
        writer.write(answer(request, 1, registers(kind, {"voltage_a": 230.1})) or b"")
        # The next of its period: the first was answered.
        assert await reader.read(256) == request
        connection = one.port.fleet.held("modbus:PLANT")
        assert connection is not None
        line = connection.session.line
        assert line is not None
        assert (line.counters.answered, line.counters.timed_out) == (1, 0)
        host, _, port = one.doors["nobody"].rpartition(":")
        stranger, other = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(ConnectionResetError):
            assert await stranger.read() == b""
        for leaving in (writer, other):
            leaving.close()
        assert one.port.counters.refused == {"nobody is bound to the listener": 1}
        await one.stop()


async def test_a_meter_is_looked_at_from_elsewhere_by_the_server_of_the_journal(
    journal: Journal, small_nats: NatsProcess
) -> None:
    """Whoever looks has a connection of his own, as a command has."""
    one = gateway(journal)
    host, _, port = (await one.start()).rpartition(":")
    looking = await Journal.connect(small_nats.url, prefix="OURS", shards=1, limits=SMALL)
    told: asyncio.Queue[Told] = asyncio.Queue()
    await looking.hear(f"{TOPIC}.me", lambda payload: told.put_nowait(decode_told(payload)))
    order = Order("me", frozenset({"acrel:SEEN"}), "", 0, 60, "somebody")
    assert looking.tell(TOPIC, encode(order))
    async with asyncio.timeout(60):
        while not one.tracing.orders:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.005)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(acrel_login("SEEN"))
        assert await reader.readexactly(len(ACREL_LOGIN_ACK)) == ACREL_LOGIN_ACK
        seen = [one.what for one in (await told.get()).happened]
        while "sent" not in seen:
            seen += [one.what for one in (await told.get()).happened]
    assert seen == ["login", "heard", "sent"]
    writer.close()
    await looking.close()
    assert not looking.tell(TOPIC, b"")
    await one.stop()
