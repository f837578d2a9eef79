r"""Feishu custom robot (飞书自定义机器人), open.feishu.cn "add-custom-bot"; Lark's is alike.

POST /open-apis/bot/v2/hook/TOKEN     {"timestamp": "S", "sign": "…", "msg_type": "post", …}
sign = base64(HMAC-SHA256("{s}\n{secret}", "")): the text is the key, the message is empty
answer {"code": 0, "msg": "success", "data": {}}
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from wattwarden.alarms.channels.answers import (
    ENDPOINT,
    REFUSED,
    SLOW_DOWN_S,
    Dialect,
    Ruling,
    Verdict,
    consult,
)
from wattwarden.alarms.channels.channel import (
    SECOND_US,
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
from wattwarden.alarms.channels.texts import cut_bytes, cut_chars, one_line, plain

MAX_BODY_BYTES: Final = 20 * 1024  # "add-custom-bot": 20 KB
# JSON doubles quotes and breaks at worst (other controls are gone): half of what remains is text.
_FRAME_BYTES: Final = 6 * 1024  # the address is up to 2 KB, and names of people may be many
MAX_TEXT_BYTES: Final = (MAX_BODY_BYTES - _FRAME_BYTES) // 2
MAX_TITLE_CHARS: Final = 100  # one line of a card on a phone is 20 to 25: four of them

DIALECT: Final = Dialect(
    code="code",
    words="msg",
    success="0",
    rulings={
        "9499": REFUSED,  # bad request
        "11232": Ruling(Verdict.THROTTLE, SLOW_DOWN_S),  # 100 a minute: a minute is enough
        "19021": REFUSED,  # the sign does not fit, or is older than an hour
        "19022": ENDPOINT,  # our address is not on its list
        "19024": REFUSED,  # the keyword is missing
        "19036": REFUSED,  # too large
    },
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the gateway is; ``keyword``, if the robot asks for one, is in every message."""

    base: Base = "https://open.feishu.cn"
    keyword: str = ""


def sign(secret: str, timestamp_s: int) -> str:
    """Return the sign of a moment, in base64."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()


def build(
    message: Message, settings: Settings, credentials: Credentials, now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message, signed where there is a ``secret`` besides the ``token``."""
    document = {"msg_type": "post", "content": {"post": {"zh_cn": _post(message, settings)}}}
    secret = credentials.find("secret")
    if secret:
        timestamp_s = now_us // SECOND_US
        document |= {"timestamp": str(timestamp_s), "sign": sign(secret, timestamp_s)}
    token = quote(credentials.reveal("token"), safe="")
    return post_json(settings.base, f"/open-apis/bot/v2/hook/{token}", {}, document)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """A code of 0 is success."""
    found = consult(DIALECT, response, now_us)
    return Delivered("") if isinstance(found, Mapping) else found


def _post(message: Message, settings: Settings) -> Mapping[str, Any]:
    """Return the rich text: texts are shown as they are, nothing in them acts."""
    title = cut_chars(one_line(message.title), MAX_TITLE_CHARS)
    lines: list[list[Mapping[str, str]]] = [[_run(cut_bytes(plain(message.text), MAX_TEXT_BYTES))]]
    if message.url:
        lines.append([{"tag": "a", "text": "查看并处理", "href": message.url}])
    if message.to:
        lines.append([{"tag": "at", "user_id": person} for person in message.to])
    if settings.keyword and settings.keyword not in title:
        lines.append([_run(settings.keyword)])
    return {"title": title, "content": lines}


def _run(text: str) -> Mapping[str, str]:
    return {"tag": "text", "text": text}


CHANNEL: Final = Channel(
    name="feishu",
    settings=Settings,
    secrets=("token",),
    optional=("secret",),
    # 5 a second and 100 a minute ("add-custom-bot"); a fifth of each is for L4.
    pace=Pace((Limit(5, 1, reserve=1), Limit(100, 60, reserve=20))),
    digest=True,
    build=build,
    interpret=interpret,
)
