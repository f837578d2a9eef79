r"""Aliyun's V3 signature (ACS3-HMAC-SHA256), help.aliyun.com document_detail/2593177.

canonical  POST \n / \n sorted query \n name:value \n … \n \n names;… \n hex(SHA-256(body))
to sign    ACS3-HMAC-SHA256 \n hex(SHA-256(canonical))
signature  hex(HMAC-SHA256(secret, to sign))

Signed are host and every x-acs- header.  The date may be 15 minutes off, the nonce is used once.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "ACS3-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an RPC-style interface: everything is in the query, the body is empty."""

    host: str
    action: str
    version: str
    query: Mapping[str, str]
    date: str
    nonce: str


def encode_query(query: Mapping[str, str]) -> str:
    """Return a query as it is signed and sent: sorted, escaped as in RFC 3986."""
    return "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())
    )


def headers_of(call: Call) -> dict[str, str]:
    """Return the headers that are signed, in the order of their names."""
    return {
        "host": call.host,
        "x-acs-action": call.action,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": call.date,
        "x-acs-signature-nonce": call.nonce,
        "x-acs-version": call.version,
    }


def sign(call: Call, key_secret: str) -> str:
    """Return the signature of a POST to /."""
    headers = headers_of(call)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = "\n".join(
        ("POST", "/", encode_query(call.query), lines, ";".join(headers), _digest(b""))
    )
    text = f"{ALGORITHM}\n{_digest(canonical.encode())}"
    return hmac.digest(key_secret.encode(), text.encode(), hashlib.sha256).hex()


def authorization(call: Call, key_id: str, key_secret: str) -> str:
    """Return the value of the header Authorization."""
    names = ";".join(headers_of(call))
    signature = sign(call, key_secret)
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
