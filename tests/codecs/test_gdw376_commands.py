"""Q/GDW 376.1: what commands and plans ask for, and which frames are their answers."""

from typing import Any

import pytest

from wattwarden.codecs.dlt645 import request as request_645
from wattwarden.codecs.dlt645.frame import seal as seal_645
from wattwarden.codecs.gdw376 import CODEC, ask, forward
from wattwarden.codecs.gdw376.commands import MOST_POLLS, plan_of, questions_of
from wattwarden.protocol import ft12
from wattwarden.protocol.codec import Message, Profile, default_profile
from wattwarden.protocol.command import HEARD, Answer, CannotAskError, Command, Peer, Question, Verb
from wattwarden.protocol.microseconds import SECOND_US

TERMINAL = "320112345"
METER = "201611223344"
NOW = 1_795_320_000 * SECOND_US  # 2026-11-22 12:00:00 in Shanghai
DAY_US = 86_400 * SECOND_US
NUMBER = 3


def questions(
    command: Command, identity: str = TERMINAL, address: str = ""
) -> tuple[Question, ...]:
    return questions_of(command, Peer(address or identity, identity, Profile(), NOW, NUMBER))


def recall(*items: str) -> Command:
    return Command(Verb.RECALL, items, since=NOW - DAY_US, until=NOW)


def planned(**options: Any) -> tuple[tuple[Question, int], ...]:
    return plan_of(TERMINAL, Profile(options=options)).questions


# --- what is asked


def test_no_more_is_polled_than_a_plan_holds() -> None:
    items = [f"0C.25.{point}" for point in range(1, MOST_POLLS + 9)]
    plan = planned(polls=[{"item": item} for item in items])
    assert len(plan) == MOST_POLLS
    last, _ = plan[-1]
    assert last.request == ask(TERMINAL, (0x0C, 25, MOST_POLLS), (MOST_POLLS - 1) % 16)


@pytest.mark.parametrize("item", ["0C.0.1", "0C.2041", "0A.9999", "0C.25.2041", "0C.25.9999"])
def test_fn_and_points_that_no_identifier_names_are_not_asked_for(item: str) -> None:
    with pytest.raises(CannotAskError, match=f"{item} is no item") as refusal:
        questions(Command(Verb.ASK, (item,)))
    assert all(refusal.value.cure)
    assert planned(polls=[{"item": item}]) == ()


@pytest.mark.parametrize("item", ["0C.2040.1", "0C.25.2040"])
def test_the_last_fn_and_point_are_asked_for(item: str) -> None:
    (question,) = questions(Command(Verb.ASK, (item,)))
    (unit,) = CODEC.read(question.request, default_profile).fields["units"]
    assert item in {f"0C.{unit['Fn']}.{unit['Pn']}", f"0C.{unit['Fn']}"}


def test_whoever_is_no_terminal_is_not_asked() -> None:
    with pytest.raises(CannotAskError, match=r"time: .*four digits of region") as refusal:
        questions(Command(Verb.ASK, ("time",)), "logger 7")
    assert refusal.value.message.zh.startswith("time 不能这样问")


@pytest.mark.parametrize("item", ["0C.25.1", "now", "0A.3"])
def test_what_has_no_history_is_not_recalled(item: str) -> None:
    with pytest.raises(CannotAskError, match=f"{item} is no item"):
        questions(recall("day", item))


@pytest.mark.parametrize(
    ("item", "values"),
    [
        pytest.param("0D.17.1", {"Td": "2026-11"}, id="months"),
        pytest.param("0D.1.1", {"Td": "2026-11-21"}, id="days"),
        pytest.param(
            "0D.81.1", {"Td": "2026-11-21 00:00", "density": 1, "points": 96}, id="a curve"
        ),
    ],
)
def test_history_is_recalled_by_the_time_stamp_it_has(item: str, values: dict[str, Any]) -> None:
    first, _ = questions(recall(item))
    (unit,) = CODEC.read(first.request, default_profile).fields["units"]
    assert unit["values"] == values


# --- what is heard


def frame(afn: int, data: str, control: int = 0x88, seq: int = 0x60 | NUMBER) -> bytes:
    body = bytes([control]) + bytes.fromhex("0132393002") + bytes([afn, seq])
    return ft12.seal(body + bytes.fromhex(data), 2)


def forwarded(inner: bytes) -> bytes:
    size = len(inner).to_bytes(2, "little").hex()
    return frame(0x10, f"0000010002{size}{inner.hex()}")


CLOCK_ASKED = Command(Verb.ASK, ("time",))
ITEM_ASKED = Command(Verb.ASK, ("02010100",))
VOLTAGE = forwarded(seal_645(METER, 0x91, bytes.fromhex("000101020122")))

STRANGE = [
    pytest.param(b"", id="nothing"),
    pytest.param(frame(0x00, "00000100")[:-1], id="a frame cut short"),
    pytest.param(frame(0x00, "00000100", seq=0x60 | 9), id="under another number"),
    pytest.param(frame(0x00, "00000100", 0x08), id="from a master station"),
    pytest.param(frame(0x00, "00000100", 0xC8), id="what the terminal begins"),
    pytest.param(frame(0x00, ""), id="a confirmation of nothing"),
    pytest.param(frame(0x00, "00000800"), id="a confirmation of no table"),
    pytest.param(frame(0x0A, "00000400"), id="another AFN"),
]


@pytest.mark.parametrize("raw", STRANGE)
@pytest.mark.parametrize(
    ("command", "address"),
    [pytest.param(CLOCK_ASKED, "", id="terminal"), pytest.param(ITEM_ASKED, METER, id="meter")],
)
def test_what_is_no_answer_is_not_heard_as_one(command: Command, address: str, raw: bytes) -> None:
    (question,) = questions(command, address=address)
    assert question.hear(raw) is None


@pytest.mark.parametrize(
    ("data", "values", "refused"),
    [
        pytest.param("00000100", {"name": "done"}, "", id="all"),
        pytest.param("00000200", {}, "denied by the terminal", id="none"),
        pytest.param("00000400" + "05" + "00004003" + "00", {"name": "done"}, "", id="the unit"),
        pytest.param("00000400" + "05" + "00004003" + "01", {}, "error 01", id="not the unit"),
        pytest.param("00000400" + "05", {}, "error ?", id="no unit"),
    ],
)
@pytest.mark.parametrize(
    ("command", "address", "name"),
    [(CLOCK_ASKED, "", "time"), (ITEM_ASKED, METER, "02010100")],
    ids=["terminal", "meter"],
)
def test_a_confirmation_says_whether_it_was_done(
    command: Command, address: str, name: str, data: str, values: dict[str, str], refused: str
) -> None:
    (question,) = questions(command, address=address)
    answer = question.hear(frame(0x00, data))
    assert answer is not None
    assert list(answer.values.items()) == [(name, said) for said in values.values()]
    if refused:
        assert answer.refused is not None
        assert answer.refused.en.startswith(f"{name}: ")
        assert refused in answer.refused.en
    else:
        assert answer.refused is None


def test_a_terminal_whose_meter_was_silent_says_so() -> None:
    (question,) = questions(ITEM_ASKED, address=METER)
    answer = question.hear(forwarded(b""))
    assert answer is not None
    assert answer.refused is not None
    assert answer.refused.en == "02010100: the meter behind did not answer"


def test_polls_are_heard_and_need_not_be_told() -> None:
    meter = {"address": METER, "items": ["02010100"]}
    plan = planned(polls=[{"item": "0A.3"}], meters=[meter])
    requests = [
        ask(TERMINAL, (0x0A, 3, 0), 0),
        forward(TERMINAL, request_645(METER, "02010100"), 1),
    ]
    assert [question.request for question, _ in plan] == requests
    for number, (question, _) in enumerate(plan):
        assert question.hear(frame(0x00, "00000200", seq=0x60 | number)) == HEARD
        assert question.hear(frame(0x00, "00000200", seq=0x60 | number + 1)) is None


def test_an_answer_of_several_frames_ends_with_its_last() -> None:
    (question,) = questions(CLOCK_ASKED)
    fields = {"A3": 2, "number": NUMBER, "CON": 0, "C": "88",
              "units": [{"Fn": 2, "values": {"clock": "2026-11-22 12:00:00 dow=7"}}]}  # fmt: skip
    for fin in (0, 1):
        raw = CODEC.encode(Message("class1", TERMINAL, None, {**fields, "FIN": fin}))
        said = {"time": {"clock": "2026-11-22 12:00:00 dow=7"}}
        assert question.hear(raw) == Answer(said, is_last=bool(fin))
