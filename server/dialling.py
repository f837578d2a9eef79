"""Streams to addresses that a guard has seen: the one that is connected to, not the name."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from wattwarden.server.carrying import CONNECT_S, NotSentError
from wattwarden.server.guard import Guard, RefusedAddressError

# Replies of SMTP and PDUs of SMPP are far shorter.
MAX_LINE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Stream:
    """Both directions of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Let go of it, without waiting for the peer."""
        self.writer.close()


async def dial(guard: Guard, host: str, port: int, tls: ssl.SSLContext | None = None) -> Stream:
    """Connect to a name's first address that answers.

    Raises:
        NotSentError: None does, or the guard refuses them.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            return await _first(guard, host, port, tls)
    except RefusedAddressError as error:
        raise NotSentError(str(error), for_good=True) from error
    except TimeoutError as error:
        raise NotSentError("no connection in time") from error
    except OSError as error:
        message = f"no connection: {error.strerror or type(error).__name__}"
        raise NotSentError(message) from error


async def _first(guard: Guard, host: str, port: int, tls: ssl.SSLContext | None) -> Stream:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed: OSError | None = None
    for _, _, _, _, address in found:
        try:
            guard.check(str(address[0]))
            reader, writer = await asyncio.open_connection(
                str(address[0]),
                port,
                ssl=tls,
                server_hostname=host if tls is not None else None,
                limit=MAX_LINE_BYTES,
            )
        except OSError as error:
            failed = error
        else:
            return Stream(reader, writer)
    raise failed or OSError("the name has no address")
