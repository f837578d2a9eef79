"""One's own tokens and sessions."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.scope import Reader
from wattwarden.console.access.own import end_own_session, make_own_token, revoke_own_token
from wattwarden.console.api.asked import Filters, Shown, asked_for
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import Asked, Found, Resource, json_of, numbered, sliced
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import read, sent_json
from wattwarden.console.doors import PageError
from wattwarden.console.routes import SIGNED_IN
from wattwarden.console.visit import Visit
from wattwarden.storage.people.sessions import open_sessions
from wattwarden.storage.people.tokens import MOST_DAYS, NAME_LETTERS, Scope, tokens_of


class TokenRow(Row, frozen=True):
    """A token of one's own; its secret was told once."""

    id: int
    name: str
    scopes: list[Scope]
    created: datetime
    expires: datetime
    used: datetime | None


class SessionRow(Row, frozen=True):
    """A browser in which one is signed in."""

    id: int
    created: datetime
    seen: datetime
    address: str
    agent: str


class Making(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token is for, for how many days, and whether it may decide as well as read."""

    name: Annotated[
        str, msgspec.Meta(min_length=1, max_length=NAME_LETTERS, pattern=r"^[^\x00-\x1f]+$")
    ]
    days: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]
    act: bool = False


class MadeRow(Row, frozen=True):
    """A token's secret, which is never told again."""

    token: str


async def make(visit: Visit) -> web.StreamResponse:
    """Make a token; only who signed in does, or a token that leaked would go on for ever."""
    asked_for(Shown, visit)
    wanted = read(await sent_json(visit), Making)
    if visit.known.token is not None:
        raise _BY_TOKEN
    secret = await make_own_token(visit, wanted.name, wanted.days, may_act=wanted.act)
    if secret is None:
        raise _TOO_MANY
    return json_of(MadeRow(token=secret), HTTPStatus.CREATED)


async def revoke(visit: Visit) -> web.StreamResponse:
    """Revoke one of one's own tokens; another's is as if it were not there."""
    asked_for(Shown, visit)
    await revoke_own_token(visit)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def end(visit: Visit) -> web.StreamResponse:
    """End one of one's own sessions; another's is as if it were not there."""
    asked_for(Shown, visit)
    await end_own_session(visit)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _tokens(asked: Asked[Filters]) -> Found[TokenRow]:
    rows = [
        TokenRow(
            id=one.id,
            name=one.name,
            scopes=sorted(one.scopes),
            created=one.created,
            expires=one.expires,
            used=one.used,
        )
        for one in await tokens_of(asked.connection, _who(asked.reader))
    ]
    return sliced(rows, lambda row: (row.id,), asked)


async def _sessions(asked: Asked[Filters]) -> Found[SessionRow]:
    names = SessionRow.__struct_fields__
    rows = [
        SessionRow(**{name: getattr(one, name) for name in names})
        for one in await open_sessions(asked.connection, _who(asked.reader))
    ]
    return sliced(rows, lambda row: (row.id,), asked)


def _who(reader: Reader) -> str:
    return "" if reader.person is None else reader.person.id


_BY_TOKEN: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "token by token",
    "令牌不能生成令牌，请登录后办理。",
    "A token makes no token; sign in for that.",
)
_TOO_MANY: Final = PageError(
    HTTPStatus.CONFLICT,
    "too many tokens",
    "令牌太多，请先停用不用的。",
    "Too many tokens; revoke some first.",
)
OWN: Final[tuple[Resource[Any, Any], ...]] = (
    numbered("me/tokens", "自己的令牌", "One's own tokens", TokenRow, SIGNED_IN, Filters, _tokens),
    numbered(
        "me/sessions", "自己的会话", "Where one is signed in", SessionRow, SIGNED_IN, Filters,
        _sessions,
    ),
)  # fmt: skip
ONESELF: Final = (
    Operation(
        method="POST", path="/me/tokens", name="api.token.make", group="tokens",
        zh="生成令牌（须以登录会话）", en="Make a token, by the cookie of a session alone",
        handler=make, needs=SIGNED_IN, body=Making, told=MadeRow, status=HTTPStatus.CREATED,
    ),
    Operation(
        method="DELETE", path="/me/tokens/{token}", name="api.token.revoke", group="tokens",
        zh="停用令牌", en="Revoke a token of one's own",
        handler=revoke, needs=SIGNED_IN, status=HTTPStatus.NO_CONTENT,
    ),
    Operation(
        method="DELETE", path="/me/sessions/{session}", name="api.session.end", group="sessions",
        zh="结束会话", en="End a session of one's own",
        handler=end, needs=SIGNED_IN, status=HTTPStatus.NO_CONTENT,
    ),
)  # fmt: skip
