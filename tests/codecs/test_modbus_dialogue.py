"""A meter of Modbus at a listener of its own: polled by its profile, asked and set by commands."""

from typing import Any

import pytest

from wattwarden.codecs.modbus import CODEC, answer, find_type, registers
from wattwarden.codecs.modbus.dialogue import MOST_METERS, plan_of
from wattwarden.codecs.modbus.frame import check, seal
from wattwarden.protocol.codec import Profile
from wattwarden.protocol.command import CannotAskError, Command, Ending, Peer, Verb
from wattwarden.protocol.events import LoggedIn, Received, SessionLimits
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.session import Session

NOW = 1_795_316_400_000_000
KIND = find_type("dds238")
assert KIND is not None
HELD = registers(KIND, {"voltage_a": 231.0})
METER = {"slave": 7, "type": "dds238", "period_s": 60}


def profile(*meters: dict[str, Any], **options: Any) -> Profile:
    return Profile(options={"meters": list(meters), **options}, version=1)


def session(known: Profile) -> Session:
    made = Session([CODEC], lambda _: known, SessionLimits(), NOW)
    made.bind(CODEC, "site", NOW)
    return made


def at_first_poll(made: Session) -> int:
    deadline = made.next_deadline()
    assert deadline <= NOW + 6 * SECOND_US
    made.tick(deadline)
    return deadline


def test_whoever_is_bound_is_logged_in_and_polled_in_turn() -> None:
    known = profile(METER)
    made = session(known)
    assert made.next_event() == LoggedIn(CODEC, "site")
    now = at_first_poll(made)
    for question, _ in plan_of("site", known).questions:
        request = made.data_to_send()
        assert request == question.request
        reply = answer(request, 7, HELD)
        assert reply
        made.receive_data(reply, now)
        assert made.next_event() == Received(CODEC, [reply], {0: request})
    assert made.data_to_send() == b""


def test_a_peer_that_says_who_it_is_is_bound_to_nobody() -> None:
    from wattwarden.codecs.acrel import CODEC as ACREL  # noqa: PLC0415  # beside the one under test

    made = Session([ACREL], lambda _: profile(), SessionLimits(), NOW)
    with pytest.raises(ValueError, match="peers of acrel say who they are"):
        made.bind(ACREL, "site", NOW)


@pytest.mark.parametrize(
    ("meters", "slaves"),
    [
        pytest.param([METER, {**METER, "slave": 9}], {"7", "9"}, id="two"),
        pytest.param([{**METER, "slave": 0}], set(), id="no such slave"),
        pytest.param([{**METER, "slave": 256}], set(), id="nor this"),
        pytest.param([{**METER, "slave": 255}], {"255"}, id="the last"),
        pytest.param([{**METER, "slave": "7"}], set(), id="a word"),
        pytest.param([{**METER, "type": "sundial"}], set(), id="no such type"),
        pytest.param(
            [{**METER, "slave": n % 255 + 1} for n in range(MOST_METERS + 1)],
            {str(n + 1) for n in range(MOST_METERS)},
            id="more than a gateway has",
        ),
    ],
)
def test_what_cannot_be_polled_is_left_out(meters: list[dict[str, Any]], slaves: set[str]) -> None:
    assert {question.meter for question, _ in plan_of("s", profile(*meters)).questions} == slaves


@pytest.mark.parametrize(
    ("period_s", "taken_s"),
    [(0, 1), (1, 1), (90, 90), (86_400, 86_400), (90_000, 86_400), ("x", 60)],
)
def test_a_period_is_within_a_second_and_a_day(period_s: object, taken_s: int) -> None:
    plan = plan_of("s", profile({**METER, "period_s": period_s}))
    assert {period for _, period in plan.questions} == {taken_s * SECOND_US}


def asked(made: Session, command: Command, known: Profile, channel: str = "") -> list[bytes]:
    made.take_events()
    peer = Peer("site", "site", known, NOW, number=3, channel=channel)
    made.order(1, command, peer)
    return [made.data_to_send()]


def outcome(known: Profile, command: Command, reply_of: Any, channel: str = "") -> Any:
    """What comes of a command to a line that nothing is polled on."""
    made = session(known)
    (request,) = asked(made, command, known, channel)
    made.receive_data(reply_of(request), NOW + SECOND_US)
    (found,) = made.outcomes()
    return found


def told_by_meter(request: bytes) -> bytes:
    reply = answer(request, 7, HELD)
    assert reply
    return reply


@pytest.mark.parametrize("framing", [{}, {"framing": "rtu"}], ids=["tcp", "rtu"])
def test_a_quantity_of_a_meters_map_is_asked_for_and_scaled(framing: dict[str, str]) -> None:
    known = profile({**METER, "period_s": 86_400}, **framing)
    found = outcome(known, Command(Verb.ASK, ("voltage_a",)), told_by_meter)
    assert (found.ending, found.values) == (Ending.ANSWERED, {"voltage_a": pytest.approx(231.0)})
    assert (check(found.requests[0]).transaction is None) == bool(framing)


def test_a_reply_under_another_transaction_is_no_answer() -> None:
    known = profile(METER)
    made = session(known)
    (request,) = asked(made, Command(Verb.ASK, ("voltage_a",)), known)
    adu = check(told_by_meter(request))
    assert adu.transaction is not None
    made.receive_data(seal(adu.transaction ^ 1, adu.slave, adu.pdu), NOW)
    assert made.outcomes() == []
    made.receive_data(seal(adu.transaction, adu.slave, adu.pdu), NOW)
    assert made.outcomes()[0].ending is Ending.ANSWERED


@pytest.mark.parametrize(
    ("item", "pdu"),
    [
        ("0x0014", "03 0014 0001"),
        ("20:3", "03 0014 0003"),
        ("i:0x34:2", "04 0034 0002"),
        ("0xffff:125", "03 ffff 007d"),
    ],
)
def test_registers_are_asked_for_by_their_number(item: str, pdu: str) -> None:
    known = profile(METER)
    (request,) = asked(session(known), Command(Verb.ASK, (item,)), known)
    assert check(request).pdu == bytes.fromhex(pdu)


def test_registers_are_set_and_their_setting_is_confirmed() -> None:
    def confirmed(request: bytes) -> bytes:
        adu = check(request)
        assert adu.pdu == bytes.fromhex("10 1001 0002 04 0005 00ff")
        return seal(adu.transaction, adu.slave, adu.pdu[:5])

    found = outcome(profile(METER), Command(Verb.SET, (), {"0x1001": "5,0xff"}), confirmed)
    assert (found.ending, found.values) == (Ending.ANSWERED, {"0x1001": "set"})


def test_a_refusal_is_told_in_both_languages() -> None:
    def refused(request: bytes) -> bytes:
        adu = check(request)
        return seal(adu.transaction, adu.slave, bytes([adu.pdu[0] | 0x80, 2]))

    found = outcome(profile(METER), Command(Verb.ASK, ("0x9000",)), refused)
    assert found.ending is Ending.REFUSED
    assert found.message.zh.startswith("0x9000：")
    assert found.message.en.startswith("0x9000: ")


@pytest.mark.parametrize(
    ("command", "channel", "message"),
    [
        pytest.param(Command(Verb.ASK, ("colour",)), "7", "colour is no item", id="no item"),
        pytest.param(Command(Verb.ASK, ("0x10000",)), "7", "not within 0 and 65535", id="beyond"),
        pytest.param(Command(Verb.ASK, ("1:126",)), "7", "not within 1 and 125", id="too many"),
        pytest.param(Command(Verb.ASK, ("1:0",)), "7", "not within 1 and 125", id="none"),
        pytest.param(
            Command(Verb.SET, (), {"1": ",".join("0" * 124)}), "7", "at most 123", id="too long"
        ),
        pytest.param(
            Command(Verb.SET, (), {"1": "65536"}), "7", "not within 0 and 65535", id="too large"
        ),
        pytest.param(
            Command(Verb.RECALL, ("voltage_a",), since=1, until=2), "7", "keeps no history",
            id="the past",
        ),
        pytest.param(Command(Verb.ASK, ("1",)), "", "its channels are 7, roof", id="which"),
        pytest.param(Command(Verb.ASK, ("1",)), "cellar", "its channels are", id="no channel"),
        pytest.param(Command(Verb.ASK, ("1",)), "256", "its channels are", id="no slave"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_a_cure(
    command: Command, channel: str, message: str
) -> None:
    known = profile(METER, {"slave": 8, "channel": "roof"}, {"slave": 0})
    with pytest.raises(CannotAskError, match=message) as refusal:
        asked(session(known), command, known, channel)
    assert refusal.value.cure.zh


@pytest.mark.parametrize(("channel", "slave"), [("roof", 8), ("7", 7), ("12", 12)])
def test_a_slave_is_named_by_its_channel_or_number(channel: str, slave: int) -> None:
    known = profile(METER, {"slave": 8, "channel": "roof"})
    (request,) = asked(session(known), Command(Verb.ASK, ("1",)), known, channel)
    assert check(request).slave == slave
