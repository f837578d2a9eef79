"""What the messages of a WeChat official account (微信服务号) have in common.

POST /cgi-bin/stable_token  {"grant_type": "client_credential", "appid": "…", "secret": "…"}
answer {"access_token": "…", "expires_in": 7200}, or {"errcode": 40013, "errmsg": "…"}

GET /sns/oauth2/access_token?appid=…&secret=…&code=…&grant_type=authorization_code
answer {"openid": "…", "access_token": "…", "scope": "snsapi_base"}     whose a page's code is

The stable token does not invalidate the one that another program of the same account holds, and
its secret is not in an address.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.channels.answers import (
    CONTACT,
    ENDPOINT,
    REFUSED,
    SLOW_DOWN_S,
    STALE,
    Dialect,
    Ruling,
    Verdict,
    consult,
    is_success,
    read_json,
    text_of,
    until_midnight_s,
)
from wattwarden.alarms.channels.channel import (
    Credentials,
    Identity,
    Outcome,
    Refused,
    Request,
    Response,
    Token,
)
from wattwarden.alarms.channels.consent import consent_address
from wattwarden.alarms.channels.posts import Base, address, post_json
from wattwarden.alarms.channels.tokens import read_token

BUSY_TRIES: Final = 3  # bursts of -1 pass within seconds; the manuals of the family say three
MAX_KEYWORDS: Final = 15  # templates have five to seven keywords; the library's longest has ten

DIALECT: Final = Dialect(
    code="errcode",
    words="errmsg",
    success="0",
    rulings={
        "-1": Ruling(Verdict.RETRY, tries=BUSY_TRIES),
        "45009": Ruling(Verdict.THROTTLE, until_midnight_s),  # the day's quota
        "45011": Ruling(Verdict.THROTTLE, SLOW_DOWN_S),  # too often within a minute
        "40001": STALE,  # the token is not, or no longer, the account's
        "40014": STALE,
        "41001": STALE,
        "42001": STALE,
        "40013": ENDPOINT,  # no such appid
        "40125": ENDPOINT,  # no such secret
        "40164": ENDPOINT,  # our address is not on its list
        "48001": ENDPOINT,  # the account may not do this
        "40003": CONTACT,  # no such openid
        "43004": CONTACT,  # does not follow the account
        "43101": CONTACT,  # refused, or took back the subscription
        "40037": REFUSED,  # no such template
        "41030": REFUSED,  # no such page
        "47003": REFUSED,  # a keyword's value does not fit
    },
)

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Keywords = Annotated[dict[str, str], msgspec.Meta(min_length=1, max_length=MAX_KEYWORDS)]
"""Keyword of the template to part of the message (see ``texts.parts``)."""


class MiniProgram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What opens in the place of an address."""

    appid: Text
    pagepath: str = ""


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account, one of its templates, and what goes into it."""

    appid: Text
    template: Text
    keywords: Keywords
    miniprogram: MiniProgram | None = None
    base: Base = "https://api.weixin.qq.com"


def request_token(settings: Account, credentials: Credentials) -> Request:
    """Return the request of a token, in exchange for ``secret``."""
    document = {
        "grant_type": "client_credential",
        "appid": settings.appid,
        "secret": credentials.reveal("secret"),
        "force_refresh": False,
    }
    return post_json(settings.base, "/cgi-bin/stable_token", {}, document)


def consent(settings: Account, back: str) -> str:
    """Return the page that tells the account who opens it."""
    return consent_address(settings.appid, back)


def request_identity(settings: Account, credentials: Credentials, code: str) -> Request:
    """Return the request that asks whose a code is; its answer has no code of a success."""
    query = {
        "appid": settings.appid,
        "secret": credentials.reveal("secret"),
        "code": code,
        "grant_type": "authorization_code",
    }
    return Request("GET", address(settings.base, "/sns/oauth2/access_token", query), (), b"")


def read_identity(response: Response, now_us: int) -> str | Outcome:
    """Return the openid of an answer."""
    document = read_json(response) or {}
    if is_success(response.status) and (openid := text_of(document, "openid")):
        return openid
    found = consult(DIALECT, response, now_us)
    return Refused("answer holds no openid") if isinstance(found, Mapping) else found


IDENTITY: Final = Identity(consent, request_identity, read_identity)


def read(response: Response, now_us: int) -> Token | Outcome:
    """Return the token of an answer."""
    return read_token(DIALECT, response, now_us)
