"""HJ 212 from the other side: uploads as our own reader takes them, and answers to them."""

from datetime import UTC, datetime

import pytest

from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.client import Answers, Upload, qn_of, upload_frame
from wattwarden.codecs.hj212.frame import framed
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import DEFAULT_PROFILE, Batch, default_profile
from wattwarden.protocol.command import Command, Peer, Verb
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.secret import Secret
from wattwarden.protocol.session import Session

NOW = round(datetime(2026, 11, 22, 3, 0, 0, 125_000, tzinfo=UTC).timestamp() * 1000)
DATA = "DataTime=20261122110000;d10001-Rtd=8.25,d10001-Flag=N"


def upload(**changes: object) -> Upload:
    fields: dict[str, object] = {
        "qn": NOW,
        "st": "31",
        "cn": "2011",
        "mn": "88888880000001",
        "data": DATA,
        "password": Secret("123456"),
    }
    return Upload(**(fields | changes))  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(("edition", "flag"), [(2005, "1"), (2017, "5"), (2025, "9")])
def test_our_own_reader_takes_an_upload_and_answers_its_qn(edition: int, flag: str) -> None:
    frame = upload_frame(upload(edition=edition))
    message = CODEC.read(frame, default_profile)
    assert (message.kind, message.meter) == ("realtime", "88888880000001")
    assert message.fields["QN"] == qn_of(NOW) == "20261122110000125"
    assert (message.fields["PW"], message.fields["Flag"]) == ("123456", flag)
    [answer] = CODEC.acknowledge(Batch.of([frame], NOW * 1000))
    assert [found.qn for found in Answers().feed(answer)] == [qn_of(NOW)]


def test_a_later_repetition_says_so_in_the_edition_that_can() -> None:
    frames = [upload_frame(upload(edition=year, repeated=True)) for year in (2017, 2025)]
    assert [b";RF=1;" in frame for frame in frames] == [False, True]
    [block] = CODEC.decode(Batch.of(frames[1:], NOW * 1000)).blocks
    assert block.quality.tolist() == [int(Quality.BACKFILL)]
    assert block.values["power_total"].tolist() == [8250.0]


def test_the_same_upload_is_the_same_bytes() -> None:
    assert upload_frame(upload()) == upload_frame(upload())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"mn": "a;CN=9999"}, id="mn"),
        pytest.param({"password": Secret("a&&b")}, id="password"),
        pytest.param({"data": "x=&&"}, id="end of data"),
        pytest.param({"data": "x=1;" * 2000}, id="too long"),
    ],
)
def test_what_would_break_a_frame_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="upload"):
        upload_frame(upload(**changes))


def test_a_password_shows_itself_to_nobody() -> None:
    assert "123456" not in repr(upload())


ANSWER = b"QN=20261122110000125;ST=91;CN=9014;PW=123456;MN=88888880000001;Flag=4;CP=&&%b&&"


def answered(segment: bytes) -> list[tuple[str, str]]:
    return [(one.qn, one.refused) for one in Answers().feed(framed(segment, hj212(segment)))]


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"QnRtn=1;ExeRtn=1", "", id="all is well"),
        pytest.param(b"QnRtn=3", "QnRtn=3", id="wrong password"),
        pytest.param(b"ExeRtn=2;QnRtn=1", "ExeRtn=2", id="not executed"),
    ],
)
def test_an_answer_may_say_that_it_was_not_taken(data: bytes, refused: str) -> None:
    assert answered(ANSWER % data) == [("20261122110000125", refused)]


def test_answers_come_in_drips_and_others_between_them() -> None:
    answers = Answers()
    [own] = CODEC.acknowledge(Batch.of([upload_frame(upload())], NOW * 1000))
    request = upload_frame(upload(cn="1012"))
    stream = b"noise" + own + request + own.replace(b"9014", b"9015") + own
    found = [one for place in range(len(stream)) for one in answers.feed(stream[place : place + 1])]
    assert [one.qn for one in found] == [qn_of(NOW)] * 2
    assert answers.others >= 1


def test_what_a_recall_brings_is_marked_and_what_goes_on_meanwhile_is_not() -> None:
    session = Session([CODEC], default_profile, SessionLimits(), NOW * 1000)

    def heard(frame: bytes) -> list[int]:
        session.receive_data(frame, NOW * 1000)
        marks: list[int] = []
        while (event := session.next_event()) is not None:
            if isinstance(event, Received):
                batch = Batch.of(event.frames, NOW * 1000, asked=event.asked)
                marks += [q for block in CODEC.decode(batch).blocks for q in block.quality.tolist()]
        return marks

    assert heard(upload_frame(upload())) == [0]
    command = Command(Verb.RECALL, ("minute",), since=(NOW - 3_600_000) * 1000, until=NOW * 1000)
    session.order(1, command, Peer("88888880000001", "88888880000001", DEFAULT_PROFILE, NOW * 1000))
    assert b"CN=2051" in session.data_to_send()
    past = upload(cn="2051", data="DataTime=20261122103000;d10001-Avg=2,d10001-Flag=N", qn=NOW + 1)
    present = upload(cn="2051", data="DataTime=20261122110100;d10001-Avg=2", qn=NOW + 2)
    assert heard(upload_frame(past) + upload_frame(present)) == [int(Quality.BACKFILL), 0]
