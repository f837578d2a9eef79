"""Certificates for servers and meters of tests: signed by themselves, or by an authority."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; its own is ``file``."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        own = _certificate(self._name, self._name, self._key, self._key, 30, is_authority=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(own))

    def sign(self, name: str, days: int = 30) -> tuple[Path, str]:
        """Return a PEM file with a key and a certificate for a name, and its SHA-256."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(_named(name), self._name, key, self._key, days, is_authority=False)
        file = self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}.pem"
        file.write_bytes(_key_pem(key) + _pem(made))
        file.chmod(0o600)
        return file, made.fingerprint(hashes.SHA256()).hex()


def make_certificate(folder: Path, host: str) -> Path:
    """Return a PEM file with a key and a certificate for a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(host)
    file = folder / "server.pem"
    file.write_bytes(_key_pem(key) + _pem(_certificate(name, name, key, key, 1, is_authority=True)))
    return file


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    days: int,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    host = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    named = [x509.DNSName(host)] if isinstance(host, str) and host.isascii() else []
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(named), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(signing, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
