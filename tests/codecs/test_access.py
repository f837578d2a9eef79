"""What meters have to show before they are believed: passwords in HJ 212, SIM cards in Acrel."""

import pytest
from tests.codecs.hj212_frames import KEY, MN, NOW, batch, frame, upload
from tests.codecs.hj212_vectors import TIME

from wattwarden.codecs import load_codecs
from wattwarden.codecs.acrel.dialogue import OTHER_CARD
from wattwarden.codecs.acrel.frame import ACKS, REGISTER, SERIAL_BYTES, seal
from wattwarden.codecs.acrel.message import encode
from wattwarden.codecs.hj212.header import WRONG_PASSWORD
from wattwarden.codecs.pushes.told import address_of
from wattwarden.protocol.access import UNKNOWN_PASSWORD, Access
from wattwarden.protocol.codec import (
    Batch,
    Codec,
    Columns,
    Message,
    Profile,
    ProfileOf,
    default_profile,
)
from wattwarden.protocol.events import Closing, Denied, LoggedIn, Received, SessionLimits, Skipped
from wattwarden.protocol.session import Session
from wattwarden.storage.rows.decoding import check

HJ212, ACREL = load_codecs()["hj212"], load_codecs()["acrel"]
READING = f"{TIME};w01018-Rtd=1.5,w01018-Flag=N"
OTHER_MN = "OTHER"
PW = b"123456"  # what ``upload`` carries
CARD = "89860423000000000001"


def of(meter: str, access: Access, key: bytes | None = None) -> ProfileOf:
    """Profiles of which one meter's alone asks for something."""
    asking = Profile(key=key, access=access)
    return lambda address: asking if address == meter else default_profile(address)


def with_password(password: bytes, key: bytes | None = None) -> ProfileOf:
    return of(MN, Access(password=password), key)


def events(codec: Codec, profile_of: ProfileOf, *segments: bytes) -> tuple[list[object], bytes]:
    session = Session((codec,), profile_of, SessionLimits(), NOW)
    told: list[object] = []
    sent = b""
    for segment in segments:
        frames = session.take_frames(segment, NOW)
        if frames is None:
            session.receive_data(segment, NOW)
        elif frames:
            told.append(Received(codec, frames))
        told += session.take_events()
        sent += session.data_to_send()
    return told, sent


def kinds(told: list[object]) -> list[type]:
    return [type(one) for one in told]


@pytest.mark.parametrize("password", [PW, None], ids=["the right one", "none asked for"])
def test_a_logger_with_its_password_is_known_answered_and_read(password: bytes | None) -> None:
    profile_of = of(MN, Access(password=password))
    raw = upload(READING)
    told, _ = events(HJ212, profile_of, raw)
    assert kinds(told) == [LoggedIn, Received]
    assert HJ212.acknowledge(batch(raw, profile_of=profile_of))[0]
    columns = HJ212.decode(batch(raw, profile_of=profile_of))
    assert len(columns.factors) == 1
    assert not columns.refused


WRONG = {
    "another": b"654321",
    "shorter": b"12345",
    "longer": b"1234567",
    "unreadable": UNKNOWN_PASSWORD,
}


@pytest.mark.parametrize("password", WRONG.values(), ids=WRONG)
def test_a_logger_with_another_password_is_nobody(password: bytes) -> None:
    profile_of = with_password(password)
    raw = upload(READING)
    told, sent = events(HJ212, profile_of, raw)
    assert told == [
        Denied(HJ212, MN, WRONG_PASSWORD),
        Skipped(raw, WRONG_PASSWORD),
        Closing(WRONG_PASSWORD),
    ]
    assert sent == b""


@pytest.mark.parametrize("cn", ["9015", "9021", "1013"])
def test_nothing_is_said_to_a_logger_with_another_password(cn: str) -> None:
    told, sent = events(HJ212, with_password(b"654321"), upload("", cn=cn, flag="Flag=1;"))
    assert kinds(told) == [Denied, Skipped, Closing]
    assert sent == b""


def test_a_frame_without_a_password_is_refused_where_one_is_asked_for() -> None:
    raw = frame(f"QN=20261122110000001;ST=31;CN=2011;MN={MN};Flag=5;CP=&&{READING}&&")
    told, _ = events(HJ212, with_password(PW), raw)
    assert kinds(told) == [Denied, Skipped, Closing]


def test_a_known_logger_does_not_speak_for_another_without_its_password() -> None:
    profile_of = with_password(b"654321")
    own, foreign = upload(READING, mn=OTHER_MN), upload(READING)
    told, _ = events(HJ212, profile_of, own, foreign)
    # The session does not look into frames of whom it knows: nobody answers them, or reads them.
    assert kinds(told) == [LoggedIn, Received, Received]
    taken = batch(own, foreign, identity=OTHER_MN, profile_of=profile_of)
    answers = HJ212.acknowledge(taken)
    assert [bool(answer) for answer in answers] == [True, False]
    columns = HJ212.decode(taken)
    assert columns.meters == (OTHER_MN,)
    assert [(one.frame, one.message) for one in columns.refused] == [(1, WRONG_PASSWORD)]


def test_a_replayed_frame_of_another_meter_is_refused_though_its_checksum_fits() -> None:
    profile_of = with_password(b"654321")
    raw = upload(READING)
    assert HJ212.confirm is not None
    assert HJ212.confirm(batch(raw, profile_of=profile_of)).all()
    assert not HJ212.decode(batch(raw, profile_of=profile_of)).factors


def test_an_encrypted_frame_has_to_carry_the_password_too() -> None:
    told, _ = events(HJ212, with_password(b"654321", KEY), upload(READING, flag="Flag=9;"))
    assert Received not in kinds(told)


def test_no_message_holds_a_password() -> None:
    profile_of = with_password(b"654321")
    raw = upload(READING)
    told, _ = events(HJ212, profile_of, raw)
    said = [one.reason for one in told if isinstance(one, Denied | Closing | Skipped)]
    said += [one.message for one in HJ212.decode(batch(raw, profile_of=profile_of)).refused]
    assert len(said) == 4
    assert not any(password in text for text in said for password in ("123456", "654321"))


def registration(serial: str = "7", iccid: str = CARD) -> bytes:
    fields = {
        "serial": serial, "iccid": iccid, "rssi": 20, "firmware_1": "0001", "firmware_2": "0001",
        "firmware_3": "0001", "report_interval_min": 5,
    }  # fmt: skip
    return encode(Message("register", fields=fields))


REPORT = encode(Message("upload", fields={"serial": "7", "sections": []}))


@pytest.mark.parametrize("sim", [CARD, "898604*", None], ids=["its card", "its block", "any"])
def test_a_meter_that_registers_with_its_card_is_known(sim: str | None) -> None:
    told, sent = events(ACREL, of("7", Access(sim=sim)), registration(), REPORT)
    assert kinds(told) == [LoggedIn, Received, Received]
    assert sent == ACKS[REGISTER]


UNREADABLE = seal(REGISTER, b"7".ljust(SERIAL_BYTES, b"\0") + b"\x8989860" + bytes(31))
FOREIGN = {
    "another card": (registration(iccid="89860423000000000002"),),
    "no card": (registration(iccid=""),),
    "an unreadable card": (UNREADABLE,),
    "no registration": (REPORT,),
    "another meter before it": (registration("8", ""), registration(iccid="")),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_meter_that_registers_otherwise_is_nobody(name: str) -> None:
    segments = FOREIGN[name]
    told, sent = events(ACREL, of("7", Access(sim=CARD)), *segments)
    assert kinds(told)[-3:] == [Denied, Skipped, Closing]
    assert [one.reason for one in told if isinstance(one, Closing)] == [OTHER_CARD]
    assert len(sent) == (len(segments) - 1) * len(ACKS[REGISTER])


TRICKS = {
    "NUL": "M\x001",
    "control characters": "M\x1b[2J1",
    "right to left": "M\u202e1",
    "a homoglyph": "\u041c1",
    "full width": "\uff2d1",
    "no width": "M\u200b1",
    "a line feed": "M\n1",
    # Bytes that are no letter, as they are kept in texts.
    "over-long UTF-8": b"M\xc0\xaf1".decode(errors="surrogateescape"),
    "too long": "M" * 65,
    "mark-up": "<b>M1</b>",
}


def sent_as(trick: str) -> bytes:
    return trick.encode(errors="surrogateescape")


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_that_tricks_the_eye_or_a_terminal_is_no_identity(name: str) -> None:
    trick = TRICKS[name]
    segment = b"QN=20261122110000001;ST=31;CN=2011;PW=1;MN=" + sent_as(trick) + b";Flag=5;"
    told, _ = events(HJ212, default_profile, frame(segment + b"CP=&&" + READING.encode() + b"&&"))
    logged_in = [one.identity for one in told if isinstance(one, LoggedIn)]
    # What stands in a page is escaped there; nothing else that could be typed is kept out.
    assert logged_in == (["<b>M1</b>"] if name == "mark-up" else [])


@pytest.mark.parametrize("name", TRICKS)
def test_a_platform_that_tells_such_a_name_makes_no_meter_of_it(name: str) -> None:
    made = address_of(TRICKS[name])
    assert made == (TRICKS[name] if name == "mark-up" else None)


@pytest.mark.parametrize("name", sorted(set(TRICKS) - {"mark-up", "too long"}))
def test_an_acrel_meter_that_calls_itself_so_is_nobody(name: str) -> None:
    serial = sent_as(TRICKS[name])[:SERIAL_BYTES].ljust(SERIAL_BYTES, b"\0")
    told, _ = events(ACREL, default_profile, seal(REGISTER, serial + bytes(37)))
    assert LoggedIn not in kinds(told)


def test_whatever_a_codec_calls_a_meter_what_cannot_be_printed_is_refused() -> None:
    with pytest.raises(ValueError, match="not printable"):
        check(Columns((TRICKS["right to left"],)), Batch.of([REPORT], NOW))
