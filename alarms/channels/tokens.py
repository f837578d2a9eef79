"""Tokens that gateways give in exchange for a secret."""

from collections.abc import Mapping
from typing import Any, Final

from wattwarden.alarms.channels.answers import (
    RETRY_S,
    Dialect,
    consult,
    is_success,
    read_json,
    text_of,
)
from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Outcome,
    Refused,
    Response,
    RetryAt,
    Stale,
    Token,
    Unknown,
)
from wattwarden.protocol.secret import Secret

# Both families give 7200 s; what is longer than a day is a mistake of somebody's.
MAX_TOKEN_S: Final = 86_400


def read_token(dialect: Dialect, response: Response, now_us: int) -> Token | Outcome:
    """Return the token of an answer: {"errcode": 0, "access_token": "…", "expires_in": 7200}.

    One of the families leaves out the code of a success.  Asking twice does no harm, so nothing is
    left unknown, and a token that is stale already is a refusal.
    """
    document = read_json(response) or {}
    if "access_token" in document and is_success(response.status):
        return _token(document, now_us)
    found = consult(dialect, response, now_us)
    if isinstance(found, Mapping):
        return Refused("answer holds no token")
    if isinstance(found, Unknown):
        return RetryAt(now_us // SECOND_US + RETRY_S, found.reason)
    return Refused(found.reason) if isinstance(found, Stale) else found


def _token(document: Mapping[str, Any], now_us: int) -> Token | Outcome:
    value = text_of(document, "access_token")
    lasts_s = document.get("expires_in")
    if not value or not isinstance(lasts_s, int) or not 0 < lasts_s <= MAX_TOKEN_S:
        return Refused("answer holds no token")
    return Token(Secret(value), now_us + lasts_s * SECOND_US)
