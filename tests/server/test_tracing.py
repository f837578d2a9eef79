"""Who looks at a meter sees what it says and is told; nothing changes for it, nor for others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs
from tests.integration.wire import hj212_realtime
from tests.server.fakes import FakeJournal
from tests.server.test_port import FRAME, City, city, register

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.frame import ACKS, REGISTER, UPLOAD
from wattwarden.codecs.acrel.message import encode as encode_acrel
from wattwarden.protocol.codec import Message
from wattwarden.server import tracing as tracing_module
from wattwarden.server.connection import MeterConnection
from wattwarden.server.settings import GatewaySettings
from wattwarden.server.trace import (
    LEASE_S,
    MOST_ANSWER_BYTES,
    MOST_BYTES,
    MOST_TARGETS,
    RING_HAPPENINGS,
    TOPIC,
    Happened,
    Order,
    Told,
    decode_told,
    encode,
    portions,
)
from wattwarden.server.traced import TracedConnection
from wattwarden.server.tracing import MOST_LINES_A_SECOND, MOST_TOLD_A_SECOND, Tracing
from wattwarden.storage.debugged import Debugged

if TYPE_CHECKING:
    from wattwarden.storage.database import Connection

NAME = "acrel:1"
SOUND = hj212_realtime("88888880000001", 1, datetime(2026, 11, 22, tzinfo=UTC), "e1-Rtd=1.0")
BROKEN = SOUND[:-3] + (b"0" if SOUND[-3:-2] != b"0" else b"1") + b"\r\n"
HEARTBEAT = encode_acrel(Message("heartbeat"))
# What is loaded comes from elsewhere in these tests.
NO_CONNECTION = cast("Connection", None)


@dataclass
class FakeWire:
    """Remembers what was told, by topic."""

    told: list[tuple[str, Told]] = field(default_factory=list)
    heard: dict[str, Callable[[bytes], None]] = field(default_factory=dict)

    def tell(self, topic: str, payload: bytes) -> bool:
        self.told.append((topic, decode_told(payload)))
        return True

    async def hear(self, topic: str, hear: Callable[[bytes], None]) -> None:
        self.heard[topic] = hear

    def happened(self, topic: str = f"{TOPIC}.a") -> list[Happened]:
        return [one for where, told in self.told for one in told.happened if where == topic]

    def whats(self, topic: str = f"{TOPIC}.a") -> list[str]:
        return [one.what for one in self.happened(topic)]


def order(
    name: str = NAME, *, number: str = "a", host: str = "", last: int = 0, seconds: float = 60
) -> bytes:
    names = frozenset({name} if name else ())
    return encode(Order(number, names, host, last, seconds, "somebody"))


def is_traced(connection: MeterConnection) -> bool:
    assert type(connection) in {MeterConnection, TracedConnection}
    return type(connection) is TracedConnection


async def turn() -> None:
    """What happened is told in the next turn of the loop."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def looked_at(place: City) -> tuple[Tracing, FakeWire]:
    wire = FakeWire()
    return Tracing("gw", place.port, wire), wire


async def test_orders_come_by_the_server_of_the_journal() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        await tracing.follow()
        wire.heard[TOPIC](order())
        assert tracing.orders == 1


async def test_a_meter_is_seen_with_all_that_comes_and_goes() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        tracing.hear(order())
        connection, transport = place.dial(register("1"), b"\x00garbage", FRAME)
        await place.settle()
        connection.connection_lost(None)
        await turn()
    assert transport.sent == ACKS[REGISTER] + ACKS[UPLOAD]
    happened = wire.happened()
    assert wire.whats() == ["login", "heard", "sent", "noise", "heard", "answered", "close"]
    login, first, sent, noise, frame, answered, _ = happened
    assert (login.codec, login.identity, login.peer) == ("acrel", "1", "10.0.0.1:5000")
    assert first.data == register("1")
    assert (sent.data, answered.data) == (ACKS[REGISTER], ACKS[UPLOAD])
    assert (noise.data, noise.reason) == (b"\x00garbage", "no codec knows it")
    assert frame.data == FRAME
    assert answered.waited_us is not None
    assert answered.waited_us > 0
    assert answered.at - answered.waited_us <= frame.at


async def test_a_peer_that_never_says_who_it_is_is_seen_by_its_address() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        tracing.hear(order("", host="10.0.0.1"))
        connection, _ = place.dial(b"what is this?")
        connection.connection_lost(None)
        await turn()
    whats, happened = wire.whats(), wire.happened()
    assert (whats[0], set(whats[1:-1]), whats[-1]) == ("open", {"noise"}, "close")
    assert b"".join(one.data for one in happened) == b"what is this?"


async def test_a_peer_that_is_not_let_in_is_seen_with_the_reason() -> None:
    async with city(settings=GatewaySettings(max_sessions_per_peer=1)) as place:
        tracing, wire = looked_at(place)
        place.dial()
        tracing.hear(order("", host="10.0.0.1:5000"))
        place.dial()
        await turn()
    [refused] = wire.happened()
    assert refused.what == "refused"
    assert refused.reason in place.port.counters.refused


async def test_only_who_is_wanted_is_looked_at_and_others_stay_what_they_were() -> None:
    async with city() as place:
        connection, _ = place.dial(register("1"))
        other, _ = place.dial(register("2"))
        lane = other.lane
        tracing, wire = looked_at(place)
        tracing.hear(order("1"))
        assert is_traced(connection)
        assert not is_traced(other)
        assert [one.lane for one in (connection, other)] == [None, lane]
        assert lane is not None
        other.data_received(FRAME)
        await turn()
        assert wire.whats() == []
        tracing.hear(order("1", seconds=0))
        assert not is_traced(connection)
        assert connection.lane is lane
        assert connection.reply == connection._transport.write


async def test_a_meter_that_is_looked_at_takes_no_lane_after_it_logged_in() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        tracing.hear(order())
        connection, _ = place.dial(register("1"))
        assert connection.lane is None
        connection.data_received(FRAME + FRAME)
        await turn()
        assert wire.whats() == ["login", "heard", "sent", "heard", "heard"]


async def test_the_journal_gets_the_same_whether_somebody_looks_or_not() -> None:
    kept = []
    for looks in (False, True):
        async with city() as place:
            tracing, _ = looked_at(place)
            if looks:
                tracing.hear(order())
            connection, _ = place.dial(register("1"), FRAME, FRAME + FRAME)
            other, _ = place.dial(register("2"), FRAME)
            for one in (connection, other):
                one.connection_lost(None)
            await place.settle()
            kept.append(
                [
                    (each.sessions, each.data, each.lengths, each.session, each.reasons)
                    for each in place.envelopes()
                ]
            )
            assert [what for what, _ in place.occurrences()].count("close") == 2
    assert kept[0] == kept[1]


async def test_an_answer_to_who_was_looked_at_a_moment_ago_goes_out() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    async with city(journal) as place:
        tracing, _ = looked_at(place)
        tracing.hear(order())
        _, transport = place.dial(register("1"), FRAME)
        await journal.attempted.wait()
        tracing.hear(order(seconds=0))
        assert journal.gate is not None
        journal.gate.set()
        await place.settle()
    assert transport.sent == ACKS[REGISTER] + ACKS[UPLOAD]


async def test_a_frame_that_is_given_back_is_seen() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        tracing.hear(order("88888880000001"))
        place.dial(SOUND, BROKEN)
        await place.settle()
        await turn()
    returned = next(one for one in wire.happened() if one.what == "returned")
    assert (returned.data, returned.reason) == (BROKEN, "checksum does not fit")
    assert wire.whats().count("noise") == 1


async def test_who_looks_twice_sees_it_twice_and_who_leaves_takes_nothing_away() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        tracing.hear(order())
        tracing.hear(order(number="b"))
        connection, _ = place.dial(register("1"))
        tracing.hear(order(seconds=0))
        connection.data_received(FRAME)
        await turn()
    assert wire.whats() == ["login", "heard", "sent"]
    assert wire.whats(f"{TOPIC}.b") == ["login", "heard", "sent", "heard"]


async def test_a_trace_that_nobody_renews_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async with city() as place:
        connection, _ = place.dial(register("1"))
        tracing, _ = looked_at(place)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        tracing.hear(order(seconds=600))
        tracing.sweep(begun + LEASE_S - 1)
        assert is_traced(connection)
        monkeypatch.setattr(loop, "time", lambda: begun + LEASE_S - 1, raising=False)
        tracing.hear(order(seconds=600))
        tracing.sweep(begun + LEASE_S + 1)
        assert is_traced(connection)
        tracing.sweep(begun + 2 * LEASE_S)
        assert not is_traced(connection)


async def test_a_trace_lasts_no_longer_than_was_said_however_often_it_is_renewed() -> None:
    async with city() as place:
        connection, _ = place.dial(register("1"))
        tracing, _ = looked_at(place)
        begun = asyncio.get_running_loop().time()
        tracing.hear(order(seconds=1))
        tracing.hear(order(seconds=1000))
        tracing.sweep(begun + 2)
        assert not is_traced(connection)


async def test_what_was_seen_is_remembered_while_somebody_looks() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        tracing.hear(order(number="b", last=5, seconds=0))
        assert [told.connections for where, told in wire.told if where == f"{TOPIC}.b"] == [0]
        tracing.hear(order())
        place.dial(register("1"), *[FRAME] * (RING_HAPPENINGS + 10))
        wire.told.clear()
        tracing.hear(order(number="b", last=2, seconds=0))
        answers = [told for where, told in wire.told if where == f"{TOPIC}.b"]
        assert [told.connections for told in answers] == [1, None]
        assert [one.what for one in answers[1].happened] == ["heard", "heard"]
        wire.told.clear()
        tracing.hear(order(number="b", last=2 * RING_HAPPENINGS, seconds=0))
        assert len(wire.happened(f"{TOPIC}.b")) == RING_HAPPENINGS


async def test_more_than_anybody_reads_is_counted() -> None:
    async with city(FakeJournal(gate=asyncio.Event())) as place:
        tracing, wire = looked_at(place)
        tracing.hear(order())
        connection, _ = place.dial(register("1"))
        for _ in range(MOST_TOLD_A_SECOND):
            connection.data_received(FRAME)
        await turn()
        assert len(wire.happened()) == MOST_TOLD_A_SECOND
        loop = asyncio.get_running_loop()
        later = loop.time() + 2
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(loop, "time", lambda: later, raising=False)
            connection.data_received(FRAME)
        await turn()
    assert sum(told.left_out for _, told in wire.told) == 3


async def test_no_more_meters_are_looked_at_than_a_gateway_bears() -> None:
    async with city() as place:
        tracing, _ = looked_at(place)
        for number in range(MOST_TARGETS + 1):
            tracing.hear(order(f"acrel:{number}", number=str(number)))
        assert (tracing.orders, tracing.refused) == (MOST_TARGETS, 1)
        assert len(tracing) == MOST_TARGETS


async def test_an_order_that_is_none_is_counted_and_changes_nothing() -> None:
    async with city() as place:
        tracing, _ = looked_at(place)
        tracing.hear(b"\xff")
        assert (tracing.orders, tracing.refused) == (0, 1)


def test_what_is_told_fits_into_messages() -> None:
    one = Happened(1, "heard", "p", data=b"." * MOST_BYTES, size=MOST_BYTES)
    many = [one] * 100
    parts = list(portions(many))
    assert [one for part in parts for one in part] == many
    assert all(len(encode(Told("g", None, part))) < 2 * MOST_ANSWER_BYTES for part in parts)
    assert list(portions([])) == []


async def test_a_meter_that_is_debugged_is_written_down_until_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = [Debugged(NAME, datetime.now(UTC), "me")]

    async def load(_connection: object) -> list[Debugged]:
        return list(wanted)

    monkeypatch.setattr(tracing_module, "load_debugged", load)
    async with city() as place:
        meter, _ = place.dial(register("1"))
        tracing, _ = looked_at(place)
        with capture_logs() as lines:
            await tracing.take_up(NO_CONNECTION)
            await tracing.take_up(NO_CONNECTION)
            meter.data_received(FRAME + HEARTBEAT)
            meter.data_received(b"\x00garbage")
            await place.settle()
            wanted.clear()
            await tracing.take_up(NO_CONNECTION)
            meter.data_received(FRAME)
        assert not is_traced(meter)
    events = [line["event"] for line in lines]
    assert (events[0], events[-1]) == ("meter debugged", "meter debugged no more")
    said = [line for line in lines if line["event"] == "meter debug"]
    assert {line["meter"] for line in said} == {NAME}
    assert [(line["what"], line["kind"], line["bytes"]) for line in said] == [
        ("heard", "upload", len(FRAME)),
        ("heard", "heartbeat", len(HEARTBEAT)),
        ("noise", None, 8),
        ("answered", None, 7),
    ]
    assert said[0]["head"] == FRAME[:32].hex()
    assert said[-1]["waited_ms"] > 0


async def test_a_log_holds_no_more_lines_of_a_meter_than_somebody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def load(_connection: object) -> list[Debugged]:
        return [Debugged(NAME, datetime.now(UTC), "me")]

    monkeypatch.setattr(tracing_module, "load_debugged", load)
    async with city() as place:
        meter, _ = place.dial(register("1"))
        tracing, _ = looked_at(place)
        with capture_logs() as lines:
            await tracing.take_up(NO_CONNECTION)
            meter.data_received(FRAME * (MOST_LINES_A_SECOND + 5))
            loop = asyncio.get_running_loop()
            later = loop.time() + 2
            monkeypatch.setattr(loop, "time", lambda: later, raising=False)
            meter.data_received(FRAME)
            monkeypatch.undo()
    said = [line for line in lines if line["event"] == "meter debug"]
    assert len(said) == MOST_LINES_A_SECOND + 1
    assert said[-1]["left_out"] == 5


async def test_a_codec_that_fails_where_somebody_looks_on_costs_the_meter_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(_frame: bytes, _profile_of: object) -> Message:
        raise ZeroDivisionError

    async def load(_connection: object) -> list[Debugged]:
        return [Debugged(NAME, datetime.now(UTC), "me")]

    monkeypatch.setattr(tracing_module, "load_debugged", load)
    broken = {"acrel": replace(CODEC, read=failing)}
    monkeypatch.setattr(tracing_module, "load_codecs", lambda: broken)
    async with city() as place:
        meter, transport = place.dial(register("1"))
        tracing, _ = looked_at(place)
        with capture_logs() as lines:
            await tracing.take_up(NO_CONNECTION)
            meter.data_received(FRAME)
        assert not transport.is_closing()
    assert lines[-1]["kind"] == "the codec failed: ZeroDivisionError"


async def test_what_happens_at_the_other_doors_is_seen_while_somebody_looks() -> None:
    async with city() as place:
        tracing, wire = looked_at(place)
        lookers = [place.port.looker]
        tracing.hear(order())
        looker = place.port.looker
        assert looker is not None
        for codec, identity in (("acrel", "1"), ("acrel", "2"), ("hj212", "1")):
            looker(Happened(1, "heard", "10.0.0.9:1", codec, identity, b"x", 1))
        await turn()
        assert [(one.codec, one.identity) for one in wire.happened()] == [("acrel", "1")]
        tracing.hear(order(seconds=0))
        lookers.append(place.port.looker)
    assert lookers == [None, None]
