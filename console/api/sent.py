"""What programs send: bounded, in time, of a shape; and by which tag they know a thing."""

import re
from asyncio import timeout
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from wattwarden.console.api.asked import unfit
from wattwarden.console.doors import BODY_S, PageError, plain
from wattwarden.console.visit import Visit

JSON: Final = "application/json"
# A routing table with all endpoints of a city; a report has a fifth of it.
BODY_BYTES: Final = 65_536
# NUL, which JSON can write and no column takes; a backslash before it makes it plain letters.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_FORMS: Final = ("multipart/", "application/x-www-form-urlencoded")

M = TypeVar("M", bound=msgspec.Struct)


async def sent(visit: Visit, patience_s: float = BODY_S) -> bytes:
    """Return what was sent.

    Raises:
        PageError: It came too slowly.
        HTTPRequestEntityTooLarge: It is too big.
    """
    try:
        async with timeout(patience_s):
            return await visit.request.read()
    except TimeoutError as error:
        raise plain(HTTPStatus.REQUEST_TIMEOUT) from error


async def sent_file(visit: Visit, patience_s: float) -> bytes:
    """Return a file, which is the body as it stands.

    Raises:
        PageError: It is a form, or came too slowly.
        HTTPRequestEntityTooLarge: It is too big.
    """
    if visit.request.content_type.startswith(_FORMS):
        raise plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return await sent(visit, patience_s)


async def sent_json(visit: Visit) -> bytes:
    """Return JSON that was sent, unread.

    Raises:
        PageError: It says of itself that it is something else, or came too slowly.
        HTTPRequestEntityTooLarge: It is too big.
    """
    raw = await sent(visit)
    if visit.request.content_type != JSON:
        raise plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return raw


def read(raw: bytes, model: type[M]) -> M:
    """Read JSON of a shape.

    Raises:
        PageError: 400, it is no JSON; 422, it is of another shape, or has a NUL.
    """
    if _NUL.search(raw):
        raise unfit("含有不可用的字符", "a letter that is none: NUL")
    try:
        return msgspec.json.decode(raw, type=model)
    except msgspec.ValidationError as error:
        zh, en = f"内容不合规：{error}", str(error)
        raise unfit(zh, en) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _NO_JSON from error


def check_match(request: web.Request, tag: str) -> None:
    """Refuse to change what is not as whoever asks knows it (If-Match, RFC 9110 section 13.1.1).

    Raises:
        PageError: 412; it has another tag by now.
    """
    known = request.if_match
    if known is not None and not any(
        one.value == "*" or (one.value == tag.strip('"') and not one.is_weak) for one in known
    ):
        raise CHANGED


_NO_JSON: Final = PageError(
    HTTPStatus.BAD_REQUEST, "no json", "内容不是JSON", "what was sent is no JSON"
)
CHANGED: Final = PageError(
    HTTPStatus.PRECONDITION_FAILED,
    "changed meanwhile",
    "已被改动，与所给标识不同，没有办理。请重新读取。",
    "It is not as you know it any more; nothing was done. Read it again.",
)
