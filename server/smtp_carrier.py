"""Mail for endpoints: one session a message (RFC 5321), TLS where the server has it.

EHLO ─ STARTTLS ─ EHLO ─ AUTH PLAIN ─ MAIL ─ RCPT ─ DATA ─ text ─ "."     what fails ends it there
"""

import asyncio
import base64
import contextlib
import ssl
from typing import Final
from urllib.parse import urlsplit

from wattwarden.alarms.channels.channel import Credentials, Request, Response
from wattwarden.alarms.channels.mail import Settings
from wattwarden.server.carrying import ANSWER_S, LostError, NotSentError
from wattwarden.server.dialling import Stream, dial
from wattwarden.server.guard import Guard

# TLS from the first byte on (RFC 8314).
TLS_PORT: Final = 465
# Servers name a dozen extensions; who sends more lines is none.
MAX_REPLY_LINES: Final = 64
_READY, _DONE, _GO_ON = 220, 250, 354
_BROKEN: Final = (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError)
_LOGGED_IN: Final = 235


class SmtpCarrier:
    """Sends one endpoint's mails; ``tls`` verifies servers as the system does unless given."""

    def __init__(
        self,
        guard: Guard,
        settings: Settings,
        tls: ssl.SSLContext | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._guard = guard
        self._settings = settings
        self._answer_s = answer_s
        self._tls = tls or ssl.create_default_context()

    async def carry(self, request: Request, credentials: Credentials) -> Response:
        """Send a mail and return the server's last reply.

        Raises:
            NotSentError: It was not handed over.
            LostError: It was, and no reply came.
        """
        host = urlsplit(request.url).hostname or ""
        port = urlsplit(request.url).port or self._settings.port
        tls = self._tls if port == TLS_PORT else None
        stream = await dial(self._guard, host, port, tls)
        try:
            ended = await self._until_data(stream, request, credentials, host)
            return ended or await _data(stream, request.body, self._answer_s)
        finally:
            stream.close()

    async def close(self) -> None:
        """Nothing stays open between two mails."""

    async def _until_data(
        self, stream: Stream, request: Request, credentials: Credentials, host: str
    ) -> Response | None:
        """Come as far as the text; return the reply that ends it before, None for none."""
        try:
            async with asyncio.timeout(self._answer_s):
                ended = await self._greet(stream, host)
                ended = ended or await self._log_in(stream, credentials)
                return ended or await _envelope(stream, request)
        except _BROKEN as error:
            message = f"the server hung up: {type(error).__name__}"
            raise NotSentError(message) from error

    async def _greet(self, stream: Stream, host: str) -> Response | None:
        first = await _reply(stream)
        if first.status != _READY:
            return first
        hello = await _say(stream, "EHLO wattwarden")
        if b"STARTTLS" in hello.body.upper():
            began = await _say(stream, "STARTTLS")
            if began.status != _READY:
                return began
            await stream.writer.start_tls(self._tls, server_hostname=host)
            hello = await _say(stream, "EHLO wattwarden")
        return None if hello.status == _DONE else hello

    async def _log_in(self, stream: Stream, credentials: Credentials) -> Response | None:
        password = credentials.find("password")
        if not password:
            return None
        if stream.writer.get_extra_info("ssl_object") is None:
            raise NotSentError("a password is sent over TLS alone", for_good=True)
        user = self._settings.user or self._settings.sender
        proof = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        reply = await _say(stream, f"AUTH PLAIN {proof}")
        return None if reply.status == _LOGGED_IN else reply


async def _envelope(stream: Stream, request: Request) -> Response | None:
    headers = dict(request.headers)
    commands = [f"MAIL FROM:<{headers['from']}>"]
    commands += [f"RCPT TO:<{address}>" for address in headers["to"].split(",")]
    for command in commands:
        reply = await _say(stream, command)
        if reply.status // 100 != 2:
            return reply
    reply = await _say(stream, "DATA")
    return None if reply.status == _GO_ON else reply


async def _data(stream: Stream, text: bytes, answer_s: float) -> Response:
    """Hand the text over; from its end on nobody knows until the server replies."""
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    try:
        async with asyncio.timeout(answer_s):
            stream.writer.write(stuffed.removesuffix(b"\r\n") + b"\r\n.\r\n")
            await stream.writer.drain()
            reply = await _reply(stream)
    except _BROKEN as error:
        message = f"no reply to the text: {type(error).__name__}"
        raise LostError(message) from error
    with contextlib.suppress(OSError):
        stream.writer.write(b"QUIT\r\n")
    return reply


async def _say(stream: Stream, line: str) -> Response:
    stream.writer.write(line.encode() + b"\r\n")
    await stream.writer.drain()
    return await _reply(stream)


async def _reply(stream: Stream) -> Response:
    """Return a reply of one line or several; ValueError and EOFError where it is none."""
    said = []
    for _ in range(MAX_REPLY_LINES):
        line = await stream.reader.readuntil(b"\n")
        said.append(line[4:].strip())
        if line[3:4] != b"-":
            return Response(int(line[:3]), {}, b" ".join(said))
    raise ValueError("a reply without an end")
