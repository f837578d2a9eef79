"""What goes over one connection to NATS: requests, and the answers that gather.

Connection  a client of nats-py that ends where its connection ends
Single      one answer
Many        answers until a status ends them
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from wattwarden.storage.journal.errors import JournalAway, JournalRefused

# What is in flight at close gets as long as a slow disk needs for an fsync; then it is given up.
CLOSE_TIMEOUT_S: Final = 2.0
NO_RESPONDERS: Final = "503"
STATUS: Final = "Status"
# "NATS/1.0", the empty line, and colon, blank and line end of each header count as payload.
HEADER_FRAME_BYTES: Final = 12
HEADER_LINE_BYTES: Final = 4


class Reply(Protocol):
    """Where the answers to one request gather.  ``done`` tells why they were lost, "" if not."""

    done: asyncio.Future[str]

    def feed(self, message: Msg) -> None:
        """Take one answer."""


class Single:
    """The first answer is the whole answer."""

    __slots__ = ("done", "message")

    def __init__(self) -> None:
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.message: Msg | None = None

    def feed(self, message: Msg) -> None:
        """Take the answer."""
        self.message = message
        self.done.set_result("")

    def answer(self, subject: str) -> Msg:
        """Return what came.  Raises JournalAway where nobody listens on the subject."""
        message = self.message
        if message is None or (message.headers or {}).get(STATUS) == NO_RESPONDERS:
            text = f"nothing answers to {subject}"
            raise JournalAway(text)
        return message


class Many:
    """Answers follow one another until one carries a status."""

    __slots__ = ("done", "messages", "most", "status")

    def __init__(self, most: int) -> None:
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.messages: list[Msg] = []
        self.most = most
        self.status = ""

    def feed(self, message: Msg) -> None:
        """Take an answer, or the status that ends them."""
        status = message.headers.get(STATUS) if message.headers else None
        if status is not None:
            self.status = status
            self.done.set_result("")
        elif len(self.messages) < self.most:
            self.messages.append(message)

    def answers(self, subject: str) -> tuple[list[Msg], str]:
        """Return what came and the status.  Raises JournalAway where nobody listens."""
        if self.status == NO_RESPONDERS:
            text = f"nothing answers to {subject}"
            raise JournalAway(text)
        return self.messages, self.status


class Connection(Client):
    """A client that ends where its connection ends, and takes the short way for requests.

    nats-py hands each message through two queues and two tasks, which for an envelope costs as much
    as a hundred of its frames.
    """

    def __init__(self, inbox: str, deliver: Callable[[Msg], None]) -> None:
        super().__init__()
        self._inbox = inbox.encode()
        self._deliver = deliver

    def send(
        self, subject: str, reply: str, payload: bytes, headers: dict[str, str] | None
    ) -> None:
        """Write a message at once, behind whatever is pending.

        Raises:
            OSError, RuntimeError: the connection is gone.
        """
        if headers is None:
            head = f"PUB {subject} {reply} {len(payload)}\r\n".encode()
        else:
            block = _header_block(headers)
            whole = len(block) + len(payload)
            head = f"HPUB {subject} {reply} {len(block)} {whole}\r\n".encode() + block
        if self._transport is None:
            raise ConnectionResetError("the connection is gone")
        pending, self._pending = self._pending, []
        self._pending_data_size = 0
        self._transport.writelines([*pending, head, payload, b"\r\n"])

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        if not subject.startswith(self._inbox):
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        found = await self._process_headers(headers) if headers else None
        self._deliver(self._build_message(sid, subject, reply, data, found))

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002  # theirs
        if self._flush_queue is None:
            return  # it never began: the address is none
        # Whatever ends the connection comes through here.  Left to itself, nats-py first writes
        # what is pending: to a peer that reset, it fails before it tells anybody; to one that
        # hangs, it waits for ever.  Our senders learn of the loss and send again by themselves.
        self._pending = []
        self._pending_data_size = 0
        try:
            await super()._close(status, do_cbs)
        finally:
            # It may be cancelled before it comes to that, and nobody else does it.
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]  # theirs


def check_size(payload: bytes, headers: dict[str, str] | None, most_bytes: int) -> None:
    """Refuse what the server would answer by closing the connection.

    Raises:
        JournalRefused: the message is larger than the server takes.
    """
    size_bytes = len(payload)
    if headers is not None:
        lines = (len(name) + len(value) + HEADER_LINE_BYTES for name, value in headers.items())
        size_bytes += HEADER_FRAME_BYTES + sum(lines)
    if size_bytes > most_bytes:
        message = f"message is {size_bytes} bytes with its headers, the server takes {most_bytes}"
        raise JournalRefused(message)


def _header_block(headers: dict[str, str]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"NATS/1.0\r\n{lines}\r\n".encode()


async def hang_up(client: Client) -> None:
    """Close, within ``CLOSE_TIMEOUT_S``, whatever state the connection is in."""
    with contextlib.suppress(nats.errors.Error, OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
