"""``wattwarden doctor`` on the files of the TLS port: what would keep meters out, with its cure."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from tests.server.certificates import Authority

from wattwarden.server.places import Places
from wattwarden.server.settings import GatewaySettings, Settings
from wattwarden.tools.checks import Check, State
from wattwarden.tools.tls_files import AUTHORITY, CERTIFICATE, CHAIN, certificates


class Files:
    """The secrets folder of a gateway that speaks TLS, and what is said of it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.secrets = Places(data).secrets
        self.secrets.mkdir(parents=True)
        self.authority = Authority(self.secrets)
        self.server, _ = self.authority.sign("gateway", days=40)
        self.ends_at = load_pem_x509_certificate(self.server.read_bytes()).not_valid_after_utc

    def looked(
        self, *, key: Path | None = None, of_meters: Path | None = None, now: datetime | None = None
    ) -> dict[str, Check]:
        section = GatewaySettings(
            tls_listen="127.0.0.1:1",
            tls_certificate_file=self.server.name,
            tls_key_file=(key or self.server).name,
            tls_client_ca_file=None if of_meters is None else of_meters.name,
        )
        settings = Settings(data=self.data, gateway=section)
        return {one.name: one for one in certificates(settings, now or datetime.now(UTC))}

    def add(self, *files: Path) -> None:
        """Put more certificates behind the gateway's."""
        self.server.write_bytes(
            b"".join([self.server.read_bytes(), *(f.read_bytes() for f in files)])
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def said(check: Check, state: State, words: str) -> bool:
    return (check.state, words in check.found, bool(check.cure)) == (
        state, True, state is not State.OK,
    )  # fmt: skip


def test_without_tls_nothing_is_needed(tmp_path: Path) -> None:
    [none] = certificates(Settings(data=tmp_path), datetime.now(UTC))
    assert said(none, State.OK, "no TLS")


@pytest.mark.parametrize(
    ("left_days", "state"), [(31, State.OK), (29, State.WARN), (2, State.FAIL), (-1, State.FAIL)]
)
def test_a_certificate_that_expires_is_told_in_time(
    files: Files, left_days: int, state: State
) -> None:
    found = files.looked(now=files.ends_at - timedelta(days=left_days))[CERTIFICATE]
    assert said(found, state, f"until {files.ends_at:%Y-%m-%d}, {left_days} days")


def test_a_certificate_that_does_not_hold_yet_is_a_failure(files: Files) -> None:
    found = files.looked(now=files.ends_at - timedelta(days=50))[CERTIFICATE]
    assert said(found, State.FAIL, "only")


def test_a_file_that_is_not_there_or_not_ours_alone_is_a_failure(files: Files) -> None:
    assert said(files.looked(key=Path("no.pem"))[CERTIFICATE], State.FAIL, "no.pem")
    files.server.chmod(0o644)
    assert said(files.looked()[CERTIFICATE], State.FAIL, "open to others")


def test_a_key_of_another_certificate_is_a_failure(files: Files) -> None:
    other, _ = files.authority.sign("another")
    key = files.secrets / "other.key"
    key.write_bytes(other.read_bytes().partition(b"-----BEGIN CERT")[0])
    key.chmod(0o600)
    found = files.looked(key=key)
    assert list(found) == [CERTIFICATE]
    assert said(found[CERTIFICATE], State.FAIL, "no certificate and its key")


def test_a_chain_in_another_order_is_told(files: Files) -> None:
    assert said(files.looked()[CHAIN], State.OK, "have to know authority")
    files.add(files.authority.file)
    assert said(files.looked()[CHAIN], State.OK, "2 of them, to authority")
    files.add(Authority(files.secrets, "stranger").file)
    assert said(files.looked()[CHAIN], State.WARN, "certificate 3 (stranger)")


def test_the_first_of_a_chain_that_expires_is_named(files: Files) -> None:
    files.add(files.authority.file)
    found = files.looked(now=datetime.now(UTC) + timedelta(days=5))[CERTIFICATE]
    assert said(found, State.WARN, "(authority), 24 days")


def test_who_signs_no_certificates_is_no_authority_of_meters(files: Files) -> None:
    found = files.looked(of_meters=files.authority.file, now=datetime.now(UTC))
    assert found[AUTHORITY].state is State.WARN, "it ends within the month"
    assert said(files.looked(of_meters=files.server)[AUTHORITY], State.FAIL, "is no authority")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("30030101ff", "31030101ff"),
        ("a003020102", "a003020106"),
        ("820961", "a30961"),
        ("0603551d11", "0603551d13"),
    ],
    ids=["a set for a sequence", "no such version", "an X.400 address", "the same twice"],
)
def test_an_authority_that_cannot_be_read_to_its_end_is_told(
    files: Files, was: str, becomes: str
) -> None:
    own = load_pem_x509_certificate(files.authority.file.read_bytes()).public_bytes(Encoding.DER)
    # RFC 5280: 4.2.1.9 BasicConstraints, 4.1.2.1 Version, 4.2.1.6 GeneralName.
    broken = own.replace(bytes.fromhex(was), bytes.fromhex(becomes))
    assert broken != own
    files.authority.file.write_text(ssl.DER_cert_to_PEM_cert(broken))
    found = files.looked(of_meters=files.authority.file)[AUTHORITY]
    assert said(found, State.FAIL, "cannot be read")
