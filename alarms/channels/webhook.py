"""Standard Webhooks 1.0.0: a signed POST to whoever wants to know.

webhook-id         the message's id, the same in every attempt
webhook-timestamp  Unix seconds of the attempt
webhook-signature  v1,base64(HMAC-SHA256(secret, "id.timestamp.body")); two while a secret rotates
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.channels.answers import by_status, is_success
from wattwarden.alarms.channels.channel import (
    SECOND_US,
    BuildError,
    Channel,
    Credentials,
    Delivered,
    Message,
    Outcome,
    Pace,
    Request,
    Response,
)
from wattwarden.alarms.channels.payload import payload
from wattwarden.alarms.channels.texts import one_line

KEY_PREFIX: Final = "whsec_"
# The bounds that Standard Webhooks 1.0.0 sets for the random bytes of a secret.
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64
# An id of the receiver's fits a line of a log.
MAX_PROVIDER_ID_CHARS: Final = 64

Address = Annotated[str, msgspec.Meta(pattern="^https?://[^/]", max_length=2048)]
"""The whole address of a receiver."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to."""

    url: Address


def key_of(secret: str) -> bytes:
    """Return the key that a secret (``whsec_`` and base64) stands for.

    Raises:
        BuildError: It is no base64, or not of 24 to 64 bytes.
    """
    try:
        key = base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BuildError("webhook secret is no base64") from error
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        message = f"webhook secret is 24 to 64 bytes, got {len(key)}"
        raise BuildError(message)
    return key


def sign(secret: str, message_id: str, second: int, body: bytes) -> str:
    """Return one signature, version and all."""
    content = b"%s.%d.%s" % (message_id.encode(), second, body)
    digest = hmac.digest(key_of(secret), content, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def build(
    message: Message, settings: Settings, credentials: Credentials, now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message, signed with ``secret`` and, if there is one, ``previous``."""
    body = payload(message)
    second = now_us // SECOND_US
    secrets = [credentials.reveal("secret"), credentials.find("previous")]
    signatures = [sign(secret, message.id, second, body) for secret in secrets if secret]
    headers = (
        ("content-type", "application/json"),
        ("webhook-id", message.id),
        ("webhook-timestamp", str(second)),
        ("webhook-signature", " ".join(signatures)),
    )
    return Request("POST", settings.url, headers, body)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """Any 2xx is success; everything else but 410 and 413 is tried again."""
    if is_success(response.status):
        said = one_line(response.headers.get("x-request-id", ""))
        return Delivered(said[:MAX_PROVIDER_ID_CHARS])
    return by_status(response, now_us)


CHANNEL: Final = Channel(
    name="webhook",
    settings=Settings,
    secrets=("secret",),
    optional=("previous",),
    pace=Pace(),
    digest=False,
    build=build,
    interpret=interpret,
    idempotent=True,
)
