import pytest

from wattwarden.storage.enrolment import Denied, host_of


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("journal", "journal"),
        ("", ""),
    ],
)
def test_a_peer_is_counted_by_its_address_without_port(peer: str, host: str) -> None:
    assert host_of(peer) == host


@pytest.mark.parametrize("reason", Denied)
def test_every_denial_has_a_sentence(reason: Denied) -> None:
    assert len(reason.sentence.split()) > 3
