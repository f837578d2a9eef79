"""Days signed in a process of its own: a city's day takes 40 MiB that an archivist would keep."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from pydantic import ValidationError

from wattwarden.server.aside.process import aside
from wattwarden.server.packages import evidence_source
from wattwarden.server.places import NotRunningError, dsn_of
from wattwarden.server.settings import Settings, load_settings
from wattwarden.storage.database import connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.proof.roots import sign_days

# A city's day takes half a minute; one of a country's largest province, an hour at most.
SIGNING_S: Final = 3_600.0


class Question(msgspec.Struct, frozen=True):
    """Of which system; what else it is told by, the process reads as whoever asks did."""

    data: str
    dsn: str | None
    nats: str | None


class Signed(msgspec.Struct, frozen=True):
    """A day, and the SHA-256 of its root."""

    day: str
    root: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was signed, or why nothing could be."""

    signed: tuple[Signed, ...] = ()
    refused: str = ""


async def sign_aside(settings: Settings) -> tuple[Signed, ...]:
    """Sign the first day that is over and has no root; return it, nothing where there is none.

    Raises:
        StorageError: Database, journal, archive or key cannot be used, or the process not be.
    """
    asked = Question(str(settings.data), settings.dsn, settings.nats)
    question = msgspec.msgpack.encode(asked)
    try:
        async with asyncio.timeout(SIGNING_S), aside("sign", question) as work:
            line = await work.line()
            if not line:
                status = await work.status()
                text = f"no day was signed (status {status}): wattwarden evidence sign says why"
                raise StorageError(text, retryable=True)
    except TimeoutError as error:
        text = f"no day was signed within {SIGNING_S:.0f} s: sign it with wattwarden evidence sign"
        raise StorageError(text, retryable=True) from error
    except OSError as error:
        text = f"no process to sign a day: {error.strerror}: wattwarden doctor names the limits"
        raise StorageError(text, retryable=True) from error
    answer = msgspec.json.decode(line, type=Answer)
    if answer.refused:
        raise StorageError(answer.refused, retryable=True)
    return answer.signed


async def days_aside(raw: bytes, tell: Callable[[bytes], None]) -> None:
    """Do the same in the process that was begun for it."""
    asked = msgspec.msgpack.decode(raw, type=Question)
    try:
        settings = load_settings(data=Path(asked.data), dsn=asked.dsn, nats=asked.nats)
        answer = Answer(await _signed(settings))
    except ValidationError:
        # Its text holds what was set, which may be a secret.
        answer = Answer(refused="the settings are no longer valid: wattwarden doctor names them")
    except (StorageError, NotRunningError) as error:
        answer = Answer(refused=str(error))
    tell(msgspec.json.encode(answer))


async def _signed(settings: Settings) -> tuple[Signed, ...]:
    async with evidence_source(settings) as source:
        connection = await connect(dsn_of(settings), name="roots", command_timeout_s=None)
        try:
            made = await sign_days(
                connection, source.shards, source.journal, source.signer, source.wall, most=1
            )
        finally:
            connection.terminate()
    return tuple(Signed(str(root.statement.day), root.digest) for root in made)
