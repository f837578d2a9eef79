"""HTTP for endpoints: guarded addresses, no redirects, bounded times and sizes, TLS verified."""

import socket
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from wattwarden.alarms.channels.answers import MAX_ANSWER_BYTES
from wattwarden.alarms.channels.channel import Credentials, Request, Response
from wattwarden.server.carrying import ANSWER_S, CONNECT_S, LostError, NotSentError
from wattwarden.server.guard import Guard, RefusedAddressError

# As many as an endpoint may have on its way; each costs a descriptor while there is a burst.
MAX_CONNECTIONS: Final = 128
# An answer's headers; gateways send some ten.
MAX_HEADER_BYTES: Final = 8190
AGENT: Final = "Wattwarden"

_AddrInfo = tuple[
    int | socket.AddressFamily,
    int | socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int],
]


class HttpCarrier:
    """One endpoint's connections.  ``resolver`` stands in for the system's in tests."""

    def __init__(
        self, guard: Guard, resolver: AbstractResolver | None = None, answer_s: float = ANSWER_S
    ) -> None:
        self._guard = guard
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS, socket_factory=self._socket, resolver=resolver
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            # What an answer unpacks to has no bound; we ask for none that is packed.
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            # A name that is slow to resolve, or a turn that does not come, leaves no doubt.
            timeout=aiohttp.ClientTimeout(
                total=answer_s, connect=CONNECT_S, sock_connect=CONNECT_S
            ),
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    async def carry(self, request: Request, _credentials: Credentials) -> Response:
        """Send a request and return its answer, of which at most a bounded part is read.

        Raises:
            NotSentError: No connection, or none that is allowed.
            LostError: The answer did not come, or not whole.
        """
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
            ) as answer:
                body = await _bounded(answer)
        except (aiohttp.InvalidURL, ValueError) as error:
            raise NotSentError("the address cannot be used", for_good=True) from error
        except aiohttp.ClientConnectorError as error:
            raise _unconnected(error) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise NotSentError("no connection in time") from error
        except TimeoutError as error:
            raise LostError("no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            message = f"no whole answer: {type(error).__name__}"
            raise LostError(message) from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, headers, body)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _socket(self, info: _AddrInfo) -> socket.socket:
        """Make the socket of a connection, unless its address is refused."""
        family, kind, protocol, _, address = info
        self._guard.check(address[0])
        return socket.socket(family, kind, protocol)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """Return an answer's body, or one byte more than any may have."""
    body = bytearray()
    while chunk := await answer.content.read(MAX_ANSWER_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            # The rest is not waited for.
            answer.close()
            break
    return bytes(body)


def _unconnected(error: aiohttp.ClientConnectorError) -> NotSentError:
    """Say why there was no connection, without the address: it may hold a key."""
    if isinstance(error.os_error, RefusedAddressError) or " is refused: " in str(error.os_error):
        return NotSentError(str(error.os_error), for_good=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NotSentError("the name cannot be resolved")
    if isinstance(error, aiohttp.ClientSSLError):
        return NotSentError(f"TLS failed: {type(error).__name__}")
    reason = error.os_error.strerror or type(error.os_error).__name__
    return NotSentError(f"no connection: {reason}")
