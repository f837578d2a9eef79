"""Certificates of the TLS listener: the gateway's own, read anew when they change, and the meters'.

secrets/CERTIFICATE, KEY, AUTHORITY ─► Certificates.context      refresh ─► changed? ─► read again
"""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.x509 import load_pem_x509_certificate

from wattwarden.protocol.access import Certificate
from wattwarden.server.secret_files import stamp_of
from wattwarden.server.settings import GatewaySettings

_FOR_OTHERS: Final = 0o077
# TLS 1.2 is what modules of 2G and NB-IoT know; what was before it is broken (RFC 8996).
LEAST_VERSION: Final = ssl.TLSVersion.TLSv1_2


class CertificateError(Exception):
    """The files of the secrets folder do not make a certificate.  ``cure`` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Files:
    """A certificate with its chain, its key, and the authority of those who are to show one."""

    certificate: Path
    key: Path
    authority: Path | None

    @classmethod
    def of(cls, settings: GatewaySettings, secrets: Path) -> "Files":
        """Return the files that settings name."""
        authority = settings.tls_client_ca_file
        return cls(
            secrets / (settings.tls_certificate_file or ""),
            secrets / (settings.tls_key_file or ""),
            None if authority is None else secrets / authority,
        )

    def stamp(self) -> tuple[object, ...]:
        """Return what changes with their contents."""
        files = (self.certificate, self.key, self.authority)
        return tuple(stamp_of(file) for file in files if file is not None)

    def load(self) -> ssl.SSLContext:
        """Read them.

        Raises:
            CertificateError: One cannot be read, is open to others, or is none of its kind.
        """
        self._check_key()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = LEAST_VERSION
        # Who renegotiates costs a handshake each time, past all limits.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            message = f"{self.certificate} and {self.key} are no certificate and its key: {error}"
            cure = "put the certificate first, then its chain, as PEM; the key without a password"
            raise CertificateError(message, cure) from error
        if self.authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.authority)
            except OSError as error:
                message = f"{self.authority} holds no certificates of authorities: {error}"
                raise CertificateError(message, "put them there as PEM") from error
        return context

    def ends_at(self) -> datetime:
        """Return when the certificate ends; call it once it could be loaded.

        Raises:
            CertificateError: It cannot be read any more, or only OpenSSL understands its form.
        """
        try:
            return load_pem_x509_certificate(self.certificate.read_bytes()).not_valid_after_utc
        except (OSError, ValueError) as error:
            message = f"{self.certificate} does not say until when it holds: {error}"
            raise CertificateError(message, "put the certificate there as plain PEM") from error

    def _check_key(self) -> None:
        try:
            mode = self.key.stat().st_mode
        except OSError as error:
            message = f"{self.key}: {error.strerror}"
            raise CertificateError(message, "put the key there, mode 0600") from error
        if mode & _FOR_OTHERS:
            message = f"{self.key} is open to others"
            raise CertificateError(message, f"chmod 600 {self.key}")


class Certificates:
    """The context of the TLS listener, of the newest files that could be read, and when it ends."""

    def __init__(self, files: Files) -> None:
        """Read the files.

        Raises:
            CertificateError: They cannot be used.
        """
        self._files = files
        self._stamp = files.stamp()
        self.context = files.load()
        self.ends_at = files.ends_at()

    def refresh(self) -> bool:
        """Read files that changed; return whether they did.

        Raises:
            CertificateError: They did, and cannot be used: the old ones stay until the next change.
        """
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self.context, self.ends_at = self._files.load(), self._files.ends_at()
        return True


def certificate_of(tls: ssl.SSLObject) -> Certificate | None:
    """Return what the peer of a finished handshake showed, None where nothing was asked for."""
    raw = tls.getpeercert(binary_form=True)
    told = tls.getpeercert()
    if not raw or not told:
        return None
    subject = told.get("subject", ())
    names = dict(pair for part in subject for pair in part)  # type: ignore[misc]  # by typeshed anything
    return Certificate(
        hashlib.sha256(raw).hexdigest(),
        str(names.get("commonName", "")),
        str(told.get("serialNumber", "")).lower().lstrip("0"),
    )


def _no_password() -> str:
    """Open no key that has a password: nobody is there to type it, and OpenSSL would ask."""
    return ""
