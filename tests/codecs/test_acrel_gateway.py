"""Acrel's gateways: the proof of who they are, and what of their reports is believed."""

import zlib

import pytest
from tests.codecs.mischief import NOW, vectors_of

from wattwarden.codecs.acrel_gateway import CODEC
from wattwarden.codecs.acrel_gateway.dialogue import DEFAULT_IDLE_S, FAILED_IDLE_S
from wattwarden.codecs.acrel_gateway.frame import AUTH, DATA, DATA_ZIPPED, MOST_BYTES, seal
from wattwarden.codecs.acrel_gateway.secrets import (
    MOST_XML_BYTES,
    encrypt,
    proof,
    sequence_of,
    zipped,
)
from wattwarden.codecs.acrel_gateway.texts import (
    MOST_METERS,
    Notice,
    Report,
    notice_of,
    parse,
    write_notice,
    write_report,
)
from wattwarden.protocol.codec import Batch, Columns, Dialogue, Message, Profile
from wattwarden.protocol.errors import Refusal

KEY = b"0123456789abcdef"
GATEWAY = "AWT100-0001"
VECTORS = {vector.record["id"]: vector.raw for vector in vectors_of("acrel_gateway")}
METERS = {"01": {"WPP": 1.5}}


def profile_of(address: str) -> Profile:
    return Profile(key=KEY) if address == GATEWAY else Profile()


def auth(operation: str, gateway: str = GATEWAY, **parts: str) -> bytes:
    return seal(AUTH, write_notice(Notice(gateway, "B1", operation, parts), "id_validate"))


def answer(dialogue: Dialogue, frame: bytes, now: int = NOW) -> dict[str, str]:
    return notice_of(parse(dialogue.receive([frame], now)[7:]), "id_validate").parts


def proven() -> Dialogue:
    dialogue = CODEC.dialogue(profile_of)
    sequence = answer(dialogue, auth("request"))["sequence"]
    assert answer(dialogue, auth("md5", md5=proof(KEY, sequence))) == {"result": "pass"}
    return dialogue


def decoded(
    frame: bytes, identity: str | None = GATEWAY, profile: Profile | None = None
) -> Columns:
    of = profile_of if profile is None else lambda _address: profile
    return CODEC.decode(Batch.of([frame], NOW, identity=identity, profile_of=of))


def test_who_answers_the_sequence_with_the_secret_is_known() -> None:
    dialogue = proven()
    assert dialogue.identity == GATEWAY
    assert dialogue.idle_limit_s == DEFAULT_IDLE_S
    time = dialogue.receive([VECTORS["acrel_gateway-heartbeat"]], NOW)
    assert CODEC.read(time, profile_of).fields["parts"] == {"time": "20261122110000"}


def test_a_proof_is_taken_in_either_case_of_letters() -> None:
    dialogue = CODEC.dialogue(profile_of)
    sequence = answer(dialogue, auth("request"))["sequence"]
    assert answer(dialogue, auth("MD5", md5=proof(KEY, sequence).upper())) == {"result": "pass"}


@pytest.mark.parametrize(
    ("gateway", "key"),
    [
        pytest.param(GATEWAY, b"another secret..", id="another secret"),
        pytest.param("AWT100-0002", b"", id="no secret is known"),
    ],
)
def test_who_answers_otherwise_stays_unknown_and_is_soon_hung_up_on(
    gateway: str, key: bytes
) -> None:
    dialogue = CODEC.dialogue(profile_of)
    sequence = answer(dialogue, auth("request", gateway))["sequence"]
    said = answer(dialogue, auth("md5", gateway, md5=proof(key, sequence)))
    assert said == {"result": "fail"}
    assert dialogue.identity is None
    assert dialogue.idle_limit_s == FAILED_IDLE_S
    assert dialogue.receive([VECTORS["acrel_gateway-heartbeat"]], NOW) == b""


def test_a_proof_that_was_overheard_is_worth_nothing() -> None:
    dialogue = CODEC.dialogue(profile_of)
    overheard = auth("md5", md5=proof(KEY, answer(dialogue, auth("request"))["sequence"]))
    assert answer(dialogue, overheard) == {"result": "pass"}
    assert answer(dialogue, overheard) == {"result": "fail"}
    later = CODEC.dialogue(profile_of)
    answer(later, auth("request"), NOW + 1)
    assert answer(later, overheard) == {"result": "fail"}


def test_nobody_without_the_key_foretells_a_sequence() -> None:
    told = {sequence_of(key, GATEWAY, NOW) for key in (KEY, b"", b"another secret..")}
    assert len(told) == 3
    assert all(text.isdigit() and len(text) == 19 for text in told)


def test_what_a_gateway_calls_itself_cannot_become_markup() -> None:
    name = "<a>&'\""
    said = CODEC.dialogue(profile_of).receive([auth("request", name)], NOW)
    assert CODEC.read(said, profile_of).meter == name


@pytest.mark.parametrize(
    ("frame", "identity", "kind", "text"),
    [
        pytest.param(VECTORS["acrel_gateway-data"], None, "unknown", "no key", id="no proof"),
        pytest.param(VECTORS["acrel_gateway-data"], "other", "unknown", "no key", id="no key"),
        pytest.param(
            seal(DATA, bytes(32)), GATEWAY, "decode", "key does not fit", id="another key"
        ),
        pytest.param(
            seal(DATA_ZIPPED, encrypt(b"<root/>", KEY)), GATEWAY, "decode", "not compressed",
            id="not compressed",
        ),
        pytest.param(
            seal(DATA_ZIPPED, encrypt(zlib.compress(b"<root/>" * 9)[:-9], KEY)), GATEWAY, "length",
            "end too early", id="cut short",
        ),
        pytest.param(
            seal(DATA, encrypt(write_report(Report("x", "", {"1": {"WPP": 1.0}})), KEY)), GATEWAY,
            "decode", "the report is that of x", id="another gateway's",
        ),
        pytest.param(
            seal(DATA, encrypt(write_report(Report(GATEWAY, "", {"123456789": {}})), KEY)), GATEWAY,
            "decode", "a meter is named by", id="a long name",
        ),
        pytest.param(
            seal(DATA, encrypt(write_report(Report(GATEWAY, "20251301000000", METERS)), KEY)),
            GATEWAY, "decode", "no such time", id="month 13",
        ),
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_believed_is_refused(
    frame: bytes, identity: str | None, kind: str, text: str
) -> None:
    columns = decoded(frame, identity)
    assert (columns.blocks, columns.factors) == ((), ())
    (refused,) = columns.refused
    assert refused.kind == kind
    assert text in refused.message


def test_a_report_that_grows_beyond_measure_is_refused_before_it_is_there() -> None:
    bomb = zlib.compress(b"<root>" + bytes(64 * MOST_XML_BYTES), 9)
    frame = seal(DATA_ZIPPED, encrypt(bomb, KEY))
    assert len(frame) < MOST_BYTES
    (refused,) = decoded(frame).refused
    assert (refused.kind, f"longer than {MOST_XML_BYTES}" in refused.message) == ("length", True)


def test_a_report_says_the_same_compressed() -> None:
    report = write_report(Report(GATEWAY, "20261122110000", METERS))
    plain, shrunk = (
        decoded(seal(command, encrypt(text, KEY)))
        for command, text in ((DATA, report), (DATA_ZIPPED, zipped(report)))
    )
    (block,), (same,) = plain.blocks, shrunk.blocks
    assert (same.channel, same.at.tolist()) == (block.channel, block.at.tolist())
    assert {name: column.tolist() for name, column in same.values.items()} == {
        name: column.tolist() for name, column in block.values.items()
    }
    assert shrunk.refused == ()


def test_texts_that_declare_or_fetch_are_refused() -> None:
    laughs = "".join(f'<!ENTITY a{n + 1} "&a{n};&a{n};">' for n in range(40))
    for declared in (f'<!ENTITY a0 "ha">{laughs}', '<!ENTITY a40 SYSTEM "file:///etc/hostname">'):
        text = f"<!DOCTYPE root [{declared}]><root>&a40;</root>".encode()
        (refused,) = decoded(seal(DATA, encrypt(text, KEY))).refused
        assert refused.kind == Refusal.DECODE


def test_more_meters_than_two_buses_have_are_refused() -> None:
    meters = {str(number): {"WPP": 1.0} for number in range(MOST_METERS + 1)}
    frame = seal(DATA, encrypt(write_report(Report(GATEWAY, "", meters)), KEY))
    (refused,) = decoded(frame).refused
    assert refused.kind == Refusal.LENGTH


def test_a_profile_makes_quantities_of_functions() -> None:
    options = {"properties": {"Ua": "voltage_a", "EPI": ["energy_forward", 1000], "x": "nothing"}}
    report = Report(GATEWAY, "", {"7": {"Ua": 220.5, "EPI": 2.5, "x": 3.0}})
    frame = seal(DATA, encrypt(write_report(report), KEY))
    columns = decoded(frame, profile=Profile(key=KEY, options=options))
    (block,) = columns.blocks
    assert block.channel == "7"
    assert {name: values.tolist() for name, values in block.values.items()} == {
        "voltage_a": [220.5],
        "energy_forward": [2500],
    }
    assert [one.layout for one in columns.factors] == [("x",)]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Message("nothing"), id="no such kind"),
        pytest.param(Message("auth"), id="no text"),
        pytest.param(Message("data", fields={"cipher": "0"}), id="no hex"),
        pytest.param(Message("auth", fields={"text": "x" * MOST_BYTES}), id="too long"),
    ],
)
def test_a_message_that_no_frame_can_hold_is_not_built(message: Message) -> None:
    with pytest.raises(ValueError, match=r"kind|built|hex|accepted"):
        CODEC.encode(message)
