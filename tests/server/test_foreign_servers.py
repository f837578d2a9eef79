"""Mail and SMPP against servers and codecs that others wrote."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage  # noqa: TC003  also the type of what is kept
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.server.certificates import make_certificate
from tests.server.smsc import Centre

from wattwarden.alarms.channels import mail, smpp
from wattwarden.alarms.channels.channel import Credentials, Delivered, Message, Refused
from wattwarden.protocol.secret import Secret
from wattwarden.server.carrying import NotSentError
from wattwarden.server.guard import Guard
from wattwarden.server.smpp_carrier import SmppCarrier
from wattwarden.server.smtp_carrier import SmtpCarrier

HERE = Guard(["127.0.0.0/8"])
PASSWORD = Credentials({"password": Secret("pw-SECRT")})
WRONG = Credentials({"password": Secret("guessed")})


def message(to: str, text: str = "风机未运行\n.\n.end") -> Message:
    return Message("ww_1", 2, "标题", text, "", (to,), {}, 1_795_300_000_000_000, "alarm.raised")


# --- mail


class Box:
    """What aiosmtpd hands over; nobody but li is known."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if not address.startswith("li@"):
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        policy = email.policy.default
        self.got.append(email.message_from_bytes(envelope.content, policy=policy))
        return "250 queued as 7"


def checked(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    assert isinstance(given, LoginPassword)
    good = (given.login, given.password) == (b"ww@example.org", b"pw-SECRT")
    return AuthResult(success=good, handled=good)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@asynccontextmanager
async def post_office(box: Box, certificate: Path) -> AsyncIterator[int]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)

    def session() -> SMTP:
        return SMTP(box, tls_context=tls, require_starttls=True, authenticator=checked,
                    auth_required=True, loop=asyncio.get_running_loop())  # fmt: skip

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def mailer(port: int, trusted: Path) -> tuple[SmtpCarrier, mail.Settings]:
    settings = mail.Settings(host="localhost", port=port, sender="ww@example.org")
    return SmtpCarrier(HERE, settings, ssl.create_default_context(cafile=trusted)), settings


async def test_a_mail_goes_over_tls_after_a_login_and_arrives_as_it_was_written(
    certificate: Path,
) -> None:
    box = Box()
    async with post_office(box, certificate) as port:
        carrier, settings = mailer(port, certificate)
        told = message("li@example.org")
        request = mail.build(told, settings, PASSWORD, 0, "")
        answer = await carrier.carry(request, PASSWORD)
    assert isinstance(mail.interpret(answer, told, 0), Delivered)
    (got,) = box.got
    assert "标题" in str(got["subject"])
    body = got.get_body()
    assert body is not None
    assert body.get_content().splitlines() == ["风机未运行", ".", ".end"]


@pytest.mark.parametrize(
    ("to", "given", "status"),
    [("wang@example.org", PASSWORD, 550), ("li@example.org", WRONG, 535)],
    ids=["nobody of that name", "a wrong password"],
)
async def test_what_a_mail_server_refuses_is_refused_for_good(
    certificate: Path, to: str, given: Credentials, status: int
) -> None:
    async with post_office(Box(), certificate) as port:
        carrier, settings = mailer(port, certificate)
        told = message(to)
        answer = await carrier.carry(mail.build(told, settings, given, 0, ""), given)
    assert answer.status == status
    assert isinstance(mail.interpret(answer, told, 0), Refused)


async def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    certificate: Path, tmp_path: Path
) -> None:
    stranger = make_certificate(tmp_path, "localhost")
    async with post_office(Box(), certificate) as port:
        carrier, settings = mailer(port, stranger)
        request = mail.build(message("li@example.org"), settings, PASSWORD, 0, "")
        with pytest.raises(NotSentError):
            await carrier.carry(request, PASSWORD)


# --- SMPP


@asynccontextmanager
async def operated(centre: Centre) -> AsyncIterator[tuple[SmppCarrier, smpp.Settings]]:
    await centre.start()
    port = centre.port
    settings = smpp.Settings(host="127.0.0.1", port=port, system_id="epb", source="10690")
    carrier = SmppCarrier(HERE, settings)
    yield carrier, settings
    await carrier.close()
    await centre.stop()


@pytest.mark.parametrize("text", ["短信", "长" * 150], ids=["one part", "three parts"])
async def test_a_foreign_centre_reads_our_parts_and_we_its_reports(text: str) -> None:
    centre = Centre()
    async with operated(centre) as (carrier, settings):
        told = message("13800000000", text)
        answer = await carrier.carry(smpp.build(told, settings, PASSWORD, 0, ""), PASSWORD)
        outcome = smpp.interpret(answer, told, 0)
        async with asyncio.timeout(60):
            await centre.acknowledged.wait()
        reports = carrier.take_reports()
    assert isinstance(outcome, Delivered)
    assert "".join(centre.texts) == f"标题 {text}"
    assert reports[0].message_id == outcome.provider_id.split(",")[0]
    assert reports[0].reference == smpp.reference("ww_1")
    assert isinstance(smpp.outcome_of(reports[0]), Delivered)


async def test_a_foreign_centres_refusals_are_read() -> None:
    centre = Centre()
    async with operated(centre) as (carrier, settings):
        told = message("13900000000")
        request = smpp.build(told, settings, PASSWORD, 0, "")
        with pytest.raises(NotSentError, match="0x0000000E"):
            await carrier.carry(request, WRONG)
        outcome = smpp.interpret(await carrier.carry(request, PASSWORD), told, 0)
    assert isinstance(outcome, Refused)
    assert centre.refused == 1
