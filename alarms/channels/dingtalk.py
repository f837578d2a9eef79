r"""DingTalk custom robot (钉钉自定义机器人).

POST /robot/send?access_token=TOKEN[&timestamp=MS&sign=SIGN]     {"msgtype": "markdown", …}
sign = base64(HMAC-SHA256(secret, "{ms}\n{secret}"))
answer {"errcode": 0, "errmsg": "ok"}
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wattwarden.alarms.channels.answers import (
    ENDPOINT,
    REFUSED,
    Dialect,
    Ruling,
    Verdict,
    consult,
)
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
from wattwarden.alarms.channels.texts import cut_bytes, cut_chars, harmless

MAX_BODY_BYTES: Final = 20_000  # the robot's manual: 20 kB
# JSON doubles quotes and breaks at worst (other controls are gone): half of what remains is text.
_FRAME_BYTES: Final = 2_000
MAX_TEXT_BYTES: Final = (MAX_BODY_BYTES - _FRAME_BYTES) // 2
MAX_TITLE_CHARS: Final = 64  # shown in the list of talks, where no more fits
THROTTLED_S: Final = 600  # over 20 a minute a robot is silenced for ten minutes
BUSY_TRIES: Final = 3  # the vendor's advice for -1

DIALECT: Final = Dialect(
    code="errcode",
    words="errmsg",
    success="0",
    rulings={
        "-1": Ruling(Verdict.RETRY, tries=BUSY_TRIES),
        "130101": Ruling(Verdict.THROTTLE, THROTTLED_S),
        "310000": REFUSED,  # the sign, the time or the keyword does not fit
        "88": ENDPOINT,  # not authenticated
    },
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the gateway is; ``keyword``, if the robot asks for one, is in every message."""

    base: Base = "https://oapi.dingtalk.com"
    keyword: str = ""


def sign(secret: str, timestamp_ms: int) -> str:
    """Return the sign of a moment, in base64: no part of the message is under it."""
    content = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), content, hashlib.sha256)).decode()


def build(
    message: Message, settings: Settings, credentials: Credentials, now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message, signed where there is a ``secret`` besides the ``token``."""
    query = {"access_token": credentials.reveal("token")}
    secret = credentials.find("secret")
    if secret:
        timestamp_ms = now_us // 1000
        query |= {"timestamp": str(timestamp_ms), "sign": sign(secret, timestamp_ms)}
    return post_json(settings.base, "/robot/send", query, _markdown(message, settings))


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """A code of 0 is success."""
    found = consult(DIALECT, response, now_us)
    return Delivered("") if isinstance(found, Mapping) else found


def _markdown(message: Message, settings: Settings) -> Mapping[str, Any]:
    """Return the document; whoever is called by number must be named in the text as well."""
    title = harmless(message.title)
    lines = [f"### {title}", harmless(message.text).replace("\n", "  \n")]
    tail = [f"[查看并处理]({message.url})"] if message.url else []
    tail += [" ".join(f"@{mobile}" for mobile in message.to)] if message.to else []
    if settings.keyword and settings.keyword not in title:
        tail.append(settings.keyword)
    end = "".join(f"\n\n{line}" for line in tail)
    text = cut_bytes("\n\n".join(lines), MAX_TEXT_BYTES - len(end.encode())) + end
    return {
        "msgtype": "markdown",
        "markdown": {"title": cut_chars(title, MAX_TITLE_CHARS), "text": text},
        "at": {"atMobiles": list(message.to), "isAtAll": False},
    }


CHANNEL: Final = Channel(
    name="dingtalk",
    settings=Settings,
    secrets=("token",),
    optional=("secret",),
    # 20 a minute, and ten minutes of silence for one more: two are left for a clock that differs.
    pace=Pace((Limit(18, 60, reserve=4),)),
    digest=True,
    build=build,
    interpret=interpret,
)
