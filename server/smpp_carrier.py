"""SMPP for endpoints: one bound session, its parts numbered, what the gateway asks answered."""

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlsplit

from wattwarden.alarms.channels.channel import BuildError, Credentials, Request, Response
from wattwarden.alarms.channels.smpp import REPORTED, Report, Settings, bind, read_report
from wattwarden.alarms.channels.smpp_pdu import (
    Command,
    Pdu,
    answer,
    cut,
    decode,
    encode,
    renumber,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.server.carrying import ANSWER_S, LostError, NotSentError
from wattwarden.server.dialling import Stream, dial
from wattwarden.server.guard import Guard

# Sequence numbers are 31 bits (SMPP 3.4, 3.2); 1 is the bind's.
MAX_SEQUENCE: Final = 0x7FFF_FFFF
READ_BYTES: Final = 65_536
# The courier takes them every second, and a contract is of ten messages a second; a gateway that
# empties its queue of a day is told to come again.
MAX_REPORTS: Final = 10_000
COME_AGAIN: Final = 0x64  # ESME_RX_T_APPN (5.1.3)


class SmppCarrier:
    """One endpoint's session, bound when it is needed; one message at a time goes over it."""

    def __init__(self, guard: Guard, settings: Settings, answer_s: float = ANSWER_S) -> None:
        self._guard = guard
        self._settings = settings
        self._answer_s = answer_s
        self._reports: list[Report] = []
        self._stream: Stream | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._sequence = 1
        self._one = asyncio.Lock()

    async def carry(self, request: Request, credentials: Credentials) -> Response:
        """Send a message's parts and return their answers.

        Raises:
            NotSentError: The session could not be bound.
            LostError: A part was sent, and not answered.
        """
        if request.method == REPORTED:
            return Response(0, {}, b"")
        async with self._one:
            stream = await self._bound(request, credentials)
            parts, _ = cut(request.body)
            try:
                async with asyncio.timeout(self._answer_s):
                    answers = [await self._exchange(stream, part) for part in parts]
            except (OSError, TimeoutError, EOFError) as error:
                await self.close()
                message = f"no answer to a part: {type(error).__name__}"
                raise LostError(message) from error
        return Response(0, {}, b"".join(answers))

    def take_reports(self) -> list[Report]:
        """Return the delivery reports that came since they were taken last."""
        taken, self._reports = self._reports, []
        return taken

    async def close(self) -> None:
        """End the session."""
        stream, reading = self._stream, self._reading
        self._stream = self._reading = None
        if stream is not None:
            stream.close()
        if reading is not None:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _bound(self, request: Request, credentials: Credentials) -> Stream:
        if self._stream is not None:
            return self._stream
        place = urlsplit(request.url)
        stream = await dial(self._guard, place.hostname or "", place.port or self._settings.port)
        self._stream = stream
        self._reading = asyncio.create_task(self._read(stream))
        try:
            async with asyncio.timeout(self._answer_s):
                reply = await self._exchange(stream, bind(self._settings, credentials, 1))
            status = decode(reply).status
        except (OSError, TimeoutError, EOFError, ProtocolError, BuildError) as error:
            await self.close()
            message = f"the gateway does not bind: {type(error).__name__}"
            raise NotSentError(message) from error
        if status:
            await self.close()
            message = f"the gateway refuses to bind: command_status 0x{status:08X}"
            raise NotSentError(message)
        return stream

    async def _exchange(self, stream: Stream, pdu: bytes) -> bytes:
        """Send a PDU under the next number and return its answer."""
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[self._sequence] = waiting
        try:
            stream.writer.write(renumber(pdu, self._sequence))
            await stream.writer.drain()
            return await waiting
        finally:
            self._waiting.pop(self._sequence, None)

    async def _read(self, stream: Stream) -> None:
        """Hand answers to whoever waits for them, and answer what the gateway asks."""
        buffer = b""
        try:
            while chunk := await stream.reader.read(READ_BYTES):
                pdus, buffer = cut(buffer + chunk)
                for raw in pdus:
                    self._take(stream, raw, decode(raw))
        except (OSError, ProtocolError):
            pass
        finally:
            if self._stream is stream:
                self._stream = None
            stream.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(EOFError())

    def _take(self, stream: Stream, raw: bytes, pdu: Pdu) -> None:
        owed = self._report(pdu) or answer(pdu)
        if owed:
            stream.writer.write(owed)
        waiting = self._waiting.get(pdu.sequence)
        if waiting is not None and not waiting.done() and pdu.command & Command.GENERIC_NACK:
            waiting.set_result(raw)

    def _report(self, pdu: Pdu) -> bytes:
        """Keep a delivery report; return what is answered where there is no room, else b""."""
        report = read_report(pdu)
        if report is None:
            return b""
        if len(self._reports) >= MAX_REPORTS:
            fields = {"message_id": ""}
            return encode(Command.DELIVER_SM_RESP, pdu.sequence, fields, status=COME_AGAIN)
        self._reports.append(report)
        return b""
