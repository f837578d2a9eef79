"""Mail and SMPP over real sockets, against servers that speak by the book or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from wattwarden.alarms.channels import mail, smpp
from wattwarden.alarms.channels.channel import Credentials, Message
from wattwarden.alarms.channels.smpp_pdu import Command, cut, decode, encode
from wattwarden.protocol.secret import Secret
from wattwarden.server.carrying import LostError, NotSentError
from wattwarden.server.guard import Guard
from wattwarden.server.smpp_carrier import SmppCarrier
from wattwarden.server.smtp_carrier import SmtpCarrier

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HERE = Guard(["127.0.0.0/8"])
PASSWORD = Credentials({"password": Secret("pw")})


def message(text: str = "风机未运行\n.\n.end") -> Message:
    return Message(
        "ww_1", 2, "title", text, "", ("li@example.org",), {}, 1_795_300_000_000_000, "x"
    )


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[int]:
    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(whole, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


class Post:
    """A mail server by the book; ``refuses`` are replies by what a line begins with."""

    def __init__(self, **refuses: str) -> None:
        self.refuses = refuses
        self.said: list[str] = []
        self.text = b""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-here\r\n220 ready\r\n")
        while line := (await reader.readuntil(b"\r\n")).decode().strip():
            self.said.append(line)
            verb = line.split()[0]
            if verb in self.refuses:
                writer.write(self.refuses[verb].encode() + b"\r\n")
            elif verb == "EHLO":
                writer.write(b"250-here\r\n250 8BITMIME\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.text = await reader.readuntil(b"\r\n.\r\n")
                if "." in self.refuses:
                    return
                writer.write(b"250 queued as 7\r\n")
            else:
                writer.write(b"250 ok\r\n")


def mailer(port: int) -> tuple[SmtpCarrier, mail.Settings]:
    settings = mail.Settings(host="127.0.0.1", port=port, sender="ww@example.org")
    return SmtpCarrier(HERE, settings), settings


@pytest.mark.parametrize(
    ("refuses", "status"),
    [({}, 250), ({"RCPT": "550 nobody"}, 550), ({"MAIL": "451 later"}, 451)],
    ids=["taken", "nobody there", "later"],
)
async def test_a_mail_is_handed_over_or_the_reply_says_why_not(
    refuses: dict[str, str], status: int
) -> None:
    post = Post(**refuses)
    async with served(post.talk) as port:
        carrier, settings = mailer(port)
        request = mail.build(message(), settings, Credentials(), 0, "")
        answer = await carrier.carry(request, Credentials())
    assert answer.status == status
    assert bool(post.text) == (status == 250)
    assert "RCPT TO:<li@example.org>" in post.said or status == 451


async def test_silence_after_the_text_leaves_doubt_and_before_it_none() -> None:
    async with served(Post(**{".": "gone"}).talk) as port:
        carrier, settings = mailer(port)
        request = mail.build(message(), settings, Credentials(), 0, "")
        with pytest.raises(LostError):
            await carrier.carry(request, Credentials())

    async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        """Say nothing."""

    async with served(hangs_up) as port:
        carrier, settings = mailer(port)
        request = mail.build(message(), settings, Credentials(), 0, "")
        with pytest.raises(NotSentError, match="hung up"):
            await carrier.carry(request, Credentials())


async def test_a_password_is_not_sent_in_the_clear() -> None:
    post = Post()
    async with served(post.talk) as port:
        carrier, settings = mailer(port)
        request = mail.build(message(), settings, PASSWORD, 0, "")
        with pytest.raises(NotSentError, match="TLS alone"):
            await carrier.carry(request, PASSWORD)
    assert not any(line.startswith("AUTH") for line in post.said)


class Centre:
    """An SMSC: binds, answers parts, asks whether the link is alive."""

    def __init__(self, *, status: int = 0, silent: bool = False) -> None:
        self.status = status
        self.silent = silent
        self.got: list[int] = []
        self.alive = False

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Command.ENQUIRE_LINK, 99, {}))
        buffer = b""
        while chunk := await reader.read(4096):
            pdus, buffer = cut(buffer + chunk)
            for raw in pdus:
                pdu = decode(raw)
                self.got.append(pdu.command)
                if pdu.command == Command.BIND_TRANSCEIVER:
                    fields = {"system_id": "smsc"}
                    command = Command.BIND_TRANSCEIVER_RESP
                    writer.write(encode(command, pdu.sequence, fields, status=self.status))
                elif pdu.command == Command.SUBMIT_SM and not self.silent:
                    fields = {"message_id": f"M{pdu.sequence}"}
                    writer.write(encode(Command.SUBMIT_SM_RESP, pdu.sequence, fields))
                elif pdu.command == Command.SUBMIT_SM:
                    return
                elif pdu.command == Command.ENQUIRE_LINK_RESP:
                    self.alive = True


def phone(port: int) -> tuple[SmppCarrier, smpp.Settings]:
    settings = smpp.Settings(host="127.0.0.1", port=port, system_id="ww")
    return SmppCarrier(HERE, settings), settings


def texted(text: str) -> Message:
    return Message("ww_1", 2, "t", text, "", ("13800000000",), {}, 0, "x")


async def test_parts_go_over_one_session_and_their_ids_come_back() -> None:
    centre = Centre()
    async with served(centre.talk) as port:
        carrier, settings = phone(port)
        for text in ("short", "长" * 100):
            told = texted(text)
            request = smpp.build(told, settings, PASSWORD, 0, "")
            answer = await carrier.carry(request, PASSWORD)
            outcome = smpp.interpret(answer, told, 0)
            assert type(outcome).__name__ == "Delivered"
        await carrier.close()
    assert centre.got.count(Command.BIND_TRANSCEIVER) == 1
    assert centre.got.count(Command.SUBMIT_SM) == 3
    assert centre.alive


async def test_a_gateway_that_refuses_to_bind_got_nothing() -> None:
    async with served(Centre(status=0x0E).talk) as port:
        carrier, settings = phone(port)
        request = smpp.build(texted("x"), settings, PASSWORD, 0, "")
        with pytest.raises(NotSentError, match="0x0000000E"):
            await carrier.carry(request, PASSWORD)


async def test_a_session_that_ends_before_the_answer_leaves_doubt_and_is_bound_anew() -> None:
    centre = Centre(silent=True)
    async with served(centre.talk) as port:
        carrier, settings = phone(port)
        request = smpp.build(texted("x"), settings, PASSWORD, 0, "")
        with pytest.raises(LostError):
            await carrier.carry(request, PASSWORD)
        centre.silent = False
        answer = await carrier.carry(request, PASSWORD)
        await carrier.close()
    assert answer.body
    assert centre.got.count(Command.BIND_TRANSCEIVER) == 2
