"""Template message of a WeChat official account (模板消息), "Template_Message_Interface".

POST /cgi-bin/message/template/send?access_token=T
{"touser": "OPENID", "template_id": "…", "url": "…", "client_msg_id": "…", "data": {"thing1": …}}
answer {"errcode": 0, "errmsg": "ok", "msgid": 200228332}

Whether it reached the person comes later, as the event TEMPLATESENDJOBFINISH.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wattwarden.alarms.channels.answers import consult, text_of
from wattwarden.alarms.channels.channel import (
    Channel,
    Credentials,
    Delivered,
    Limit,
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

# "Template_Message_Interface": 100,000 a day, however many templates there are.
DAILY_QUOTA: Final = 100_000
DAY_S: Final = 86_400


def build(
    message: Message, settings: Account, credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message to one openid."""
    document: dict[str, Any] = {
        "touser": only_address(message),
        "template_id": settings.template,
        "client_msg_id": message.id,
        "data": data(message, settings.keywords),
    }
    if message.url:
        document["url"] = message.url
    if settings.miniprogram is not None:
        document["miniprogram"] = msgspec.to_builtins(settings.miniprogram)
    query = {"access_token": credentials.access_token()}
    return post_json(settings.base, "/cgi-bin/message/template/send", query, document)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """A code of 0 is success; msgid names it in the event that follows."""
    found = consult(DIALECT, response, now_us)
    return Delivered(text_of(found, "msgid")) if isinstance(found, Mapping) else found


CHANNEL: Final = Channel(
    name="wechat_template",
    settings=Account,
    secrets=("secret",),
    pace=Pace((Limit(DAILY_QUOTA, DAY_S, reserve=DAILY_QUOTA // 10),)),
    digest=True,
    build=build,
    interpret=interpret,
    token=TokenSource(request_token, read),
    identity=IDENTITY,
)
