"""Who may dial in, and who is believed to be the meter that it says."""

from ipaddress import ip_network

import pytest

from wattwarden.protocol.access import NOWHERE, OPEN, Access, Certificate, is_inside
from wattwarden.server.gatekeeper import (
    BURST_S,
    DENIAL_WINDOW_S,
    FOREIGN_NETWORK,
    MINUTE_S,
    OTHER_CERTIFICATE,
    OTHER_NETWORK,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_DENIALS,
    TOO_MANY_LOGINS,
    Gatekeeper,
)
from wattwarden.server.settings import GatewaySettings

SECOND = 1_000_000
METER, HOST = "hj212:M1", "10.8.1.2"
SHOWN = Certificate("ab" * 32, "M1", "1f")


def keeper(rate: int = 1, **settings: object) -> Gatekeeper:
    return Gatekeeper(GatewaySettings.model_validate(settings), rate)


@pytest.mark.parametrize(
    ("networks", "host", "refusal"),
    [
        ((), "203.0.113.9", None),
        (("10.8.0.0/16", "2001:db8::/32"), HOST, None),
        (("10.8.0.0/16", "2001:db8::/32"), "2001:db8::7", None),
        (("fe80::/10",), "fe80::1%eth0", None),
        (("10.8.0.0/16",), "10.9.1.2", FOREIGN_NETWORK),
        (("10.8.0.0/16",), "2001:db8::7", FOREIGN_NETWORK),
        (("0.0.0.0/0",), "unknown", FOREIGN_NETWORK),
    ],
)
def test_only_addresses_of_allowed_networks_are_let_in(
    networks: tuple[str, ...], host: str, refusal: str | None
) -> None:
    assert keeper(allowed_networks=networks).refusal(host, 0) == refusal


def test_an_address_may_dial_in_all_at_once_but_not_for_ever() -> None:
    gate = keeper(connections_per_peer_second=2)
    told = [gate.refusal(HOST, 0) for _ in range(2 * BURST_S + 1)]
    assert told == [None] * 2 * BURST_S + [TOO_MANY_CONNECTIONS]
    assert gate.refusal("10.8.1.3", 0) is None
    gate.expire(SECOND)
    assert gate.refusal(HOST, SECOND // 2) is None
    assert gate.refusal(HOST, SECOND // 2) == TOO_MANY_CONNECTIONS


@pytest.mark.parametrize("rate", [1, 60])
def test_a_meter_that_logs_in_again_and_again_has_to_wait(rate: int) -> None:
    gate = keeper(rate, logins_per_meter_minute=2)
    start = 5 * MINUTE_S * SECOND * rate
    told = [gate.denial(METER, OPEN, HOST, None, start) for _ in range(3)]
    assert told == [None, None, TOO_MANY_LOGINS]
    assert gate.denial("hj212:M2", OPEN, HOST, None, start) is None
    assert gate.denial(METER, OPEN, HOST, None, start + MINUTE_S * SECOND * rate) is None


@pytest.mark.parametrize(
    ("access", "shown", "denial"),
    [
        (Access(networks=(ip_network("10.8.0.0/16"),)), None, None),
        (Access(networks=(ip_network("10.9.0.0/16"),)), None, OTHER_NETWORK),
        (Access(networks=NOWHERE), None, OTHER_NETWORK),
        (Access(certificate="sha256:" + "ab" * 32), SHOWN, None),
        (Access(certificate="cn:M1"), SHOWN, None),
        (Access(certificate="serial:1f"), SHOWN, None),
        (Access(certificate="cn:M2"), SHOWN, OTHER_CERTIFICATE),
        (Access(certificate="cn:M1"), None, OTHER_CERTIFICATE),
        (Access(certificate="cn:"), Certificate("00" * 32, "", "1"), OTHER_CERTIFICATE),
    ],
    ids=["its network", "another", "unreadable", "fingerprint", "name", "serial", "another name",
         "at the plain port", "no name at all"],
)  # fmt: skip
def test_a_meter_is_believed_with_what_it_has_to_show(
    access: Access, shown: Certificate | None, denial: str | None
) -> None:
    assert keeper().denial(METER, access, HOST, shown, 0) == denial


def test_who_fails_too_often_is_not_believed_from_there_even_with_the_right_proof() -> None:
    gate = keeper(denied_logins_per_meter=3)
    access = Access(certificate="cn:M1")
    for _ in range(3):
        gate.note_denial(METER, HOST, SECOND)
    assert gate.denial(METER, access, HOST, SHOWN, SECOND) == TOO_MANY_DENIALS
    assert gate.denial(METER, access, "10.8.1.3", SHOWN, SECOND) is None
    assert gate.denial("hj212:M2", Access(certificate="cn:M1"), HOST, SHOWN, SECOND) is None
    later = SECOND + DENIAL_WINDOW_S * SECOND
    assert gate.denial(METER, access, HOST, SHOWN, later) is None


def test_whoever_failed_is_believed_anew_when_what_has_to_be_shown_changes() -> None:
    gate = keeper(denied_logins_per_meter=1)
    access = Access(certificate="cn:M1")
    gate.expect({("hj212", "M1"): Access(certificate="cn:M1")})
    gate.note_denial(METER, HOST, 0)
    # Profiles come again and again without a change.
    gate.expect({("hj212", "M1"): Access(certificate="cn:M1")})
    assert gate.denial(METER, access, HOST, SHOWN, 0) == TOO_MANY_DENIALS
    gate.expect({("hj212", "M1"): Access(certificate="cn:M1", sim="8986*")})
    assert gate.denial(METER, access, HOST, SHOWN, 0) is None


def test_strangers_use_up_no_logins_of_a_meter_that_proves_itself() -> None:
    gate = keeper(logins_per_meter_minute=2)
    access = Access(certificate="cn:M1")
    for number in range(5):
        assert gate.denial(METER, access, f"203.0.113.{number}", None, 0) == OTHER_CERTIFICATE
    told = [gate.denial(METER, access, HOST, SHOWN, 0) for _ in range(3)]
    assert told == [None, None, TOO_MANY_LOGINS]


def test_a_password_that_cannot_be_read_fits_nothing() -> None:
    assert not Access(password=b"").takes_password(b"")
    assert Access(password=b"123456").takes_password(b"123456")
    assert not Access(password=b"123456").takes_password(b"12345")
    assert "123456" not in repr(Access(password=b"123456"))


def test_a_card_is_told_whole_or_by_its_beginning() -> None:
    assert Access(sim="8986042*").takes_sim("89860423000000000001")
    assert not Access(sim="8986042*").takes_sim("8986012")
    assert not Access(sim="8986042").takes_sim("89860423000000000001")
    assert not Access(sim="8986042*").takes_sim("")


def test_what_a_certificate_calls_its_owner_is_recorded_without_what_tricks_the_eye() -> None:
    shown = Certificate("00" * 32, "M1\u202e\x00\x1b[2J\n", "1")
    assert shown.described == f"sha256:{'00' * 32} CN=M1[2J"


def test_what_is_no_address_is_nowhere() -> None:
    assert not is_inside("10.0.0.1:99", (ip_network("0.0.0.0/0"),))
