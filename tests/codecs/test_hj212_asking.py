"""HJ 212: what a logger is asked and set, and which frames say what came of it."""

import pytest
from tests.codecs.hj212_frames import KEY, MN, NOW, frame

from wattwarden.codecs.hj212.asking import ask
from wattwarden.codecs.hj212.message import read
from wattwarden.protocol.codec import Profile, default_profile
from wattwarden.protocol.command import Answer, CannotAskError, Command, Peer, Question, Verb

QN = "20261122110000123"


def asked(command: Command, profile: Profile | None = None) -> Question:
    (question,) = ask(command, Peer(MN, MN, profile or Profile(), NOW))
    return question


def setting(name: str, value: str) -> Command:
    return Command(Verb.SET, values={name: value})


@pytest.mark.parametrize("hours", ["0", "4", "24"])
def test_the_cycle_of_sampling_is_set_in_hours(hours: str) -> None:
    message = read(asked(setting("sampling:w01018", hours)).request, default_profile)
    assert (message.fields["CN"], message.fields["QN"]) == ("3016", QN)
    assert message.fields["CP"] == {"PolId": "w01018", "Ctime": hours}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(setting("sampling:w01018", "25"), "allowed are 0 to 24", id="a day and more"),
        pytest.param(setting("sampling:w01018", "-1"), "allowed are 0 to 24", id="below zero"),
        pytest.param(setting("sampling:w0;CN=1", "4"), "cannot be set", id="a smuggled field"),
        pytest.param(setting("delay:w01018", "4"), "cannot be set", id="what is only read"),
        pytest.param(
            Command(Verb.RECALL, ("week",), since=NOW - 1, until=NOW), "week is no item",
            id="no such history",
        ),
        pytest.param(
            Command(Verb.RECALL, ("time",), since=NOW - 1, until=NOW), "time is no item",
            id="what has no history",
        ),
    ],
)  # fmt: skip
def test_what_a_logger_does_not_know_is_refused_with_a_cure(command: Command, why: str) -> None:
    with pytest.raises(CannotAskError, match=why) as refusal:
        asked(command)
    assert all(refusal.value.message)
    assert all(refusal.value.cure)


def said(cn: str, data: str, number: str = QN) -> bytes:
    return frame(f"QN={number};ST=91;CN={cn};PW=123456;MN={MN};Flag=4;CP=&&{data}&&")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"##00", id="a length cut short"),
        pytest.param(said("9012", "ExeRtn=1")[:-8], id="a frame cut short"),
        pytest.param(said("9012", "ExeRtn=1").replace(b"ST=91", b"ST=92"), id="damaged"),
        pytest.param(said("9012", "ExeRtn=1", "20261122110000124"), id="another number"),
        pytest.param(said("1061", "RtdInterval=30"), id="another command"),
    ],
)
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "with a key"])
def test_what_is_no_answer_is_not_heard_as_one(raw: bytes, key: bytes | None) -> None:
    question = asked(Command(Verb.ASK, ("time",)), Profile(key=key))
    assert question.hear(raw) is None


def test_an_answer_goes_on_until_its_result() -> None:
    question = asked(Command(Verb.ASK, ("time",)))
    assert question.hear(said("9011", "QnRtn=1")) == Answer(is_last=False)
    assert question.hear(said("1011", "SystemTime=20261122110000")) == Answer(
        {"SystemTime": "20261122110000"}, is_last=False
    )
    assert question.hear(said("9012", "ExeRtn=1")) == Answer({"time": "done"})
