"""What ``wattwarden doctor`` looks at in the files of the TLS port.

    readable, the key's own ─► the key fits ─► issued one by the next ─► holds for how long

By the very way in which a gateway reads them, so that what is well here is well there.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import NameOID

from wattwarden.server.certificates import CertificateError, Files
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.tools.checks import Check, State

# Authorities and people take weeks; three days are left for who reads this on a Friday.
EXPIRY_WARN: Final = timedelta(days=30)
EXPIRY_FAIL: Final = timedelta(days=3)

CERTIFICATE: Final = "certificate"
CHAIN: Final = "certificate chain"
AUTHORITY: Final = "meters' authority"
# What a certificate raises that OpenSSL may take all the same.
_BROKEN: Final = (ValueError, DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType)


def certificates(settings: Settings, now: datetime) -> Iterator[Check]:
    """Whether the certificate that meters are shown, and their authority, are well and hold on."""
    gateway = settings.gateway
    if gateway.tls_listen is None:
        yield Check(CERTIFICATE, State.OK, "meters speak no TLS: tls_listen is not set")
        return
    files = Files.of(gateway, Places(settings.data).secrets)
    try:
        files.load()
    except CertificateError as error:
        yield Check(CERTIFICATE, State.FAIL, error.message, error.cure)
        return
    yield from _looked_at(files.certificate, now)
    if files.authority is not None:
        yield _authority(files.authority, now)


def _looked_at(file: Path, now: datetime) -> Iterator[Check]:
    try:
        chain = _read(file)
    except (OSError, *_BROKEN) as error:
        message = f"{file} does not say until when it holds: {error}"
        yield Check(CERTIFICATE, State.FAIL, message, "put the certificate there as plain PEM")
        return
    yield _lasting(CERTIFICATE, file, chain, now)
    yield _chained(file, chain)


def _chained(file: Path, chain: Sequence[Certificate]) -> Check:
    """Whether each certificate was issued by the next: meters build no chain of loose ones."""
    for place, (one, next_one) in enumerate(pairwise(chain), 2):
        try:
            one.verify_directly_issued_by(next_one)
        except (ValueError, TypeError, InvalidSignature):
            found = (
                f"{file.name}: certificate {place} ({_name(next_one)}) did not issue the one before"
            )
            cure = f"put into {file}: the certificate, then the one that issued it, and so on"
            return Check(CHAIN, State.WARN, found, cure)
    last = chain[-1]
    if last.issuer == last.subject:
        return Check(CHAIN, State.OK, f"{len(chain)} of them, to {_name(last)}")
    # Right where that is a root that meters know; with one between, they would refuse it.
    return Check(CHAIN, State.OK, f"{len(chain)} of them; meters have to know {_issuer(last)}")


def _authority(file: Path, now: datetime) -> Check:
    try:
        known = _read(file)
        strangers = [one for one in known if not _is_authority(one)]
    except (OSError, *_BROKEN) as error:
        cure = "put it there as PEM; where it is, have whoever issued it make one as RFC 5280 says"
        return Check(AUTHORITY, State.FAIL, f"{file} cannot be read: {error}", cure)
    if strangers:
        found = (
            f"{file.name}: {_name(strangers[0])} is no authority, and signs no meter's certificate"
        )
        cure = f"put into {file} the certificates of those who sign meters' certificates"
        return Check(AUTHORITY, State.FAIL, found, cure)
    return _lasting(AUTHORITY, file, known, now)


def _lasting(name: str, file: Path, known: Sequence[Certificate], now: datetime) -> Check:
    """How long all of a file's certificates hold."""
    first = min(known, key=lambda one: one.not_valid_after_utc)
    latest = max(one.not_valid_before_utc for one in known)
    ends, left = first.not_valid_after_utc, first.not_valid_after_utc - now
    if now < latest:
        found = f"{file.name} holds from {latest:%Y-%m-%d} only"
        return Check(
            name, State.FAIL, found, "set the clock right, or put one there that holds now"
        )
    whose = "" if len(known) == 1 else f" ({_name(first)})"
    found = f"{file.name} holds until {ends:%Y-%m-%d}{whose}, {left.days} days"
    cure = f"put a new one into {file.parent}; gateways take it up by themselves"
    if left < EXPIRY_FAIL:
        return Check(name, State.FAIL, found, cure)
    if left < EXPIRY_WARN:
        return Check(name, State.WARN, found, cure)
    return Check(name, State.OK, found)


def _read(file: Path) -> list[Certificate]:
    """Read the certificates of a file, one at least.

    Raises:
        OSError: It cannot be read.
        _BROKEN: It holds none, or one that is none.
    """
    return load_pem_x509_certificates(file.read_bytes())


def _is_authority(one: Certificate) -> bool:
    """Whether it may sign others.

    Raises:
        _BROKEN: What it says of itself cannot be read.
    """
    try:
        return one.extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        # Of version 1, as old authorities of factories are: who signed itself may sign others.
        return one.issuer == one.subject


def _name(one: Certificate) -> str:
    names = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else one.subject.rfc4514_string()


def _issuer(one: Certificate) -> str:
    names = one.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else one.issuer.rfc4514_string()
