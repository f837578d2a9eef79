"""Who is turned away at the meter port: by address, by what is shown, by how often and how much."""

import asyncio
from ipaddress import ip_network

import pytest
from tests.codecs.hj212_frames import MN, upload
from tests.codecs.hj212_vectors import TIME
from tests.server.test_port import FRAME, City, FakeTransport, city, register

from wattwarden.codecs.acrel.frame import ACKS, REGISTER
from wattwarden.codecs.hj212.header import WRONG_PASSWORD
from wattwarden.protocol.access import Access
from wattwarden.protocol.codec import Profile, default_profile
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.connection import MeterConnection
from wattwarden.server.fleet import MOST_TAKEOVERS
from wattwarden.server.gatekeeper import (
    BURST_S,
    FOREIGN_NETWORK,
    OTHER_NETWORK,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_DENIALS,
    TOO_MANY_LOGINS,
)
from wattwarden.server.pacer import MOST_WAIT_S
from wattwarden.server.settings import GatewaySettings

LOGGER = upload(f"{TIME};w01018-Rtd=1.5,w01018-Flag=N")


def guard(place: City, meter: str, access: Access) -> None:
    asking = Profile(access=access)
    place.port.profile_of = lambda one: asking if one == meter else default_profile(one)


def stand_still(place: City) -> None:
    """Let no time pass at the port, however long the test takes."""
    now = place.now_us()
    place.port.now_us = lambda: now


def dial_from(place: City, host: str, *segments: bytes) -> tuple[MeterConnection, FakeTransport]:
    connection, transport = MeterConnection(place.port), FakeTransport(host)
    connection.connection_made(transport)
    for segment in segments:
        if not transport.is_closing():
            connection.data_received(segment)
    return connection, transport


async def test_only_networks_that_are_allowed_are_let_in() -> None:
    async with city(settings=GatewaySettings(allowed_networks=("10.0.0.0/8",))) as place:
        _, own = place.dial(register("1"))
        _, stranger = dial_from(place, "203.0.113.9")
        assert own.sent == ACKS[REGISTER]
        assert stranger.is_closing()
        assert place.port.counters.refused == {FOREIGN_NETWORK: 1}


async def test_a_flood_from_one_address_is_refused_and_another_address_is_not() -> None:
    async with city(settings=GatewaySettings(connections_per_peer_second=1)) as place:
        stand_still(place)
        for _ in range(BURST_S + 50):
            connection, transport = dial_from(place, "203.0.113.9")
            transport.abort()
            connection.connection_lost(None)
        assert place.port.counters.refused == {TOO_MANY_CONNECTIONS: 50}
        _, meter = place.dial(register("1"))
        assert meter.sent == ACKS[REGISTER]
        await place.settle()
        # Who was refused, or never said a word, is counted and not journalled.
        assert place.port.counters.silent == BURST_S
        assert [what for what, _ in place.occurrences()] == ["open", "login"]


async def test_who_says_nothing_until_the_deadline_is_recorded_with_when_it_came() -> None:
    async with city() as place:
        connection, transport = place.dial()
        place.port.sweep(place.now_us() + 31 * SECOND_US)
        assert transport.is_closing()
        connection.connection_lost(None)
        await place.settle()
        reason = "no login before the deadline"
        assert place.occurrences() == [("open", ""), ("close", reason)]
        assert place.port.counters.silent == 0


async def test_who_fails_to_prove_itself_is_hung_up_on_and_its_bytes_are_nobodys() -> None:
    async with city() as place:
        guard(place, MN, Access(password=b"654321"))
        connection, transport = place.dial(LOGGER)
        assert transport.is_closing()
        assert transport.sent == b""
        connection.connection_lost(None)
        await place.settle()
        [kept] = place.envelopes()
        assert (kept.codec, kept.reasons, kept.data) == ("unknown", [WRONG_PASSWORD], LOGGER)
        assert place.occurrences() == [
            ("open", ""), ("denied", WRONG_PASSWORD), ("close", WRONG_PASSWORD)
        ]  # fmt: skip
        assert place.port.counters.denied == 1
        assert place.port.counters.closed == {WRONG_PASSWORD: 1}
        assert len(place.port.fleet) == 0


async def test_whoever_guesses_passwords_is_held_up_and_the_meter_elsewhere_is_not() -> None:
    async with city(settings=GatewaySettings(denied_logins_per_meter=3)) as place:
        guard(place, MN, Access(password=b"654321"))
        for _ in range(3):
            dial_from(place, "203.0.113.9", LOGGER)
        guard(place, MN, Access(password=b"123456"))
        _, guessed = dial_from(place, "203.0.113.9", LOGGER)
        assert guessed.is_closing()
        assert place.port.counters.closed == {WRONG_PASSWORD: 3, TOO_MANY_DENIALS: 1}
        _, meter = place.dial(LOGGER)
        assert not meter.is_closing()
        assert place.port.counters.denied == 4


async def test_profiles_that_come_again_forgive_nothing_and_others_do() -> None:
    async with city(settings=GatewaySettings(denied_logins_per_meter=1)) as place:
        asked = {("hj212", MN): Profile(access=Access(password=b"654321"))}
        place.port.know(asked)
        guard(place, MN, Access(password=b"654321"))
        dial_from(place, "203.0.113.9", LOGGER)
        guard(place, MN, Access(password=b"123456"))
        place.port.know(dict(asked))
        _, guessed = dial_from(place, "203.0.113.9", LOGGER)
        assert guessed.is_closing()
        place.port.know({("hj212", MN): Profile(access=Access(password=b"123456"))})
        _, proven = dial_from(place, "203.0.113.9", LOGGER)
        assert not proven.is_closing()


async def test_a_spoofed_id_from_another_network_does_not_touch_the_meter() -> None:
    async with city() as place:
        guard(place, "1", Access(networks=(ip_network("10.0.0.0/8"),)))
        _, meter = place.dial(register("1"))
        connection, stranger = dial_from(place, "203.0.113.9", register("1"), FRAME)
        assert stranger.is_closing()
        assert not meter.is_closing()
        connection.connection_lost(None)
        await place.settle()
        assert place.occurrences()[-2:] == [("denied", OTHER_NETWORK), ("close", OTHER_NETWORK)]
        [kept] = [one for one in place.envelopes() if one.codec == "unknown"]
        assert kept.data == register("1")
        # It stands under nobody's name, least of all the meter's.
        assert [row.identity for row in kept.sessions] == [None]
        assert place.port.counters.takeovers == 0


async def test_what_comes_behind_a_denied_login_is_a_strangers() -> None:
    async with city() as place:
        guard(place, "1", Access(networks=(ip_network("10.0.0.0/8"),)))
        connection, _ = dial_from(place, "203.0.113.9", register("1"))
        assert connection.lane is None
        # Over TLS a segment may hold more than one record.
        connection.hear(FRAME, place.port.now_us())
        connection.connection_lost(None)
        await place.settle()
        assert {one.codec for one in place.envelopes()} == {"unknown"}
        assert {row.identity for one in place.envelopes() for row in one.sessions} == {None}


async def test_two_meters_under_one_id_do_not_kick_each_other_for_ever() -> None:
    async with city() as place:
        _, last = place.dial(register("1"))
        for number in range(2 * MOST_TAKEOVERS):
            _, newcomer = dial_from(place, f"10.0.1.{number}", register("1"))
            if not newcomer.is_closing():
                last = newcomer
        assert place.port.counters.takeovers == MOST_TAKEOVERS
        assert place.port.counters.duplicate_ids == MOST_TAKEOVERS
        assert not last.is_closing()


async def test_a_meter_that_dials_in_for_ever_is_turned_away_until_the_minute_is_over() -> None:
    async with city(settings=GatewaySettings(logins_per_meter_minute=3)) as place:
        kept = []
        for _ in range(5):
            connection, transport = place.dial(register("1"))
            kept.append(transport.sent == ACKS[REGISTER])
            transport.abort()
            connection.connection_lost(None)
        assert kept == [True, True, True, False, False]
        assert place.port.counters.closed == {TOO_MANY_LOGINS: 2}


async def test_a_storm_of_newcomers_is_spread_and_none_is_lost() -> None:
    async with city(settings=GatewaySettings(logins_per_second=200)) as place:
        stand_still(place)
        dialled = [place.dial() for _ in range(60)]
        waiting = [one for one in dialled if one[1].state == "paused"]
        # A tenth of a second's worth comes at once.
        assert len(waiting) == place.port.counters.paced == 60 - 20
        async with asyncio.timeout(60):
            while any(one.state == "paused" for _, one in waiting):  # noqa: ASYNC110  timers tell nobody
                await asyncio.sleep(0.01)
        for number, (connection, _) in enumerate(dialled):
            connection.data_received(register(str(number)))
        assert len(place.port.fleet) == 60


async def test_a_meter_that_sends_without_end_is_held_and_its_neighbour_is_not() -> None:
    settings = GatewaySettings(meter_burst_bytes=10_000, meter_bytes_per_second=1_000)
    async with city(settings=settings) as place:
        stand_still(place)
        mad, its = place.dial(register("1"))
        quiet, neighbours = place.dial(register("2"))
        for second in range(4):
            now = place.port.now_us() + second * SECOND_US
            for connection, transport, size in ((mad, its, 6_000), (quiet, neighbours, 300)):
                transport.received += size
                connection.is_pressing = True
                connection.hear(FRAME, now)
            place.port.sweep(now)
        assert (its.state, neighbours.state) == ("paused", "reading")
        assert place.port.counters.held == 1
        place.port.press_back()
        assert its.state == "paused"


async def test_reading_goes_on_once_the_time_is_over_whoever_else_holds_it_meanwhile() -> None:
    async with city() as place:
        connection, transport = place.dial(register("1"))
        connection.hold(0.0)
        connection.hold(60.0)
        assert transport.state == "paused"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert transport.state == "reading"


async def test_who_would_wait_for_too_long_is_hung_up_on_and_who_is_in_is_not() -> None:
    async with city(settings=GatewaySettings(logins_per_second=2)) as place:
        stand_still(place)
        _, meter = place.dial(register("1"))
        dialled = [place.dial()[1] for _ in range(3 * 2 * MOST_WAIT_S)]
        assert [one.state for one in dialled].count("paused") == pytest.approx(
            2 * MOST_WAIT_S, abs=2
        )
        assert place.port.counters.refused["logins_per_second"] == len(
            [one for one in dialled if one.is_closing()]
        )
        assert not meter.is_closing()
