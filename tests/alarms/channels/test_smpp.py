"""Short messages as PDUs, read back by a reader that is not the code's."""

import struct
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alarms.channels.support import CHANNELS, MESSAGE, build, credentials, settings

from wattwarden.alarms.channels import smpp, smpp_pdu
from wattwarden.alarms.channels.channel import (
    BuildError,
    Credentials,
    Delivered,
    Fault,
    Refused,
)
from wattwarden.alarms.channels.smpp_pdu import Command
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.secret import Secret

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def submitted(data: bytes) -> list[dict[str, object]]:
    """Read submit_sm PDUs byte by byte (SMPP 3.4, 4.4.1)."""
    found = []
    while data:
        length, command, status, sequence = struct.unpack_from(">IIII", data)
        assert (command, status) == (4, 0)
        pdu, data = data[16:length], data[length:]
        service, _, pdu = pdu.partition(b"\0")
        source, _, rest = pdu[2:].partition(b"\0")
        destination, _, rest = rest[2:].partition(b"\0")
        esm, protocol, priority = rest[:3]
        assert (service, protocol, priority, rest[3:5]) == (b"", 0, 0, b"\0\0")
        registered, replace_, coding, default, size = rest[5:10]
        assert (registered, replace_, default) == (1, 0, 0)
        tag, width, reference = struct.unpack(">HHH", rest[10 + size :])
        assert (tag, width) == (0x0204, 2)
        text = rest[10 : 10 + size]
        header = text[: 1 + text[0]] if esm & 0x40 else b""
        found.append(
            {
                "sequence": sequence,
                "source": source.decode(),
                "destination": destination.decode(),
                "coding": coding,
                "header": header,
                "text": text[len(header) :].decode("utf-16-be"),
                "reference": reference,
            }
        )
        assert len(text) <= 140
    return found


def test_a_short_message_is_one_pdu() -> None:
    message = replace(MESSAGE, title="报警", text="停用", url="https://a.example/1")
    (pdu,) = submitted(build("smpp", message, source="10690000").body)
    assert pdu["text"] == "【环保】报警 停用 https://a.example/1"
    assert (pdu["header"], pdu["coding"], pdu["sequence"]) == (b"", 8, 1)
    assert (pdu["source"], pdu["destination"]) == ("10690000", "13711112222")


def test_a_long_message_is_numbered_parts_and_keeps_its_link() -> None:
    pdus = submitted(build("smpp", replace(MESSAGE, text="停用" * 300)).body)
    assert [pdu["sequence"] for pdu in pdus] == [1, 2, 3]
    headers = [pdu["header"] for pdu in pdus]
    reference = headers[0][3]  # type: ignore[index]  # bytes, by the reader above
    assert headers == [bytes((5, 0, 3, reference, 3, index)) for index in (1, 2, 3)]
    whole = "".join(str(pdu["text"]) for pdu in pdus)
    assert whole.endswith(f"… {MESSAGE.url}")
    assert whole.startswith("【环保】严重报警：某某铸造厂治污停用 停用")


@pytest.mark.parametrize(("signs", "parts"), [(70, [70]), (71, [67, 4])])
def test_a_text_is_one_pdu_as_long_as_its_140_bytes_hold_it(signs: int, parts: list[int]) -> None:
    message = replace(MESSAGE, title="", text="停" * signs, url="")
    pdus = submitted(build("smpp", message, signature="").body)
    assert [len(str(pdu["text"])) for pdu in pdus] == parts


@given(TEXTS, TEXTS)
def test_parts_are_at_most_three_and_whole_characters(title: str, text: str) -> None:
    message = replace(MESSAGE, title=title, text=text)
    pdus = submitted(build("smpp", message).body)
    assert 1 <= len(pdus) <= 3
    assert "".join(str(pdu["text"]) for pdu in pdus).endswith(MESSAGE.url)


def test_signs_of_two_units_make_no_fourth_part() -> None:
    message = replace(MESSAGE, title="", text="😀" * 200, url="")
    pdus = submitted(build("smpp", message, signature="").body)
    assert len(pdus) == 3
    assert "".join(str(pdu["text"]) for pdu in pdus).startswith("😀" * 90)


def test_a_message_without_a_link_has_none() -> None:
    (pdu,) = submitted(build("smpp", replace(MESSAGE, title="题", text="文", url="")).body)
    assert pdu["text"] == "【环保】题 文"


def test_a_link_that_leaves_no_room_is_not_cut() -> None:
    with pytest.raises(BuildError, match="link is longer than a message"):
        build("smpp", replace(MESSAGE, url="https://a.example/" + "x" * 200))


@pytest.mark.parametrize("address", ["张三", "12", "1" * 21, "137\x0011112222", "137 1111 2222"])
def test_an_address_that_is_no_number_is_refused(address: str) -> None:
    with pytest.raises(BuildError, match="address is no number"):
        build("smpp", replace(MESSAGE, to=(address,)))


def test_a_plus_is_not_sent() -> None:
    message = replace(MESSAGE, to=("+8613711112222",))
    assert submitted(build("smpp", message).body)[0]["destination"] == "8613711112222"


def test_a_session_begins_with_a_bind_as_version_34() -> None:
    pdu = smpp.bind(settings("smpp", system_type="WW"), credentials(CHANNELS["smpp"]), 7)
    assert pdu == struct.pack(">IIII", len(pdu), 9, 0, 7) + b"epb\0pw-SECRT\0WW\0\x34\0\0\0"
    assert "pw-SECRT" not in repr(smpp_pdu.decode(pdu))


@pytest.mark.parametrize("password", ["123456789", "密码"])
def test_a_password_that_smpp_cannot_hold_is_refused(password: str) -> None:
    with pytest.raises(BuildError, match="password is longer than SMPP allows, or not ASCII"):
        smpp.bind(settings("smpp"), Credentials({"password": Secret(password)}), 1)


@pytest.mark.parametrize("changes", [{"system_id": "x" * 16}, {"source": "号"}, {"port": 0}])
def test_settings_fit_the_fields_of_a_pdu(changes: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        settings("smpp", **changes)


def test_a_stream_is_cut_into_pdus_and_a_rest() -> None:
    link = struct.pack(">IIII", 16, 0x15, 0, 1)
    assert smpp_pdu.cut(link * 2 + link[:15]) == ((link, link), link[:15])
    assert smpp_pdu.cut(struct.pack(">IIII", 20, 0x15, 0, 1)) == (
        (),
        struct.pack(">IIII", 20, 0x15, 0, 1),
    )


@pytest.mark.parametrize("length", [0, 15, 4097, 0xFFFFFFFF])
def test_a_length_that_no_pdu_has_ends_the_stream(length: int) -> None:
    with pytest.raises(ProtocolError, match="PDU is 16 to 4096 bytes") as error:
        smpp_pdu.cut(struct.pack(">IIII", length, 0x15, 0, 1))
    assert error.value.kind is Refusal.LENGTH


def test_a_session_numbers_its_pdus_anew() -> None:
    first = smpp_pdu.cut(build("smpp").body)[0][0]
    again = smpp_pdu.decode(smpp_pdu.renumber(first, 4711))
    assert again.sequence == 4711
    assert again.fields == smpp_pdu.decode(first).fields


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (struct.pack(">IIII", 16, 0x15, 0, 9), struct.pack(">IIII", 16, 0x8000_0015, 0, 9)),
        (struct.pack(">IIII", 16, 0x06, 0, 9), struct.pack(">IIII", 16, 0x8000_0006, 0, 9)),
        (struct.pack(">IIII", 16, 0x8000_0015, 0, 9), b""),
        (struct.pack(">IIII", 16, 0x0102, 0, 9), b""),
    ],
    ids=["enquire_link", "unbind", "an answer", "unheard of"],
)
def test_what_a_gateway_asks_is_answered(asked: bytes, answered: bytes) -> None:
    assert smpp_pdu.answer(smpp_pdu.decode(asked)) == answered


REPORT = b"id:8F2 sub:001 dlvrd:001 submit date:2611221100 done date:2611221101 stat:%s err:000"


def delivered(text: bytes, esm: int = 4, tlvs: bytes = b"") -> bytes:
    body = b"\0\1\x0113711112222\0\0\x0010690000\0" + bytes((esm, 0, 0, 0, 0, 0, 0, 0, 0))
    body += bytes((len(text),)) + text + tlvs
    return struct.pack(">IIII", 16 + len(body), 5, 0, 3) + body


def test_a_delivery_report_is_read_and_answered() -> None:
    pdu = smpp_pdu.decode(delivered(REPORT % b"DELIVRD"))
    assert smpp.read_report(pdu) == smpp.Report("8F2", "DELIVRD", None)
    assert smpp_pdu.answer(pdu) == struct.pack(">IIII", 17, 0x8000_0005, 0, 3) + b"\0"


def test_a_report_names_the_message_in_its_parameters() -> None:
    reference = smpp.reference(MESSAGE.id)
    tlvs = struct.pack(">HH4sHHH", 0x1E, 4, b"9A0\0", 0x0204, 2, reference)
    pdu = smpp_pdu.decode(delivered(REPORT % b"UNDELIV", tlvs=tlvs))
    assert smpp.read_report(pdu) == smpp.Report("9A0", "UNDELIV", reference)
    assert submitted(build("smpp").body)[0]["reference"] == reference


def test_every_field_of_a_message_is_read_under_its_name() -> None:
    body = b"CMT\0\x01\x02137\0\x03\x04106\0\x05\x06\x07S\0V\0\x08\x09\x0a\x0b\x02hi"
    pdu = struct.pack(">IIII", 16 + len(body), 5, 0, 3) + body
    fields = {
        "service_type": "CMT", "source_ton": 1, "source_npi": 2, "source": "137",
        "destination_ton": 3, "destination_npi": 4, "destination": "106", "esm_class": 5,
        "protocol_id": 6, "priority": 7, "schedule": "S", "validity": "V", "registered": 8,
        "replace": 9, "data_coding": 10, "default_id": 11, "short_message": b"hi",
    }  # fmt: skip
    assert smpp_pdu.decode(pdu).fields == fields
    assert smpp_pdu.encode(Command.DELIVER_SM, 3, fields) == pdu


@pytest.mark.parametrize(
    "pdu",
    [
        delivered(REPORT % b"DELIVRD", esm=0),
        delivered(b"hello"),
        struct.pack(">IIII", 16, 0x15, 0, 1),
    ],
    ids=["somebody's message", "no report's words", "another command"],
)
def test_what_is_no_report_is_none(pdu: bytes) -> None:
    assert smpp.read_report(smpp_pdu.decode(pdu)) is None


@given(st.binary(max_size=60), st.sampled_from([*Command]))
def test_whatever_a_gateway_sends_is_a_pdu_or_refused(body: bytes, command: Command) -> None:
    data = struct.pack(">IIII", 16 + len(body), command, 0, 1) + body
    try:
        pdu = smpp_pdu.decode(data)
    except ProtocolError:
        return
    assert pdu.command == command
    smpp.read_report(pdu)
    smpp_pdu.answer(pdu)


def test_a_length_that_contradicts_its_bytes_is_refused() -> None:
    with pytest.raises(ProtocolError, match="length of the PDU does not fit"):
        smpp_pdu.decode(struct.pack(">IIII", 17, 0x15, 0, 1))


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("DELIVRD", Delivered("17")),
        ("UNDELIV", Refused("report: UNDELIV", Fault.CONTACT)),
        ("EXPIRED", Refused("report: EXPIRED", Fault.CONTACT)),
        ("ACCEPTD", None),
        ("ENROUTE", None),
    ],
)
def test_a_report_settles_what_became_of_a_message_or_leaves_it_open(
    state: str, outcome: Delivered | Refused | None
) -> None:
    assert smpp.outcome_of(smpp.Report("17", state, None)) == outcome


def test_no_report_is_asked_for_over_the_line() -> None:
    receipt = CHANNELS["smpp"].receipt
    assert receipt is not None
    given = (MESSAGE, settings("smpp"), credentials(CHANNELS["smpp"]), 0, 0, "")
    request = receipt.ask(*given)
    assert request.url == "smpp://smsc.example:2775"
    assert request.body == smpp.reference(MESSAGE.id).to_bytes(2, "big")
