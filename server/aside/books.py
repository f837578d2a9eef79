"""Books that people send, read and held against the registry in a process of its own."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from wattwarden.server.aside.process import aside
from wattwarden.storage.books.exchange import Sent, Taken, take_in
from wattwarden.storage.database import connect

# The largest book that may be sent takes a third of that where the machine is idle.
READING_S: Final = 180.0

_log: Final = structlog.get_logger(__name__)


class Question(msgspec.Struct, frozen=True):
    """Which book, into which store."""

    dsn: str
    sent: Sent


async def take_aside(dsn: str, sent: Sent) -> Taken:
    """Read a book, and import it where that is wanted and nothing is wrong."""
    question = msgspec.msgpack.encode(Question(dsn, sent))
    try:
        async with asyncio.timeout(READING_S), aside("book", question) as work:
            line = await work.line()
            if line:
                return msgspec.json.decode(line, type=Taken)
            _log.warning("a book was not read", status=await work.status(), name=sent.name)
    except TimeoutError:
        _log.warning("a book took too long", name=sent.name, size=len(sent.data))
    return Taken(refused=_TOO_MUCH)


async def read_aside(raw: bytes, tell: Callable[[bytes], None]) -> None:
    """Do the same in the process that was begun for it."""
    question = msgspec.msgpack.decode(raw, type=Question)
    connection = await connect(question.dsn, name="book")
    try:
        tell(msgspec.json.encode(await take_in(connection, question.sent)))
    finally:
        await connection.close()


_TOO_MUCH: Final = (
    "文件未能读完，没有导入。请分成几份再试。",
    "the file could not be read to its end, and nothing was imported; try it in parts",
)
