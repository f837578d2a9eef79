"""What sender and console of links share: the keys, and how a link is made."""

from datetime import datetime
from typing import Final

import structlog

from wattwarden.alarms.routing.bundle import Link
from wattwarden.alarms.routing.route import is_person
from wattwarden.console.keys import KeyRing
from wattwarden.console.links import Answer, answer_address
from wattwarden.server.places import Places
from wattwarden.server.rate import load_rate
from wattwarden.server.settings import Settings

_log: Final = structlog.get_logger(__name__)


def keys_of(settings: Settings) -> KeyRing:
    """Return the keys of a data folder; the first to need one makes it."""
    return KeyRing(Places(settings.data).secrets, load_rate(settings.data).clock().now_us)


def link_of(keys: KeyRing, public_url: str | None) -> Link:
    """Return what makes the address at which a person answers; nobody else gets one.

    Without an address of the console messages have none.
    """

    def link(alarm: int, recipient: str, when: datetime) -> str:
        if public_url is None or not is_person(recipient):
            return ""
        try:
            return answer_address(public_url, keys, Answer.of(alarm, recipient, when))
        except OSError as error:
            # Who gets no link still learns of the alarm.
            _log.error("no link can be made", reason=error.strerror)
            return ""

    return link
