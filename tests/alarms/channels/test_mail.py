"""Mail as a reader of mail sees it."""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from tests.alarms.channels.support import MESSAGE, build, message_for

from wattwarden.alarms.channels.channel import BuildError, Message


def received(message: Message, **changes: object) -> EmailMessage:
    found = message_from_bytes(build("mail", message, **changes).body, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


def test_a_message_arrives_as_it_was_written() -> None:
    mail = received(message_for("mail"), name="电力监管")
    assert mail["From"] == "电力监管 <warden@epb.example>"
    assert mail["To"] == "officer@epb.example"
    assert mail["Subject"] == MESSAGE.title
    assert mail["Message-ID"] == "<AL17-raised-P3@epb.example>"
    assert mail["Date"].datetime.isoformat() == "2026-11-22T02:59:00+00:00"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert text_of(mail) == f"{MESSAGE.text}\n\n{MESSAGE.url}\n"


def test_the_envelope_travels_beside_the_text() -> None:
    request = build("mail", message_for("mail", to=("a@b.example", "c@d.example")), port=25)
    assert (request.method, request.url) == ("MAIL", "smtp://mail.example:25")
    assert dict(request.headers) == {"from": "warden@epb.example", "to": "a@b.example,c@d.example"}


def test_only_the_gravest_is_marked_important() -> None:
    assert received(message_for("mail"))["Importance"] == "high"
    assert received(message_for("mail", level=3))["Importance"] is None


def test_lines_in_a_title_make_no_headers() -> None:
    title = "a\r\nBcc: x@y.example\r\n\r\nhello"
    mail = received(message_for("mail", title=title, url="", id="a>\r\nb"))
    assert mail["Bcc"] is None
    assert mail["Subject"] == "a Bcc: x@y.example hello"
    assert mail["Message-ID"] == "<a___b@epb.example>"
    assert text_of(mail) == f"{MESSAGE.text}\n"


def test_titles_and_texts_are_cut() -> None:
    mail = received(message_for("mail", title="题" * 200, text="文" * 30_000))
    assert mail["Subject"] == "题" * 77 + "…"
    assert text_of(mail).endswith(f"文…\n\n{MESSAGE.url}\n")
    assert len(text_of(mail)) < 20_100


def test_lines_of_the_wire_are_short_and_ascii() -> None:
    body = build("mail", message_for("mail", title="题" * 70)).body
    assert body.isascii()
    assert all(len(line) <= 78 for line in body.split(b"\r\n"))
    assert b"\n" not in body.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "address", ["nobody", "a@b@c", "a b@c.example", "a@b.example\r\nBcc: x@y", "", "张@b.example,"]
)
def test_an_address_that_is_none_of_mail_is_refused(address: str) -> None:
    with pytest.raises(BuildError, match="address"):
        build("mail", replace(MESSAGE, to=(address,)))
