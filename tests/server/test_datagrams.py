"""Datagrams on real sockets: whose frames they are, what is answered, and what is not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.codecs.mischief import vectors_of
from tests.server.doors import KNOWN, House, house
from tests.server.fakes import FakeJournal

from wattwarden.codecs import port_codecs
from wattwarden.codecs.acrel.dialogue import OTHER_CARD
from wattwarden.codecs.acrel.frame import ACKS, REGISTER, UPLOAD, seal
from wattwarden.protocol.access import NOWHERE, OPEN, Access
from wattwarden.protocol.codec import Claim, Profile
from wattwarden.server import datagrams
from wattwarden.server.datagrams import DatagramDoor, DatagramPeer, open_datagrams
from wattwarden.server.settings import GatewaySettings

if TYPE_CHECKING:
    from wattwarden.server.trace import Happened

ACREL = {vector.record["id"]: vector.raw for vector in vectors_of("acrel")}
REPORT = ACREL["acrel-upload-2"]
HEARTBEAT = ACREL["acrel-heartbeat_nb"]
ANSWER = {vector.record["id"]: vector.raw for vector in vectors_of("dlt645")}["dlt645-voltage-3"]
# Longer than any test waits for what comes, and what no test waits for when nothing does.
PATIENCE_S = 60.0


class Meter:
    """A socket that sends datagrams to the door."""

    def __init__(self, home: House, door: DatagramDoor, address: str) -> None:
        self.house = home
        self.door = door
        host, _, number = address.rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.connect((host, int(number)))

    async def say(self, *datagrams: bytes) -> None:
        """Send, and wait until all are heard."""
        heard = sum(self.door.counts.values()) + len(datagrams)
        for one in datagrams:
            self._socket.send(one)
        async with asyncio.timeout(PATIENCE_S):
            while sum(self.door.counts.values()) < heard:  # noqa: ASYNC110  a socket tells no event
                await asyncio.sleep(0.001)

    async def answer(self) -> bytes:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self._socket, 4096), PATIENCE_S)

    def stored(self) -> list[tuple[str, bytes, str | None]]:
        return [(e.codec, e.data, e.sessions[0].identity) for e in self.house.envelopes()]

    async def settled(self, envelopes: int = 1) -> None:
        """Wait until so many envelopes are stored."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.house.envelopes()) < envelopes:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.001)

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def meter(
    journal: FakeJournal | None = None, settings: GatewaySettings | None = None
) -> AsyncIterator[Meter]:
    async with house(journal, settings) as home:
        door = DatagramDoor(home.port, port_codecs())
        made = Meter(home, door, await door.start(open_datagrams("127.0.0.1", 0)))
        try:
            yield made
        finally:
            made.close()
            await door.close()


async def test_a_report_is_answered_in_the_same_exchange_once_it_is_stored() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    async with meter(journal) as acrel:
        await acrel.say(REPORT)
        await asyncio.wait_for(journal.attempted.wait(), PATIENCE_S)
        with pytest.raises(BlockingIOError):
            acrel._socket.recv(4096)
        assert journal.gate is not None
        journal.gate.set()
        assert await acrel.answer() == ACKS[UPLOAD]
        assert acrel.stored() == [("acrel", REPORT, "12006130940002")]


async def test_several_frames_may_share_a_datagram() -> None:
    async with meter() as acrel:
        await acrel.say(HEARTBEAT + REPORT + REPORT)
        assert await acrel.answer() == ACKS[UPLOAD] * 2
        assert acrel.stored() == [("acrel", HEARTBEAT + REPORT + REPORT, "12008274450003")]


async def test_each_datagram_says_itself_whose_frames_it_holds() -> None:
    async with meter() as either:
        await either.say(ANSWER)
        await either.settled()
        await either.say(REPORT)
        assert await either.answer() == ACKS[UPLOAD]
        assert [codec for codec, _, _ in either.stored()] == ["dlt645", "acrel"]


async def test_who_registered_is_known_in_later_datagrams() -> None:
    registration = seal(REGISTER, b"21201031700227".ljust(20, b"\0") + bytes(38))
    async with meter() as acrel:
        await acrel.say(registration)
        assert await acrel.answer() == ACKS[REGISTER]
        await acrel.settled()
        nameless = seal(UPLOAD, REPORT[23:-4])
        await acrel.say(nameless)
        assert await acrel.answer() == ACKS[UPLOAD]
        assert acrel.stored()[-1] == ("acrel", nameless, "21201031700227")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="nobody's"),
        pytest.param(REPORT[:-1], id="cut short"),
        pytest.param(b"\0" + REPORT, id="behind noise"),
        pytest.param(REPORT[:-3] + b"\0}}", id="broken"),
    ],
)
async def test_what_is_no_frame_is_kept_and_not_answered(raw: bytes) -> None:
    async with meter() as stranger:
        await stranger.say(raw)
        await stranger.settled()
        assert stranger.stored() == [("unknown", raw, None)]


async def test_what_a_codec_fails_at_is_kept_and_the_next_datagram_is_taken() -> None:
    def failing(_data: bytes) -> Claim:
        raise ZeroDivisionError

    async with meter() as peer:
        codecs = peer.door.codecs
        peer.door.codecs = (replace(codecs[0], recognise=failing),)
        await peer.say(b"poison")
        peer.door.codecs = codecs
        await peer.say(REPORT)
        assert await peer.answer() == ACKS[UPLOAD]
        # It has an envelope of its own, which nobody waits for.
        async with asyncio.timeout(10):
            while len(peer.stored()) < 2:  # noqa: ASYNC110  # the journal tells nobody
                await asyncio.sleep(0.001)
        assert sorted(data for _, data, _ in peer.stored()) == sorted([b"poison", REPORT])
        assert peer.door.counts["datagrams that a codec failed at"] == 1


async def test_strangers_are_kept_within_the_allowance_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with meter() as stranger:
        monkeypatch.setattr(stranger.house.port.unknown, "allows", lambda _host, _now: False)
        await stranger.say(b"hello")
        assert stranger.house.port.counters.unknown_dropped_bytes == 5
        assert stranger.stored() == []


async def test_nobody_is_sent_more_than_came_from_his_address_but_a_registered_meter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[bytes] = []
    async with meter() as acrel:
        monkeypatch.setattr(acrel.door, "send", lambda data, _address: sent.append(data))
        stranger = DatagramPeer(acrel.door, ("10.0.0.1", 9), 0)
        stranger.hear(seal(0x93), 1)
        assert sent == []
        assert acrel.door.counts == {"replies longer than requests": 1}
        stranger.hear(seal(0x93), 2)
        assert len(sent) == 1
        known = DatagramPeer(acrel.door, ("10.0.0.1", 10), 0)
        known.hear(seal(0x93, KNOWN.encode().ljust(20, b"\0")), 3)
        known.hear(seal(0x93), 4)
        known.hear(seal(0x93) * 2, 5)
        assert len(sent) == 4
        assert len(sent[-1]) > len(seal(0x93) * 2)


@pytest.mark.parametrize(
    ("access", "allowed", "reason"),
    [
        (Access(sim="8986049*"), (), "datagrams of peers that did not prove themselves"),
        (Access(networks=NOWHERE), (), "datagrams of peers that did not prove themselves"),
        (OPEN, ("10.0.0.0/8",), "datagrams from networks that are not allowed"),
    ],
    ids=["another card", "another network of the meter", "another network"],
)
async def test_who_cannot_prove_who_it_is_is_not_answered_in_datagrams_either(
    access: Access, allowed: tuple[str, ...], reason: str
) -> None:
    settings = GatewaySettings(allowed_networks=allowed)
    async with meter(settings=settings) as one:
        one.door.port.profile_of = lambda _address: Profile(access=access)
        await one.say(ACREL["acrel-register"], REPORT)
        assert one.door.counts[reason] == 2
        if not allowed:
            await one.settled()
            assert {codec for codec, _, _ in one.stored()} == {"unknown"}


async def test_datagrams_under_a_meters_address_take_nothing_from_it() -> None:
    settings = GatewaySettings(denied_logins_per_meter=3)
    cards = {"forged": Access(sim="8986049*"), "right": Access(sim="8*")}
    async with meter(settings=settings) as one:
        gate = one.door.port.gatekeeper
        one.door.port.profile_of = lambda _address: Profile(access=cards["forged"])
        await one.say(*[ACREL["acrel-register"]] * 5)
        one.door.port.profile_of = lambda _address: Profile(access=cards["right"])
        await one.say(ACREL["acrel-register"])
        await one.settled(2)
        assert one.door.counts["datagrams of peers that did not prove themselves"] == 5
        reasons = [reason for kept in one.house.envelopes() for reason in kept.reasons or ()]
        assert reasons == [OTHER_CARD] * 5
        identities = {codec: identity for codec, _, identity in one.stored()}
        assert identities.keys() == {"unknown", "acrel"}
        name, now = f"acrel:{identities['acrel']}", one.door.port.now_us()
        assert gate.denial(name, cards["right"], "127.0.0.1", None, now) is None


async def test_limits_are_counted_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MOST_PER_HOST_S", 2)
    async with meter() as acrel:
        now = acrel.house.port.now_us()
        acrel.house.port.now_us = lambda: now  # one second alone
        await acrel.say(bytes(4097))
        await acrel.say(HEARTBEAT, HEARTBEAT, HEARTBEAT)
        acrel.house.port.trouble = "journal full"
        await acrel.say(HEARTBEAT)
        acrel.house.port.trouble = None
        acrel.door.drain()
        await acrel.say(HEARTBEAT)
        assert acrel.door.counts == {
            "datagrams too long": 1,
            "datagrams": 2,
            "datagrams of an address too many": 1,
            "datagrams while the journal takes nothing": 2,
        }


async def test_peers_are_forgotten_when_they_are_silent_or_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datagrams, "MOST_PEERS", 2)
    async with house() as home:
        door = DatagramDoor(home.port, port_codecs())
        times = iter([1_000_000 * second for second in (0, 1, 2, 3, 700)])
        home.port.now_us = lambda: next(times)
        peers = []
        for number in (1, 2, 1, 3, 4):
            door.datagram_received(HEARTBEAT, ("10.0.0.1", number))
            peers.append(sorted(peer[1] for peer in door._peers))
        assert peers == [[1], [1, 2], [1, 2], [1, 3], [4]]


async def test_who_looks_at_meters_sees_their_datagrams_and_what_they_are_answered() -> None:
    async with meter() as one:
        seen: list[Happened] = []
        await one.say(REPORT)
        await one.answer()
        one.house.port.looker = seen.append
        await one.say(REPORT, b"what is this?")
        assert await one.answer() == ACKS[UPLOAD]
    assert sorted(told.what for told in seen) == ["answered", "heard", "noise"]
    heard, noise, answered = (
        next(told for told in seen if told.what == what) for what in ("heard", "noise", "answered")
    )
    assert (heard.data, heard.codec) == (REPORT, "acrel")
    assert (noise.data, noise.reason) == (b"what is this?", "no codec knows it")
    assert answered.data == ACKS[UPLOAD]
    assert answered.waited_us is not None
    assert answered.waited_us > 0
    assert heard.peer == noise.peer == answered.peer
