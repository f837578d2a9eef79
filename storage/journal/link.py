"""One connection to NATS that always comes back.

    Link   dials, answers requests, hears nudges; a lost connection fails what is in flight at once
    └── Connection   one per connection, never reused

nats-py can reconnect by itself, yet it gives up for good on some errors of the server, keeps
requests waiting for their whole timeout when the connection drops, and sends again what was
buffered meanwhile.  Here each connection is a fresh client, a request one attempt on one.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, Self
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from wattwarden.storage.journal.connection import (
    CLOSE_TIMEOUT_S,
    Connection,
    Many,
    Reply,
    Single,
    check_size,
    hang_up,
)
from wattwarden.storage.journal.errors import JournalAway

# Three pauses reach the longest; a restarted server is met again well within a second.
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 0.4
# A server on the same continent accepts in far less; a black hole must not hold up the next one.
DIAL_TIMEOUT_S: Final = 2
# Two unanswered pings in a row mean a hung server or a cut line: noticed after 6 s at the latest.
PING_INTERVAL_S: Final = 2
MAX_UNANSWERED_PINGS: Final = 2
USUAL_PORT: Final = 4222
# A cluster elects a leader within 4 s; a server that knows of none for longer is cut off from it,
# though we reach it.
DOUBT_S: Final = 5.0
# Answers as short as acknowledgements and errors are looked at.
SHORT_BYTES: Final = 512
UNAVAILABLE: Final = b'"code":503'
# In case nats-py ends a connection without a word.
LOOK_INTERVAL_S: Final = 1.0
# Python 3.11's wait_for, on which nats-py dials, loses a cancellation that comes together with the
# end of what it waits for: so it is sent again until it works.
CANCEL_INTERVAL_S: Final = 0.05

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class LinkCounters:
    """What happened on the connection since the start."""

    connects: int = 0
    disconnects: int = 0
    failed_dials: int = 0
    client_errors: int = 0


class Link:
    """A connection to one of several NATS servers; made with ``open``, ended with ``close``."""

    def __init__(self, servers: list[str], token: str | None, name: str) -> None:
        self.counters = LinkCounters()
        self.server_version = (0, 0)
        """Major and minor version of the server last connected to."""
        self._servers = servers
        self._token = token
        self._name = name
        self._client: Connection | None = None
        self._up = asyncio.Event()
        self._closing = False
        self._reason = "not connected yet"
        self._inbox = f"_INBOX.{secrets.token_hex(11)}."
        self._tokens = count(1)
        self._waiting: dict[str, Reply] = {}
        self._listeners: list[tuple[str, Callable[[Msg], Awaitable[None]]]] = []
        self._keeper: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        # Where nothing came of requests, and since when (of the loop's clock).
        self._avoided = ""
        self._doubted_since: float | None = None

    @classmethod
    async def open(cls, url: str, *, token: str | None, name: str, timeout_s: float) -> Self:
        """Connect to the first server of ``url`` (several are separated by commas) that answers.

        Raises:
            JournalAway: none answered within ``timeout_s``; the message says why.
        """
        link = cls([part.strip() for part in url.split(",")], token, name)
        _keep_off_stderr()
        link._keeper = asyncio.create_task(link._keep_connected(), name="nats-link")
        try:
            async with asyncio.timeout(timeout_s):
                await link._up.wait()
        except TimeoutError as error:
            text = f"no connection within {timeout_s} s: {link._reason}"
            await link.close()
            raise JournalAway(text) from error
        except asyncio.CancelledError:
            await link.close()
            raise
        return link

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._up.is_set()

    async def request(
        self,
        subject: str,
        payload: bytes,
        *,
        timeout_s: float,
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """Send ``payload`` once and return the answer.

        Waits for a connection when there is none; all of it within ``timeout_s``.

        Raises:
            JournalAway: no connection, responder or answer in time, or the connection was lost.
            JournalRefused: the server takes no message as large as this.
        """
        reply = Single()
        begun = asyncio.get_running_loop().time()
        try:
            await self._exchange(reply, subject, payload, headers, timeout_s)
            answer = reply.answer(subject)
        except JournalAway:
            self._doubt(begun)
            raise
        if len(answer.data) < SHORT_BYTES and UNAVAILABLE in answer.data:
            self._doubt(begun)
        else:
            self._doubted_since = None
        return answer

    async def collect(
        self, subject: str, payload: bytes, *, most: int, timeout_s: float
    ) -> tuple[list[Msg], str]:
        """Send ``payload`` once; return at most ``most`` answers and the status that ended them.

        Raises:
            JournalAway: as in ``request``.
        """
        reply = Many(most)
        await self._exchange(reply, subject, payload, None, timeout_s)
        return reply.answers(subject)

    async def listen(self, subject: str, hear: Callable[[Msg], Awaitable[None]]) -> None:
        """Have ``hear`` called with each message on ``subject``, across all connections."""
        self._listeners.append((subject, hear))
        if self._client is not None:
            # Lost just now: the next connection subscribes.
            with contextlib.suppress(nats.errors.Error, OSError, RuntimeError):
                await self._client.subscribe(subject, cb=hear)

    def tell(self, subject: str, payload: bytes) -> bool:
        """Send ``payload`` to whoever listens now; False where there is no connection to send on.

        Raises:
            JournalRefused: the server takes no message as large as this.
        """
        client = self._client
        if client is None or not client.is_connected:
            return False
        check_size(payload, None, client.max_payload)
        try:
            client.send(subject, "", payload, None)
        except (OSError, RuntimeError):
            return False
        return True

    async def close(self) -> None:
        """Let what is in flight finish, within ``CLOSE_TIMEOUT_S``, and disconnect for good."""
        self._closing = True
        if self._waiting and self.is_up:
            flying = [reply.done for reply in self._waiting.values()]
            await asyncio.wait(flying, timeout=CLOSE_TIMEOUT_S)
        while self._keeper is not None and not self._keeper.done():
            self._keeper.cancel()
            await asyncio.wait({self._keeper}, timeout=CANCEL_INTERVAL_S)
        self._lose("closed")

    async def _connected(self) -> Connection:
        """The client, waited for without a bound."""
        while self._client is None or not self._client.is_connected:
            if self._closing:
                raise JournalAway("the connection is closed")
            if self._client is not None:
                self._lose("connection closed")  # a moment before the keeper hears of it
            await self._up.wait()
        return self._client

    async def _exchange(
        self,
        reply: Reply,
        subject: str,
        payload: bytes,
        headers: dict[str, str] | None,
        timeout_s: float,
    ) -> None:
        """Send, and wait until ``reply`` is done."""
        token = str(next(self._tokens))
        try:
            async with asyncio.timeout(timeout_s):
                client = await self._connected()
                check_size(payload, headers, client.max_payload)
                self._waiting[token] = reply
                client.send(subject, self._inbox + token, payload, headers)
                lost = await reply.done
        except TimeoutError as error:
            text = f"no answer to {subject} within {timeout_s} s"
            if not self.is_up:
                text = f"no connection within {timeout_s} s: {self._reason}"
            raise JournalAway(text) from error
        # RuntimeError: uvloop's word for a write on a transport that was closed a moment ago.
        except (nats.errors.Error, OSError, RuntimeError) as error:
            # Nothing waited so far: a caller that tries again at once would starve the loop.
            await asyncio.sleep(0)
            text = f"{subject} was not sent: {error}"
            raise JournalAway(text) from error
        finally:
            self._waiting.pop(token, None)
        if lost:
            text = f"connection lost: {lost}"
            raise JournalAway(text)

    def _doubt(self, begun: float) -> None:
        """Take note that nothing came of a request begun then; after a while, ask another server.

        Where there is only one, or none answers at all, that changes nothing.
        """
        if not self.is_up or len(self._servers) == 1:
            self._doubted_since = None
            return
        since = self._doubted_since = min(begun, self._doubted_since or begun)
        if asyncio.get_running_loop().time() - since >= DOUBT_S and self._client is not None:
            self._avoided, self._doubted_since = _address(self._client), None
            _log.warning("journal server avoided", server=self._avoided)
            self._gone.set()

    def _deliver(self, message: Msg) -> None:
        reply = self._waiting.get(message.subject[len(self._inbox) :])
        if reply is not None and not reply.done.done():
            reply.feed(message)

    async def _keep_connected(self) -> None:
        """Dial, stay, and dial again, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            gone = self._gone = asyncio.Event()
            client = await self._dial(gone)
            if client is None:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            self.counters.connects += 1
            _log.info("journal connected", server=_address(client))
            version = client.connected_server_version
            self.server_version = version.major, version.minor
            self._client = client
            self._up.set()
            try:
                await _until_gone(client, gone)
            finally:
                self._lose(str(client.last_error or "connection lost"))
                await hang_up(client)
            _log.warning("journal connection lost", reason=self._reason)

    async def _dial(self, gone: asyncio.Event) -> Connection | None:
        """A client on a new connection, or None after the attempt was counted."""
        client = Connection(self._inbox, self._deliver)

        async def closed() -> None:
            gone.set()

        try:
            # No buffer while disconnected: what is sent late was given up by its sender long ago.
            await client.connect(
                servers=[
                    one
                    for one in self._servers
                    if not (self._avoided and _is_at(one, self._avoided))
                ],
                name=self._name,
                token=self._token,
                error_cb=self._count_error,
                closed_cb=closed,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                connect_timeout=DIAL_TIMEOUT_S,
                reconnect_time_wait=0,
                ping_interval=PING_INTERVAL_S,
                max_outstanding_pings=MAX_UNANSWERED_PINGS,
                pending_size=0,
            )
            await client.subscribe(self._inbox + "*")
            for subject, hear in self._listeners:
                await client.subscribe(subject, cb=hear)
        # EOFError, ValueError: what answers there is no nats-server.
        except (nats.errors.Error, OSError, EOFError, ValueError, RuntimeError) as error:
            self.counters.failed_dials += 1
            self._avoided = ""
            if not isinstance(error, nats.errors.NoServersError):  # why was told aside
                self._reason = str(error)
            await hang_up(client)
            return None
        except asyncio.CancelledError:
            await hang_up(client)
            raise
        return client

    async def _count_error(self, error: Exception) -> None:
        """Count what nats-py reports aside; the keeper logs what has consequences."""
        self.counters.client_errors += 1
        self._reason = str(error)
        if isinstance(error, nats.errors.SlowConsumerError):
            _log.warning("journal messages dropped by the client", subject=error.subject)

    def _lose(self, reason: str) -> None:
        """Fail what is in flight: its answers went with the connection."""
        if self._client is not None and not self._closing:
            self.counters.disconnects += 1
        self._client = None
        self._up.clear()
        self._reason = reason
        for reply in self._waiting.values():
            if not reply.done.done():
                reply.done.set_result(reason)


def _address(client: Client) -> str:
    """Host and port without the credentials that an address may carry."""
    url = client.connected_url
    return f"{url.hostname}:{url.port}" if url is not None else ""


def _is_at(server: str, address: str) -> bool:
    """Whether a server's URL leads to HOST:PORT."""
    url = urlsplit(server)
    return f"{url.hostname}:{url.port or USUAL_PORT}" == address


async def _until_gone(client: Client, gone: asyncio.Event) -> None:
    """Wait for the end of the connection, reported or not, or for somebody who wants no more."""
    while client.is_connected and not gone.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_INTERVAL_S):
                await gone.wait()


def _keep_off_stderr() -> None:
    """Give nats-py's logger somewhere to write, lest logging's last resort prints to stderr."""
    logger = logging.getLogger("nats")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
