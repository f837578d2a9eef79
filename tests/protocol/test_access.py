"""What a meter has to show before it is believed, piece by piece."""

from ipaddress import ip_network

import pytest

from wattwarden.protocol.access import (
    NOWHERE,
    UNKNOWN_PASSWORD,
    Access,
    Certificate,
    is_inside,
)


@pytest.mark.parametrize(
    ("wanted", "given", "is_taken"),
    [
        pytest.param(None, b"", True, id="nothing is asked for"),
        pytest.param(b"123456", b"123456", True, id="the same"),
        pytest.param(b"123456", b"123457", False, id="another"),
        pytest.param(b"123456", b"12345", False, id="a part"),
        pytest.param(b"123456", b"", False, id="none"),
        pytest.param(UNKNOWN_PASSWORD, b"", False, id="one that cannot be read"),
    ],
)
def test_a_password_is_the_meters_or_none(
    wanted: bytes | None,
    given: bytes,
    is_taken: bool,  # noqa: FBT001  # a case
) -> None:
    assert Access(password=wanted).takes_password(given) is is_taken


@pytest.mark.parametrize(
    ("wanted", "given", "is_taken"),
    [
        pytest.param(None, "89860112345678901234", True, id="nothing is asked for"),
        pytest.param("89860112345678901234", "89860112345678901234", True, id="the card"),
        pytest.param("89860112345678901234", "89860112345678901235", False, id="another card"),
        pytest.param("898601123456*", "89860112345678901234", True, id="one of a block"),
        pytest.param("898601123456*", "89860112345778901234", False, id="one of another block"),
        pytest.param("898601123456", "89860112345678901234", False, id="a block without its star"),
    ],
)
def test_a_card_is_the_meters_or_one_of_its_block(
    wanted: str | None,
    given: str,
    is_taken: bool,  # noqa: FBT001  # a case
) -> None:
    assert Access(sim=wanted).takes_sim(given) is is_taken


def test_a_certificate_is_named_by_whatever_it_says_of_itself() -> None:
    whole = Certificate("ab12", "meter-7", "0f")
    assert whole.names == {"sha256:ab12", "serial:0f", "cn:meter-7"}
    assert Certificate("ab12", "", "0f").names == {"sha256:ab12", "serial:0f"}


def test_the_name_of_a_certificate_is_recorded_in_print() -> None:
    assert Certificate("ab12", "meter\n7\x1b", "0f").described == "sha256:ab12 CN=meter7"


@pytest.mark.parametrize(
    ("host", "is_there"),
    [
        pytest.param("10.1.255.255", True, id="the last of a network"),
        pytest.param("10.2.0.0", False, id="the first behind it"),
        pytest.param("192.0.2.7", True, id="an address alone"),
        pytest.param("fe80::1%eth0", True, id="with the interface it came by"),
        pytest.param("fd00::1", False, id="nowhere"),
        pytest.param("localhost", False, id="no address"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_where_somebody_dials_in_lies_inside_networks_or_not(
    host: str,
    is_there: bool,  # noqa: FBT001  # a case
) -> None:
    networks = [ip_network(text) for text in ("10.1.0.0/16", "192.0.2.7/32", "fe80::/10")]
    assert is_inside(host, networks) is is_there
    assert not is_inside(host, NOWHERE)
    assert not is_inside(host, ())
