"""WeCom application message (企业微信应用消息), developer.work.weixin.qq.com path/90236.

GET  /cgi-bin/gettoken?corpid=…&corpsecret=…      answer {"access_token": "…", "expires_in": 7200}
POST /cgi-bin/message/send?access_token=T         {"touser": "u1|u2", "msgtype": "textcard", …}
answer {"errcode": 0, "msgid": "…", "invaliduser": "u2", "unlicenseduser": "", …}

GET  /cgi-bin/auth/getuserinfo?access_token=T&code=…    answer {"errcode": 0, "userid": "zhangsan"}

Who is not reached is named in an answer that is else a success.  The same JSON is shown once within
``duplicate_interval_s``: a second attempt does no harm, and a repeat differs by its time.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from wattwarden.alarms.channels.answers import (
    CONTACT,
    ENDPOINT,
    REFUSED,
    STALE,
    Dialect,
    Ruling,
    Verdict,
    consult,
    text_of,
)
from wattwarden.alarms.channels.channel import (
    BuildError,
    Channel,
    Credentials,
    Delivered,
    Fault,
    Identity,
    Limit,
    Message,
    Outcome,
    Pace,
    Refused,
    Request,
    Response,
    Scope,
    Token,
    TokenSource,
)
from wattwarden.alarms.channels.consent import consent_address
from wattwarden.alarms.channels.posts import Base, address, post_json
from wattwarden.alarms.channels.texts import cut_bytes, harmless, local_minute
from wattwarden.alarms.channels.tokens import read_token

# path/90236, of a text card; counted in bytes, the narrower way to read "characters".
MAX_TITLE_BYTES: Final = 128
MAX_DESCRIPTION_BYTES: Final = 512
MAX_TEXT_BYTES: Final = 2048  # path/90236, of a text
MAX_MEMBERS: Final = 1000  # path/90236: members in ``touser``
MAX_DUPLICATE_INTERVAL_S: Final = 14_400  # path/90236: four hours
MAX_TASK_ID_BYTES: Final = 128  # path/90236, of a card with buttons
THROTTLED_S: Final = 65  # blocks by the minute last 60 s (path/90454); five more for the clocks
CROWDED_S: Final = 5  # too many calls at once, not too many in a minute
BUSY_TRIES: Final = 3  # -1 is to be tried three times at most (path/90455)
ACKNOWLEDGE: Final = "acknowledge"
"""What the button's event says (EventKey); its TaskId is the message's id."""
_NO_TASK_SIGN: Final = re.compile(r"[^0-9A-Za-z_@-]")

DIALECT: Final = Dialect(
    code="errcode",
    words="errmsg",
    success="0",
    rulings={
        "-1": Ruling(Verdict.RETRY, tries=BUSY_TRIES),
        "45009": Ruling(Verdict.THROTTLE, THROTTLED_S),
        "45033": Ruling(Verdict.THROTTLE, CROWDED_S),
        "40014": STALE,  # no such token
        "41001": STALE,  # no token
        "42001": STALE,  # token expired
        "40001": ENDPOINT,  # no such secret
        "40013": ENDPOINT,  # no such corpid
        "60020": ENDPOINT,  # our address is not on its list
        "301002": ENDPOINT,  # not allowed for this agentid
        "40008": REFUSED,  # no such msgtype
        "60111": CONTACT,  # no such member
        "81013": CONTACT,  # nobody of all addresses may get it
    },
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which application; ``buttons`` need the application's callback address to be ours."""

    corpid: Annotated[str, msgspec.Meta(min_length=1)]
    agentid: int
    base: Base = "https://qyapi.weixin.qq.com"
    card: Literal["link", "buttons"] = "link"
    duplicate_interval_s: Annotated[int, msgspec.Meta(ge=1, le=MAX_DUPLICATE_INTERVAL_S)] = 1800


def request_token(settings: Settings, credentials: Credentials) -> Request:
    """Return the request of a token, in exchange for ``corpsecret``."""
    query = {"corpid": settings.corpid, "corpsecret": credentials.reveal("corpsecret")}
    return Request("GET", address(settings.base, "/cgi-bin/gettoken", query), (), b"")


def build(
    message: Message, settings: Settings, credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the POST of a message to members of the corporation."""
    if not 0 < len(message.to) <= MAX_MEMBERS:
        problem = f"1 to {MAX_MEMBERS} members are needed, got {len(message.to)}"
        raise BuildError(problem)
    form = _buttons(message) if settings.card == "buttons" else _link(message)
    document = {
        "touser": "|".join(message.to),
        "agentid": settings.agentid,
        "enable_duplicate_check": 1,
        "duplicate_check_interval": settings.duplicate_interval_s,
        **form,
    }
    query = {"access_token": credentials.access_token()}
    return post_json(settings.base, "/cgi-bin/message/send", query, document)


def interpret(response: Response, message: Message, now_us: int) -> Outcome:
    """A code of 0 is success for all but whom the answer names; userids come in lower case."""
    found = consult(DIALECT, response, now_us)
    if not isinstance(found, Mapping):
        return found
    named = {
        person
        for name in ("invaliduser", "unlicenseduser")
        for person in text_of(found, name).lower().split("|")
    }
    missed = tuple(person for person in message.to if person.lower() in named)
    if missed and len(missed) == len(message.to):
        return Refused("no such member, or none with a licence", Fault.CONTACT)
    return Delivered(text_of(found, "msgid"), missed)


def read(response: Response, now_us: int) -> Token | Outcome:
    """Return the token of an answer."""
    return read_token(DIALECT, response, now_us)


def consent(settings: Settings, back: str) -> str:
    """Return the page that tells the application who opens it (path/91022)."""
    return consent_address(settings.corpid, back, {"agentid": str(settings.agentid)})


def request_identity(settings: Settings, credentials: Credentials, code: str) -> Request:
    """Return the request that asks whose a code is (path/91023)."""
    query = {"access_token": credentials.access_token(), "code": code}
    return Request("GET", address(settings.base, "/cgi-bin/auth/getuserinfo", query), (), b"")


def read_identity(response: Response, now_us: int) -> str | Outcome:
    """Return the member; who is none of the corporation has an openid and no userid."""
    found = consult(DIALECT, response, now_us)
    if not isinstance(found, Mapping):
        return found
    return text_of(found, "userid") or Refused("no member of the corporation", Fault.CONTACT)


def _link(message: Message) -> Mapping[str, Any]:
    if not message.url:
        return {"msgtype": "text", "text": {"content": _short(message)}}
    card = {
        "title": cut_bytes(harmless(message.title), MAX_TITLE_BYTES),
        "description": _described(message),
        "url": message.url,
        "btntxt": "查看",
    }
    return {"msgtype": "textcard", "textcard": card}


def _buttons(message: Message) -> Mapping[str, Any]:
    """Return a card whose button acknowledges; a task's id is used once in an application."""
    task = _NO_TASK_SIGN.sub("_", message.id)
    if len(task) > MAX_TASK_ID_BYTES:
        problem = f"id is {MAX_TASK_ID_BYTES} characters at most, got {len(task)}"
        raise BuildError(problem)
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": cut_bytes(harmless(message.title), MAX_TITLE_BYTES)},
        "sub_title_text": _described(message),
        "task_id": task,
        "button_list": [{"text": "确认收到", "style": 1, "key": ACKNOWLEDGE}],
    }
    if message.url:
        card["card_action"] = {"type": 1, "url": message.url}
    return {"msgtype": "template_card", "template_card": card}


# A card takes tags, a text takes links: texts are made harmless in both.
def _described(message: Message) -> str:
    stamp = f"\n{local_minute(message.at_us)}"
    return cut_bytes(harmless(message.text), MAX_DESCRIPTION_BYTES - len(stamp)) + stamp


def _short(message: Message) -> str:
    stamp = f"\n{local_minute(message.at_us)}"
    head = f"{harmless(message.title)}\n{harmless(message.text)}"
    return cut_bytes(head, MAX_TEXT_BYTES - len(stamp)) + stamp


CHANNEL: Final = Channel(
    name="wecom_app",
    settings=Settings,
    secrets=("corpsecret",),
    # path/90236: what is more than that for one member is dropped and nobody is told; a fifth of
    # each is for L4.  path/90454: 10,000 a minute for a corporation.
    pace=Pace(
        (
            Limit(30, 60, Scope.RECIPIENT, reserve=6),
            Limit(1000, 3600, Scope.RECIPIENT, reserve=200),
            Limit(10_000, 60, reserve=2_000),
        )
    ),
    digest=True,
    build=build,
    interpret=interpret,
    # Of the address at which buttons are answered: its Token and its EncodingAESKey.
    optional=("callback_token", "callback_key"),
    token=TokenSource(request_token, read),
    identity=Identity(consent, request_identity, read_identity),
)
