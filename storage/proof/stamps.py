"""Time-stamps of an authority (RFC 3161): asked for by a hash, kept, and read without anybody.

    statement ─ SHA-256 ─► request ─► authority ─► token: the hash and the time, signed

A token says that what it hashes existed at its time.  Its signature is checked against the
certificate that it brings; whether that is an authority's, whoever reads it has to say.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from wattwarden.storage.proof import der
from wattwarden.storage.proof.der import CONTEXT_0, OCTET_STRING, OID, SEQUENCE, SET, Element

# A token with its certificates has some 6 KiB.
MAX_TOKEN_BYTES: Final = 65_536
GRANTED: Final = (0, 1)

_SHA256: Final = bytes.fromhex("608648016503040201")
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_TST_INFO: Final = bytes.fromhex("2a864886f70d0109100104")
_MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")
# Which certificate signs (RFC 5816, RFC 2634): its hash is among what is signed.
_SIGNING_V2: Final = bytes.fromhex("2a864886f70d010910022f")
_SIGNING_V1: Final = bytes.fromhex("2a864886f70d010910020c")
_HASHES: Final[dict[bytes, hashes.HashAlgorithm]] = {
    _SHA256: hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}


class StampError(ValueError):
    """A token is none, or not of what it should be."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says: when, by whom, and the SHA-256 of the certificate that signed it."""

    at: datetime
    by: str
    certificate: str


def request_of(data: bytes, nonce: int) -> bytes:
    """Return the request for a time-stamp of some data, with the authority's certificate."""
    algorithm = der.written(SEQUENCE, der.written(OID, _SHA256) + b"\5\0")
    imprint = algorithm + der.written(OCTET_STRING, hashlib.sha256(data).digest())
    wanted = der.integer(1) + der.written(SEQUENCE, imprint) + der.integer(nonce) + b"\1\1\xff"
    return der.written(SEQUENCE, wanted)


def token_of(answer: bytes, data: bytes) -> bytes:
    """Return the token of an authority's answer, once it is seen to be of some data.

    Raises:
        StampError: It was refused, or is of something else.
    """
    if len(answer) > MAX_TOKEN_BYTES:
        message = f"an answer of more than {MAX_TOKEN_BYTES} bytes"
        raise StampError(message)
    try:
        members = der.first(answer).of(SEQUENCE).members()
        status = int.from_bytes(members[0].of(SEQUENCE).members()[0].of(der.INTEGER).content, "big")
    except (ValueError, IndexError) as error:
        message = f"the answer is no time-stamp: {error}"
        raise StampError(message) from error
    if status not in GRANTED or len(members) < 2:
        message = f"the authority refused, status {status}"
        raise StampError(message)
    token = members[1].whole
    read_stamp(token, data)
    return token


def read_stamp(token: bytes, data: bytes) -> Stamp:
    """Read a token, and check that it is of some data and signed by the certificate it brings.

    Raises:
        StampError: It is not.
    """
    if len(token) > MAX_TOKEN_BYTES:
        message = f"{len(token)} bytes, MAX_TOKEN_BYTES is {MAX_TOKEN_BYTES}"
        raise StampError(message)
    try:
        return _read(token, data)
    except InvalidSignature as error:
        raise StampError("its signature is not that of its certificate") from error
    except (ValueError, LookupError, StopIteration, TypeError) as error:
        message = f"it is no time-stamp that can be read: {error}"
        raise StampError(message) from error


def _read(token: bytes, data: bytes) -> Stamp:
    outer = der.first(token)
    if outer.whole != token:
        raise StampError("something follows it")
    kind, wrapped = outer.of(SEQUENCE).members()[:2]
    if kind.content != _SIGNED_DATA:
        raise StampError("it is no signed data")
    _, _, holder, *rest = wrapped.of(CONTEXT_0).members()[0].of(SEQUENCE).members()
    held, inner = holder.of(SEQUENCE).members()[:2]
    if held.content != _TST_INFO:
        raise StampError("it signs no time")
    info = inner.of(CONTEXT_0).members()[0].of(OCTET_STRING).content
    certificates = [one for place in rest if place.tag == CONTEXT_0 for one in place.members()]
    signer = next(place for place in rest if place.tag == SET).members()[0]
    certificate = _checked(signer.of(SEQUENCE).members(), certificates, info)
    at = _said(info, data)
    sha256 = certificate.fingerprint(hashes.SHA256()).hex()
    return Stamp(at, certificate.subject.rfc4514_string(), sha256)


def _checked(signer: list[Element], certificates: list[Element], info: bytes) -> x509.Certificate:
    """The certificate whose key signed the time."""
    _, named, algorithm, attributes, _, signature = signer[:6]
    serial = int.from_bytes(named.of(SEQUENCE).members()[1].of(der.INTEGER).content, "big")
    known = [x509.load_der_x509_certificate(one.whole) for one in certificates]
    certificate = next(one for one in known if one.serial_number == serial)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if ExtendedKeyUsageOID.TIME_STAMPING not in usage:
        raise StampError("its certificate is not for time-stamps")
    hashed = _HASHES.get(algorithm.of(SEQUENCE).members()[0].of(OID).content)
    if hashed is None:
        raise StampError("it is hashed otherwise than by SHA-2")
    digest = hashes.Hash(hashed)
    digest.update(info)
    said = _attributes(attributes.of(CONTEXT_0))
    if said[_MESSAGE_DIGEST].of(OCTET_STRING).content != digest.finalize():
        raise StampError("what is signed is another time")
    if not _is_named(certificate, said):
        raise StampError("it names another certificate than it brings")
    # Signed is the set of attributes under its own tag, not under that of its place.
    signed = bytes([SET]) + attributes.whole[1:]
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature.of(OCTET_STRING).content, signed, padding.PKCS1v15(), hashed)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature.of(OCTET_STRING).content, signed, ec.ECDSA(hashed))
    else:
        raise StampError("its certificate has a key of another kind than RSA or EC")
    return certificate


def _attributes(attributes: Element) -> dict[bytes, Element]:
    """The first value of each signed attribute, by its name."""
    pairs = [attribute.of(SEQUENCE).members()[:2] for attribute in attributes.members()]
    return {name.of(OID).content: values.of(SET).members()[0] for name, values in pairs}


def _is_named(certificate: x509.Certificate, said: dict[bytes, Element]) -> bool:
    """Whether what is signed names the certificate by its hash."""
    value = said.get(_SIGNING_V2) or said[_SIGNING_V1]
    hashed: hashes.HashAlgorithm = hashes.SHA256() if _SIGNING_V2 in said else hashes.SHA1()  # noqa: S303  as RFC 2634 names it
    identity = value.of(SEQUENCE).members()[0].of(SEQUENCE).members()[0].of(SEQUENCE).members()
    if identity[0].tag == SEQUENCE:
        hashed = _HASHES[identity[0].members()[0].of(OID).content]
        identity = identity[1:]
    return identity[0].of(OCTET_STRING).content == certificate.fingerprint(hashed)


def _said(info: bytes, data: bytes) -> datetime:
    """When, according to what is signed; StampError where that is of other data."""
    _, _, imprint, _, time = der.first(info).of(SEQUENCE).members()[:5]
    algorithm, digest = imprint.of(SEQUENCE).members()[:2]
    if (
        algorithm.of(SEQUENCE).members()[0].content != _SHA256
        or digest.content != hashlib.sha256(data).digest()
    ):
        raise StampError("it is of something else")
    text = time.of(der.GENERALIZED_TIME).content.decode("ascii").rstrip("Z")
    whole, _, fraction = text.partition(".")
    at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return at.replace(microsecond=int(fraction.ljust(6, "0")[:6] or 0))
