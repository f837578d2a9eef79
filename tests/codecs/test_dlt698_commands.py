"""DL/T 698.45: what commands and plans ask for, and which frames are their answers."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.codecs.mischief import NOW

from wattwarden.codecs.dlt698 import CODEC, request
from wattwarden.codecs.dlt698.commands import ask, plan_of
from wattwarden.codecs.dlt698.frame import (
    FIRST,
    FRAGMENTED,
    LAST,
    MIDDLE,
    PLACE_SHIFT,
    seal,
    take_apart,
)
from wattwarden.protocol.codec import Message, Profile, default_profile
from wattwarden.protocol.command import (
    HEARD,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Question,
    Verb,
)

METER = "170516665384"
NUMBER = 3
Hear = Callable[[bytes], Answer | None]


def asked(command: Command) -> tuple[Question, ...]:
    return ask(command, Peer(METER, METER, Profile(), NOW, NUMBER))


def planned(*polls: dict[str, Any]) -> list[Question]:
    return [one for one, _ in plan_of(METER, Profile(options={"polls": list(polls)})).questions]


@pytest.mark.parametrize(
    ("name", "value", "data"),
    [
        pytest.param("43000300", "long-unsigned:300", {"long-unsigned": 300}, id="a number"),
        pytest.param("4300030a", "long:-5", {"long": -5}, id="a number below zero"),
        pytest.param(
            "40010200", "octet-string:170516665384", {"octet-string": METER}, id="bytes in digits"
        ),
        pytest.param("43000400", "visible-string:12", {"visible-string": "12"}, id="digits"),
        pytest.param(
            "40000200", "date_time_s:2026-11-22 12:00:00", {"date_time_s": "2026-11-22 12:00:00"},
            id="a time, which has colons",
        ),
    ],
)  # fmt: skip
def test_an_object_is_set_to_a_value_of_the_type_named(
    name: str, value: str, data: dict[str, Any]
) -> None:
    (question,) = asked(Command(Verb.SET, values={name: value}))
    message = CODEC.read(question.request, default_profile)
    assert (message.kind, message.meter) == ("set_request", METER)
    assert (message.fields["oad"], message.fields["data"]) == (name.upper(), data)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(
            Command(Verb.SET, values={"43000300": "long-unsigned:65536"}), "43000300: ",
            id="beyond its type",
        ),
        pytest.param(
            Command(Verb.SET, values={"43000300": "furlong:1"}), "43000300: ", id="no such type"
        ),
        pytest.param(
            Command(Verb.SET, values={"voltage": "long:1"}), "cannot be set", id="no OAD"
        ),
        pytest.param(
            Command(Verb.RECALL, ("week",), since=NOW - 1, until=NOW), "week is no item",
            id="no such history",
        ),
        pytest.param(
            Command(Verb.RECALL, ("day:volts",), since=NOW - 1, until=NOW), "volts is no item",
            id="no such column",
        ),
    ],
)  # fmt: skip
def test_what_no_request_can_say_is_refused_with_a_cure(command: Command, why: str) -> None:
    with pytest.raises(CannotAskError, match=why) as refusal:
        asked(command)
    assert all(refusal.value.message)
    assert all(refusal.value.cure)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({}, id="no items"),
        pytest.param({"items": []}, id="an empty list"),
        pytest.param({"items": "voltage"}, id="a text"),
    ],
)
def test_an_entry_that_asks_for_nothing_is_no_poll(entry: dict[str, Any]) -> None:
    (question,) = planned(entry, {"items": ["current"]})
    assert question.request == request(METER, ["20010200"], 0)


def answer(number: int = NUMBER) -> bytes:
    result = {"data": {"array": [{"long-unsigned": 2216}]}}
    fields = {"piid": number, "oad": "20000200", "result": result}
    return CODEC.encode(Message("get_response", METER, None, fields))


def piece(place: int) -> bytes:
    link = take_apart(answer())
    return seal(link._replace(control=link.control | FRAGMENTED, fragment=1 | place << PLACE_SHIFT))


def of_plan() -> Hear:
    return planned(*[{"items": ["voltage"]}] * (NUMBER + 1))[NUMBER].hear


def of_command() -> Hear:
    (question,) = asked(Command(Verb.ASK, ("voltage",)))
    return question.hear


STRANGE = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"www.usr.cn", id="no frame"),
    pytest.param(answer()[:-1], id="a frame cut short"),
    pytest.param(request(METER, ["20000200"], NUMBER), id="the question itself"),
    pytest.param(answer(NUMBER + 1), id="the answer to another"),
    pytest.param(
        CODEC.encode(Message("report", METER, None, {"piid": NUMBER, "items": []})), id="a report"
    ),
]  # fmt: skip


@pytest.mark.parametrize("hearing", [of_plan, of_command])
@pytest.mark.parametrize("frame", STRANGE)
def test_what_is_no_answer_is_not_heard_as_one(hearing: Callable[[], Hear], frame: bytes) -> None:
    assert hearing()(frame) is None


@pytest.mark.parametrize(
    ("frame", "heard"),
    [
        pytest.param(answer(), HEARD, id="a whole answer"),
        pytest.param(piece(FIRST), Answer(is_last=False), id="the first fragment"),
        pytest.param(piece(MIDDLE), Answer(is_last=False), id="one between"),
        pytest.param(piece(LAST), HEARD, id="the last"),
    ],
)
def test_a_poll_is_answered_by_the_last_fragment(frame: bytes, heard: Answer) -> None:
    assert of_plan()(frame) == heard
