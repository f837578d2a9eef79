"""Mail: a message as MIME text, and what an SMTP server's reply means.

Request   MAIL smtp://host:port, headers ``from`` and ``to`` hold the envelope (commas between)
Response  status is the server's reply code (RFC 5321, 4.2), the body its text; to the end of data,
          or, where it did not come that far, to the command that failed

The Message-ID is made of the message's id: servers and readers that see it twice show it once.
"""

import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.channels.answers import SLOW_DOWN_S, reason_of
from wattwarden.alarms.channels.channel import (
    SECOND_US,
    TOP_LEVEL,
    BuildError,
    Channel,
    Credentials,
    Delivered,
    Fault,
    Limit,
    Message,
    Outcome,
    Pace,
    Refused,
    Request,
    Response,
    RetryAt,
    Throttled,
    Unknown,
)
from wattwarden.alarms.channels.texts import cut_chars, one_line, plain

MAX_SUBJECT_CHARS: Final = 78  # RFC 5322, 2.1.1: what a line should have at most
MAX_TEXT_CHARS: Final = 20_000  # a digest of some hundred alarms; nobody reads more
# RFC 5321, 4.5.4.1 allows two tries in the first hour and then half hours; an alarm has rungs of
# minutes, and servers that greylist open after one to five (RFC 6647, 2).
DEFERRED_S: Final = 60
MAX_REPLY_CHARS: Final = 120

# Replies that say the mailbox is not there (RFC 5321, 4.2.3).
_NOBODY: Final = frozenset({550, 551, 553})
# Replies that say we may not send (RFC 4954, 4 and 6; 530 and 534 as well).
_NOT_US: Final = frozenset({530, 534, 535, 538})
_CLOSING: Final = 421  # the server closes: it is full, or we are too many
_LOCAL: Final = re.compile(r"[^0-9A-Za-z._-]")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which server, and from whom."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    sender: Annotated[str, msgspec.Meta(pattern="^[^@ ]+@[^@ ]+$", max_length=254)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    name: str = "Wattwarden"
    user: str = ""


def build(
    message: Message, settings: Settings, _credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the MIME text of a message, the same in every attempt."""
    if not message.to:
        raise BuildError("one address is needed, got 0")
    mail = _mail(message, settings)
    headers = (("from", settings.sender), ("to", ",".join(message.to)))
    return Request("MAIL", f"smtp://{settings.host}:{settings.port}", headers, mail.as_bytes())


def interpret(response: Response, message: Message, now_us: int) -> Outcome:
    """A reply of 2yz is success, 4yz is for later, 5yz for good (RFC 5321, 4.2.1)."""
    status, now_s = response.status, now_us // SECOND_US
    text = response.body[:MAX_REPLY_CHARS].decode(errors="replace")
    reason = reason_of(status, text)
    if 200 <= status < 300:
        return Delivered(one_line(text) or message.id)
    if status == _CLOSING:
        return Throttled(now_s + SLOW_DOWN_S, reason)
    if 400 <= status < 500:
        return RetryAt(now_s + DEFERRED_S, reason)
    if status in _NOBODY:
        return Refused(reason, Fault.CONTACT)
    if status in _NOT_US:
        return Refused(reason, Fault.ENDPOINT)
    return Refused(reason) if 500 <= status < 600 else Unknown(reason)


def _mail(message: Message, settings: Settings) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    domain = settings.sender.rpartition("@")[2]
    try:
        mail["From"] = Address(one_line(settings.name), addr_spec=settings.sender)
        mail["To"] = [Address(addr_spec=address) for address in message.to]
    except (ValueError, IndexError, MessageError) as error:  # whatever its parser stumbles over
        raise BuildError("address is none of mail") from error
    mail["Subject"] = cut_chars(one_line(message.title), MAX_SUBJECT_CHARS)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at_us // SECOND_US, UTC))
    mail["Message-ID"] = f"<{_LOCAL.sub('_', message.id)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers this
    if message.level >= TOP_LEVEL:
        mail["Importance"] = "high"
    link = f"\n\n{message.url}" if message.url else ""
    text = cut_chars(plain(message.text), MAX_TEXT_CHARS) + link + "\n"
    mail.set_content(text, charset="utf-8", cte="base64")
    return mail


CHANNEL: Final = Channel(
    name="mail",
    settings=Settings,
    secrets=(),
    optional=("password",),
    # Providers of mailboxes cut off at about one a second; ten a minute are for L4.
    pace=Pace((Limit(60, 60, reserve=10),)),
    digest=True,
    build=build,
    interpret=interpret,
)
