"""What is asked of and set in a meter of DL/T 645, whoever brings the requests to it."""

from typing import Any

import pytest

from wattwarden.codecs.dlt645.commands import PASSWORD, heard, told, wanted_of
from wattwarden.codecs.dlt645.frame import seal
from wattwarden.protocol.codec import Profile
from wattwarden.protocol.command import HEARD, Answer, CannotAskError, Command, Peer, Verb

METER = "170516665384"
VOLTAGE = bytes.fromhex("00010102")


def peer(**options: Any) -> Peer:
    return Peer(METER, METER, Profile(options=options), 0)


def refusal_of(command: Command, whom: Peer) -> CannotAskError:
    with pytest.raises(CannotAskError) as refusal:
        wanted_of(command, whom)
    return refusal.value


def test_the_past_is_asked_for_by_the_items_of_a_freeze() -> None:
    refusal = refusal_of(Command(Verb.RECALL, ("day",), since=1, until=2), peer())
    assert refusal.message == (
        "DL/T 645 表的历史按数据标识问",
        "history of a DL/T 645 meter is asked for by its data items",
    )
    assert refusal.cure.en == "ask for those of a freeze, such as 05060101"
    (wanted,) = wanted_of(Command(Verb.ASK, ("05060101",)), peer())
    assert wanted.item == "05060101"


def test_nothing_is_written_without_a_password() -> None:
    write = Command(Verb.SET, values={"04000102": "123456"})
    refusal = refusal_of(write, peer())
    assert refusal.message.en == "04000102: writing takes its password"
    assert refusal.message.zh == "04000102：写 DL/T 645 表须有密码"
    assert f"--option {PASSWORD}=02123456" in refusal.cure.en
    (wanted,) = wanted_of(write, peer(password_645="02123456"))  # noqa: S106  # a meter's, made up
    assert wanted.request == b"\xfe" * 4 + seal(
        METER, 0x14, bytes.fromhex("02010004 02123456 00000000 563412")
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("0FFF0001", "1", id="an item of no table"),
        pytest.param("04000102", "12", id="half a time"),
        pytest.param("0400", "1", id="half an item"),
        pytest.param("voltage", "1", id="a name"),
    ],
)
def test_a_value_that_no_frame_can_hold_is_not_set(name: str, value: str) -> None:
    password = {PASSWORD: "02000000"}
    refusal = refusal_of(Command(Verb.SET, values={name: value}), peer(**password))
    assert refusal.message.en.startswith(f"{name}={value}: write cannot be built: ")
    assert refusal.message.zh.startswith(f"{name}={value} 不能这样设：")
    assert "4 hex digits" in refusal.cure.en


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        pytest.param(seal(METER, 0x91, VOLTAGE + b"\x01\x22"), Answer({"02010100": 220.1}),
                     id="digits"),
        pytest.param(seal(METER, 0x91, VOLTAGE + b"\x0a\x22"), None, id="no digits"),
        pytest.param(seal(METER, 0x91, bytes.fromhex("00020102") + b"\x01\x22"), None,
                     id="another item"),
        pytest.param(seal("000000000161", 0x91, VOLTAGE + b"\x01\x22"), None, id="another meter"),
        pytest.param(seal(METER, 0x91, VOLTAGE + b"\x01\x22")[:-2] + b"\0\x16", None, id="broken"),
    ],
)  # fmt: skip
def test_an_answer_is_what_can_be_read_of_the_item(frame: bytes, answer: Answer | None) -> None:
    (wanted,) = wanted_of(Command(Verb.ASK, ("02010100",)), peer())
    assert told(wanted, frame) == answer


def test_an_answer_that_cannot_be_read_has_been_heard_all_the_same() -> None:
    (wanted,) = wanted_of(Command(Verb.ASK, ("02010100",)), peer())
    assert heard(wanted, seal(METER, 0x91, VOLTAGE + b"\x0a\x22")) is HEARD
