"""What ties a browser that leaves for a provider to the one that comes back: a cookie's secret.

secret ─► state    in both addresses: who comes back is who left
       ─► nonce    in the ID token: it was made for this visit
       ─► verifier only we and the browser can make it: a code that was caught is worth nothing
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode, urlsplit

from wattwarden.console.oidc.discovery import Place
from wattwarden.console.oidc.registration import Registration


@dataclass(frozen=True, slots=True)
class Ties:
    """What is made of the secret of one visit."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str) -> Self:
        """Return them; always the same of the same secret."""
        return cls(*(_made(secret, purpose) for purpose in (b"state", b"nonce", b"verifier")))

    def is_state(self, said: str) -> bool:
        """Tell whether an address belongs to this visit."""
        return hmac.compare_digest(said.encode(errors="replace"), self.state.encode())


def leave_address(place: Place, registration: Registration, ties: Ties) -> str:
    """Return where a browser is sent (OpenID Connect Core 1.0, 3.1.2.1; PKCE: RFC 7636)."""
    query = urlencode(
        {
            "response_type": "code",
            "client_id": registration.client_id,
            "redirect_uri": registration.back,
            "scope": " ".join(dict.fromkeys(("openid", *registration.scopes))),
            "state": ties.state,
            "nonce": ties.nonce,
            "code_challenge": _text(hashlib.sha256(ties.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
    )
    joint = "&" if urlsplit(place.authorization).query else "?"
    return f"{place.authorization}{joint}{query}"


def _made(secret: str, purpose: bytes) -> str:
    return _text(hmac.digest(secret.encode(), purpose, hashlib.sha256))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
