"""The archivist's chore with evidence: days that are over are signed, and time-stamped."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
import structlog

from wattwarden.server.archivist import Chore, Due, Rested
from wattwarden.server.chores import wall_now
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.journal.history import History, Live

if TYPE_CHECKING:
    from wattwarden.server.aside.signing import Signed

# A day is over ten minutes after midnight; who asks for evidence signs what is over at once.
LOOK_INTERVAL: Final = timedelta(hours=1)
# An authority that was away for so long is asked for the days since all the same.
STAMP_DAYS: Final = timedelta(days=30)
# Authorities answer within a second; the chores that follow wait meanwhile.
STAMP_TIMEOUT_S: Final = 10.0
NONCE_BITS: Final = 63

_log: Final = structlog.get_logger(__name__)

Sign = Callable[[], Awaitable["Sequence[Signed]"]]
"""Signs the first day that is over and has no root, and says which."""


class Journal(Live, Protocol):
    """The part of the journal that is signed."""

    @property
    def shards(self) -> int:
        """How many there are."""

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        """The last entry of a kind."""


def roots_chore(
    dsn: str,
    journal: Journal,
    archive: Path,
    keys: Path,
    sign: Sign,
    stamps: str | None,
    wall: Callable[[], datetime] = wall_now,
) -> Chore:
    """Return the chore that signs days which are over, one a round while there are any.

    A city's day takes half a minute, and the journal's segments must not wait for all of them.

    Args:
        dsn: The database.
        journal: What is signed.
        archive: Where its closed segments lie.
        keys: The secrets folder; a first key is made there at once, so that every backup has it.
        sign: Signs a day; asked where one is over.
        stamps: The address of a time-stamping authority (RFC 3161), None for none.
        wall: The clock; a simulation's days are not the journal's.
    """
    due = Due(LOOK_INTERVAL)

    async def look(_now: datetime) -> Rested | None:
        now = wall()
        if not due.begins(now):
            return Rested.NOT_DUE
        # Proofs know the alarms: a break there must not keep the other chores from being done.
        from wattwarden.storage.proof.keys import open_signer  # noqa: PLC0415  see above
        from wattwarden.storage.proof.roots import day_over  # noqa: PLC0415  see above

        open_signer(keys, now)
        signed: Sequence[Signed] = ()
        connection = await connect(dsn, name="roots", command_timeout_s=None)
        try:
            if await day_over(connection, journal, History(journal, archive), now) is not None:
                signed = await sign()
            for one in signed:
                _log.info("signed", day=one.day, root=one.root)
                due.goes_on()
            if stamps is not None:
                await stamp_roots(connection, stamps, now)
        finally:
            connection.terminate()
        if not signed:
            due.done(now)
        return None

    return Chore("roots", look)


async def stamp_roots(connection: Connection, url: str, now: datetime) -> None:
    """Have an authority time-stamp the roots of the last days that have no time-stamp.

    Raises:
        StorageError: It does not answer, or not with a time-stamp; it is asked again in a minute.
    """
    from wattwarden.storage.proof.roots import load_roots, save_token  # noqa: PLC0415  as above
    from wattwarden.storage.proof.stamps import (  # noqa: PLC0415  as above
        MAX_TOKEN_BYTES,
        StampError,
        request_of,
        token_of,
    )

    waiting = [
        root
        for root in await load_roots(connection, (now - STAMP_DAYS).date())
        if root.token is None
    ]
    if not waiting:
        return
    timeout = aiohttp.ClientTimeout(total=STAMP_TIMEOUT_S)
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            for root in waiting:
                asked = request_of(root.sealed, secrets.randbits(NONCE_BITS))
                async with session.post(url, data=asked, allow_redirects=False) as answer:
                    token = token_of(await _bounded(answer, MAX_TOKEN_BYTES), root.sealed)
                await save_token(connection, root.statement.day, token)
                _log.info("time-stamped", day=root.statement.day)
    except (aiohttp.ClientError, TimeoutError, StampError) as error:
        text = f"time-stamps of {url}: {str(error) or type(error).__name__}"
        raise StorageError(text, retryable=True) from error


async def _bounded(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Read an answer, and of one that is longer no more than tells it."""
    data = b""
    while len(data) <= most and (more := await answer.content.read(most)):
        data += more
    return data
