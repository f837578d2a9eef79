"""What one does to one's own tokens and sessions: the same for pages and for programs."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions
from wattwarden.storage.people.tokens import Scope, make_token, revoke_token


async def make_own_token(visit: Visit, name: str, days: int, *, may_act: bool) -> str | None:
    """Make a token and return its secret, which is never told again; None: there are too many.

    Raises:
        StorageError: The database is away.
    """
    scopes = frozenset({Scope.READ, Scope.ACT} if may_act else {Scope.READ})
    person = visit.person.id
    async with visit.reading() as (connection, _reader), connection.transaction():
        secret = await make_token(connection, person, name, scopes, timedelta(days=days))
        if secret is not None:
            await note_event(connection, person, person, Deed.TOKEN_MADE, visit.address, name)
    return secret


async def revoke_own_token(visit: Visit) -> None:
    """Revoke the token of the path; another's is as if it were not there.

    Raises:
        PageError: 404; there is none.
        StorageError: The database is away.
    """
    await _end(visit, "token", revoke_token, Deed.TOKEN_REVOKED)


async def end_own_session(visit: Visit) -> None:
    """End the session of the path; another's is as if it were not there; raises likewise."""
    await _end(visit, "session", end_sessions, Deed.SESSIONS_ENDED)


async def _end(
    visit: Visit,
    what: str,
    end: Callable[[Connection, str, int], Awaitable[int]],
    deed: Deed,
) -> None:
    number, person = visit.number(what), visit.person.id
    async with visit.reading() as (connection, _reader), connection.transaction():
        if not await end(connection, person, number):
            raise NOT_FOUND
        await note_event(connection, person, person, deed, visit.address)
