"""The meter port on fake sockets: back-pressure, and how connections end with the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.server.fakes import FakeJournal

from wattwarden.codecs import port_codecs
from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.frame import ACKS, REGISTER, UPLOAD
from wattwarden.codecs.acrel.message import encode
from wattwarden.protocol.codec import DEFAULT_PROFILE, Claim, Message, Profile, default_profile
from wattwarden.protocol.envelope import Envelope, decode_envelope, decode_occurrences
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.chain import Chain
from wattwarden.server.connection import MeterConnection
from wattwarden.server.loud import RECEIVED_BYTES
from wattwarden.server.port import BLOCKED_S, MeterPort
from wattwarden.server.settings import GatewaySettings
from wattwarden.storage.journal.journal import Kind

FRAME = encode(Message("upload", fields={"serial": "1", "sections": []}))
REPORT = b"##0120" + b"." * 120  # as long as it says, and without a checksum that fits


class FakeTransport(asyncio.Transport):
    """A wire that remembers what was done to it."""

    def __init__(self, host: str = "10.0.0.1", number: int = 5000) -> None:
        super().__init__({"peername": (host, number)})
        self.sent = b""
        self.state = "reading"
        self.received = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.received if name == RECEIVED_BYTES else super().get_extra_info(name, default)

    def write(self, data: Any) -> None:
        if self.state != "closed":
            self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.state == "closed"

    def pause_reading(self) -> None:
        self.state = "paused"

    def resume_reading(self) -> None:
        self.state = "reading"

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "closed"


class City:
    """A meter port with one chain, and the connections to it."""

    def __init__(self, journal: FakeJournal, settings: GatewaySettings, rate: int) -> None:
        loop = asyncio.get_running_loop()
        self.journal = journal
        self.chain = Chain(
            journal, 0, "gw", lambda _: default_profile, self.now_us, lambda *_: None
        )
        self.port = MeterPort(
            port_codecs(),
            [self.chain],
            _profile_of,
            self.now_us,
            settings,
            rate,
        )
        self.writing = loop.create_task(self.chain.run())

    def now_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    def dial(self, *segments: bytes) -> tuple[MeterConnection, FakeTransport]:
        connection, transport = MeterConnection(self.port), FakeTransport()
        connection.connection_made(transport)
        for segment in segments:
            connection.data_received(segment)
        return connection, transport

    async def settle(self) -> None:
        self.chain.close()
        await asyncio.wait_for(asyncio.shield(self.writing), 60)

    def envelopes(self) -> list[Envelope]:
        kept = [payload for _, kind, payload, _ in self.journal.stored if kind is Kind.FRAMES]
        return [decode_envelope(payload) for payload in kept]

    def occurrences(self) -> list[tuple[str, str]]:
        kept = [payload for _, kind, payload, _ in self.journal.stored if kind is Kind.SESSION]
        rows = [row for payload in kept for row in decode_occurrences(payload).rows]
        return [(row.what, row.reason) for row in rows]


@asynccontextmanager
async def city(
    journal: FakeJournal | None = None, settings: GatewaySettings | None = None, rate: int = 1
) -> AsyncIterator[City]:
    made = City(journal or FakeJournal(), settings or GatewaySettings(), rate)
    try:
        yield made
    finally:
        made.writing.cancel()
        await asyncio.wait({made.writing})


def _profile_of(_address: str) -> Profile:
    return DEFAULT_PROFILE


def register(serial: str) -> bytes:
    return encode(
        Message(
            "register",
            fields={
                "serial": serial,
                "iccid": "8" * 20,
                "rssi": 20,
                "firmware_1": "0001",
                "firmware_2": "0001",
                "firmware_3": "0001",
                "report_interval_min": 5,
            },
        )
    )


async def test_a_meter_is_answered_at_once_when_it_logs_in_and_else_when_its_frame_is_stored() -> (
    None
):
    journal = FakeJournal(gate=asyncio.Event())
    async with city(journal) as place:
        _, transport = place.dial(register("1"), FRAME, FRAME)
        await journal.attempted.wait()
        assert transport.sent == ACKS[REGISTER]
        assert journal.gate is not None
        journal.gate.set()
        await place.settle()
        assert transport.sent == ACKS[REGISTER] + 2 * ACKS[UPLOAD]
        assert [what for what, _ in place.occurrences()] == ["open", "login"]


async def test_reading_stops_for_all_while_more_waits_for_the_journal_than_may() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    async with city(journal, GatewaySettings(pending_bytes=10 * len(FRAME))) as place:
        _, quiet = place.dial(register("1"))
        busy, loud = place.dial(register("2"))
        while loud.state == "reading":
            busy.data_received(FRAME)
            assert place.chain.pending_bytes < 11 * len(FRAME)
        assert quiet.state == "paused"
        assert place.port.counters.pauses == 1
        assert journal.gate is not None
        journal.gate.set()
        await place.settle()
        place.port.press_back()
        assert (quiet.state, loud.state) == ("reading", "reading")


async def test_what_a_peer_had_begun_is_kept_when_the_gateway_stops() -> None:
    async with city() as place:
        _, transport = place.dial(register("1"), FRAME + FRAME[:-3])
        place.port.drain()
        assert transport.state == "paused"
        await place.settle()
        assert transport.sent == ACKS[REGISTER] + ACKS[UPLOAD]
        [unknown] = [envelope for envelope in place.envelopes() if envelope.codec == "unknown"]
        assert unknown.data == FRAME[:-3]
        assert place.port.counters.unknown_bytes == len(FRAME) - 3
        place.port.close_all("gateway stops")
        assert transport.is_closing()
        assert place.port.counters.closed == {"gateway stops": 1}


async def test_a_frame_whose_checksum_fails_after_the_gateway_was_told_to_stop_is_kept() -> None:
    async with city() as place:
        connection, _ = place.dial(register("1"))
        place.port.drain()
        connection.reject(REPORT)
        await place.settle()
        [unknown] = [envelope for envelope in place.envelopes() if envelope.codec == "unknown"]
        assert unknown.data == REPORT
        assert unknown.reasons == ["checksum does not fit"]


@pytest.mark.parametrize("rate", [1, 60])
async def test_a_peer_has_real_time_to_log_in_at_any_rate_of_the_clock(rate: int) -> None:
    settings = GatewaySettings()
    async with city(settings=settings, rate=rate) as place:
        _, transport = place.dial()
        start, second = place.now_us(), SECOND_US * rate
        place.port.sweep(start + round((settings.pre_login_s - 1) * second))
        assert not transport.is_closing()
        place.port.sweep(start + round((settings.pre_login_s + 1) * second))
        assert transport.is_closing()


@pytest.mark.parametrize("rate", [1, 60])
async def test_a_peer_has_real_time_to_take_its_answers_at_any_rate_of_the_clock(rate: int) -> None:
    async with city(settings=GatewaySettings(pre_login_s=1e6), rate=rate) as place:
        connection, transport = place.dial()
        connection.pause_writing()
        start, second = place.now_us(), SECOND_US * rate
        place.port.sweep(start + (BLOCKED_S - 1) * second)
        assert not transport.is_closing()
        place.port.sweep(start + (BLOCKED_S + 1) * second)
        assert transport.is_closing()


async def test_the_end_of_a_connection_is_recorded_with_its_reason_and_leaves_nothing() -> None:
    async with city() as place:
        connection, transport = place.dial(register("1"), FRAME[:5])
        transport.abort()
        connection.connection_lost(ConnectionResetError())
        await place.settle()
        assert place.occurrences()[-1] == ("close", "ConnectionResetError")
        assert place.envelopes()[-1].data == FRAME[:5]
        assert not place.port.connections
        assert not place.port.per_host
        assert len(place.port.fleet) == 0


async def test_a_codec_that_fails_costs_its_peer_the_connection_and_nobody_else() -> None:
    def failing(_data: bytes) -> Claim:
        raise ZeroDivisionError

    async with city() as place:
        place.port.codecs = (replace(CODEC, recognise=failing),)
        broken, its = place.dial(b"poison")
        place.port.codecs = (CODEC,)
        _, neighbour = place.dial(register("1"), FRAME)
        assert its.is_closing()
        broken.connection_lost(None)
        await place.settle()
        assert neighbour.sent == ACKS[REGISTER] + ACKS[UPLOAD]
        assert place.port.counters.closed == {"a codec failed": 1}
        kept = {one.codec: (one.data, one.reasons) for one in place.envelopes()}
        assert kept["unknown"] == (b"poison", ["the codec failed: ZeroDivisionError"])
