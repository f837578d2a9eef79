"""The plain HMAC webhook, as GitHub sends it, for receivers that know no other.

X-Hub-Signature-256  sha256=hex(HMAC-SHA256(secret, body))
X-GitHub-Delivery    a GUID, the same in every attempt
X-GitHub-Event       the message's kind

There is no time under the signature: it does not protect from replay, so prefer ``webhook``.
"""

import hashlib
import hmac
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from wattwarden.alarms.channels.channel import Channel, Credentials, Message, Pace, Request
from wattwarden.alarms.channels.payload import payload
from wattwarden.alarms.channels.webhook import Address, interpret


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to."""

    url: Address


def sign(secret: str, body: bytes) -> str:
    """Return the signature of a body, algorithm and all."""
    return f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}"


def build(
    message: Message, settings: Settings, credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message."""
    body = payload(message)
    headers = (
        ("content-type", "application/json"),
        ("x-github-delivery", str(uuid5(NAMESPACE_URL, message.id))),
        ("x-github-event", message.kind),
        ("x-hub-signature-256", sign(credentials.reveal("secret"), body)),
    )
    return Request("POST", settings.url, headers, body)


CHANNEL: Final = Channel(
    name="github",
    settings=Settings,
    secrets=("secret",),
    pace=Pace(),
    digest=False,
    build=build,
    interpret=interpret,
    idempotent=True,
)
