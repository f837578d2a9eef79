r"""Tencent Cloud's signature (TC3-HMAC-SHA256), cloud.tencent.com document/api/382/52072.

canonical  POST \n / \n \n name:value \n … \n \n names;… \n hex(SHA-256(body))
to sign    TC3-HMAC-SHA256 \n seconds \n date/service/tc3_request \n hex(SHA-256(canonical))
key        HMAC(HMAC(HMAC("TC3" + secret, date), service), "tc3_request")

The clock may be five minutes off.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

ALGORITHM: Final = "TC3-HMAC-SHA256"
NAMES: Final = "content-type;host;x-tc-action"
TERMINATOR: Final = "tc3_request"


@dataclass(frozen=True, slots=True)
class Call:
    """One POST to /."""

    host: str
    service: str
    action: str
    content_type: str
    second: int
    body: bytes

    @property
    def date(self) -> str:
        """The day in UTC."""
        return datetime.fromtimestamp(self.second, UTC).strftime("%Y-%m-%d")

    @property
    def scope(self) -> str:
        """What a key is good for."""
        return f"{self.date}/{self.service}/{TERMINATOR}"


def sign(call: Call, secret_key: str) -> str:
    """Return the signature of a call."""
    headers = (
        f"content-type:{call.content_type}\nhost:{call.host}\nx-tc-action:{call.action.lower()}\n"
    )
    canonical = "\n".join(("POST", "/", "", headers, NAMES, _digest(call.body)))
    text = "\n".join((ALGORITHM, str(call.second), call.scope, _digest(canonical.encode())))
    key = f"TC3{secret_key}".encode()
    for step in (call.date, call.service, TERMINATOR, text):
        key = hmac.digest(key, step.encode(), hashlib.sha256)
    return key.hex()


def authorization(call: Call, secret_id: str, secret_key: str) -> str:
    """Return the value of the header Authorization."""
    credential = f"{secret_id}/{call.scope}"
    signature = sign(call, secret_key)
    return f"{ALGORITHM} Credential={credential}, SignedHeaders={NAMES}, Signature={signature}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
