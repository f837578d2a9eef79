"""Subscribe notice of a WeChat official account (订阅通知), "api_sendnewsubscribemsg".

POST /cgi-bin/message/subscribe/bizsend?access_token=T
{"touser": "OPENID", "template_id": "…", "page": "…", "data": {"thing1": {"value": "…"}}}
answer {"errcode": 0, "errmsg": "ok"}

A subscription is good for one notice, or for all of them where the account is a bureau's.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wattwarden.alarms.channels.answers import consult
from wattwarden.alarms.channels.channel import (
    Channel,
    Credentials,
    Delivered,
    Message,
    Outcome,
    Pace,
    Request,
    Response,
    TokenSource,
)
from wattwarden.alarms.channels.keywords import data
from wattwarden.alarms.channels.posts import post_json
from wattwarden.alarms.channels.texts import only_address
from wattwarden.alarms.channels.wechat import DIALECT, IDENTITY, Account, read, request_token


def build(
    message: Message, settings: Account, credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message to one openid."""
    document: dict[str, Any] = {
        "touser": only_address(message),
        "template_id": settings.template,
        "data": data(message, settings.keywords),
    }
    if message.url:
        document["page"] = message.url
    if settings.miniprogram is not None:
        document["miniprogram"] = msgspec.to_builtins(settings.miniprogram)
    query = {"access_token": credentials.access_token()}
    return post_json(settings.base, "/cgi-bin/message/subscribe/bizsend", query, document)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """A code of 0 is success."""
    found = consult(DIALECT, response, now_us)
    return Delivered("") if isinstance(found, Mapping) else found


CHANNEL: Final = Channel(
    name="wechat_subscribe",
    settings=Account,
    secrets=("secret",),
    pace=Pace(),
    # A notice costs a subscription: one digest is better than ten notices.
    digest=True,
    build=build,
    interpret=interpret,
    token=TokenSource(request_token, read),
    identity=IDENTITY,
)
