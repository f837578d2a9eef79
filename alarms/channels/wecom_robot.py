"""WeCom group robot (企业微信群机器人), developer.work.weixin.qq.com path/91770 and path/99398.

POST /cgi-bin/webhook/send?key=KEY     {"msgtype": "markdown" | "text", …}
answer {"errcode": 0, "errmsg": "ok"}

Markdown cannot call members, so a message with addresses (mobile numbers) goes as a text.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wattwarden.alarms.channels.answers import ENDPOINT, REFUSED, Dialect, Ruling, Verdict, consult
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
)
from wattwarden.alarms.channels.posts import Base, post_json
from wattwarden.alarms.channels.texts import cut_bytes, harmless

MAX_TEXT_BYTES: Final = 2048  # path/91770
MAX_MARKDOWN_BYTES: Final = 4096  # path/91770
# Blocks by the minute last 60 s (path/90454); five more, for clocks differ.
THROTTLED_S: Final = 65
BUSY_TRIES: Final = 3  # -1 is to be tried three times at most (path/90455)

DIALECT: Final = Dialect(
    code="errcode",
    words="errmsg",
    success="0",
    rulings={
        "-1": Ruling(Verdict.RETRY, tries=BUSY_TRIES),
        "45009": Ruling(Verdict.THROTTLE, THROTTLED_S),
        "40008": REFUSED,  # no such msgtype
        "93000": ENDPOINT,  # the address is invalid or the robot was removed
    },
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the gateway is."""

    base: Base = "https://qyapi.weixin.qq.com"


def build(
    message: Message, settings: Settings, credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message to the robot whose ``key`` is the secret."""
    body = _text(message) if message.to else _markdown(message)
    query = {"key": credentials.reveal("key")}
    return post_json(settings.base, "/cgi-bin/webhook/send", query, body)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """The code alone counts: the words may change (path/90454)."""
    found = consult(DIALECT, response, now_us)
    return Delivered("") if isinstance(found, Mapping) else found


def _text(message: Message) -> Mapping[str, Any]:
    tail = f"\n{message.url}" if message.url else ""
    head = f"{harmless(message.title)}\n{harmless(message.text)}"
    content = cut_bytes(head, MAX_TEXT_BYTES - len(tail.encode())) + tail
    return {
        "msgtype": "text",
        "text": {"content": content, "mentioned_mobile_list": list(message.to)},
    }


def _markdown(message: Message) -> Mapping[str, Any]:
    tail = f"\n[查看并处理]({message.url})" if message.url else ""
    head = f"**{harmless(message.title)}**\n{harmless(message.text)}"
    content = cut_bytes(head, MAX_MARKDOWN_BYTES - len(tail.encode())) + tail
    return {"msgtype": "markdown", "markdown": {"content": content}}


CHANNEL: Final = Channel(
    name="wecom_robot",
    settings=Settings,
    secrets=("key",),
    # 20 a minute for each robot (path/91770); a fifth is for L4: five firms within 15 s.
    pace=Pace((Limit(20, 60, reserve=4),)),
    digest=True,
    build=build,
    interpret=interpret,
)
