"""What gateways answer, and what follows from it.

status ─ by_status ─► outcome of plain HTTP
body ─ read_json ─► document ─ its code ─ rule ─► Ruling ─ judge ─► outcome
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

import orjson

from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Fault,
    Outcome,
    Refused,
    Response,
    RetryAt,
    Scope,
    Stale,
    Throttled,
    Unknown,
)
from wattwarden.alarms.channels.texts import cut_chars, one_line
from wattwarden.protocol.zone import CHINA

# Answers are a few hundred bytes, receipts of a day some thousands; what is more is no answer.
MAX_ANSWER_BYTES: Final = 65_536
# A reason is for a table's column; gateways add addresses and manuals to theirs.
MAX_REASON_CHARS: Final = 160
# Ids of all parts of the longest text, of 64 characters each (SMPP 3.4, message_id).
MAX_PROVIDER_ID_CHARS: Final = 1000
# No notice lives longer than a day, so nobody needs to wait longer for its turn.
MAX_WAIT_S: Final = 86_400
# Where nobody says when: soon enough for an L4, and twelve attempts a minute at most.
RETRY_S: Final = 5
# "Slow down" without a time: the windows of all documented limits are a minute or longer.
SLOW_DOWN_S: Final = 60

_TOO_MANY: Final = 429
# Standard Webhooks: 429, 502 and 504 ask to slow down; 503 is what balancers say meanwhile.
_SLOW_DOWN: Final = frozenset({_TOO_MANY, 502, 503, 504})
_GONE: Final = 410
_TOO_LARGE: Final = 413
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def is_success(status: int) -> bool:
    """Tell whether a status is one of success (2xx)."""
    return 200 <= status < 300


def by_status(response: Response, now_us: int) -> Outcome:
    """Return what a status means of which no body says more, for whoever may get it twice.

    A redirect is not followed: it is a failure like any other.  410 is for good.
    """
    status, now_s = response.status, now_us // SECOND_US
    reason = f"HTTP {status}"
    if status == _GONE:
        return Refused(reason, Fault.ENDPOINT)
    if status == _TOO_LARGE:
        return Refused(reason)
    if status in _SLOW_DOWN:
        return Throttled(now_s + _wait_s(response, now_us, SLOW_DOWN_S), reason)
    return RetryAt(now_s + _wait_s(response, now_us, RETRY_S), reason)


def unreadable(response: Response, now_us: int) -> Outcome:
    """Return what an answer means that is none of the gateway's, such as a proxy's page.

    A 2xx leaves open whether the message was taken.  A client's error (4xx) will not mend itself.
    """
    if is_success(response.status):
        return Unknown(f"HTTP {response.status} without a readable answer")
    if 400 <= response.status < 500 and response.status not in {_TOO_MANY, _GONE, 408, 425}:
        return Refused(f"HTTP {response.status}")
    return by_status(response, now_us)


def unsure(response: Response, now_us: int) -> Outcome:
    """Return what such an answer means where a second message would be seen as a second one.

    A server's error (5xx) may have come after the message was taken.
    """
    if response.status >= 500:
        return Unknown(f"HTTP {response.status}")
    return unreadable(response, now_us)


def read_json(response: Response) -> Mapping[str, Any] | None:
    """Return the JSON object of an answer, None where there is no such thing."""
    if len(response.body) > MAX_ANSWER_BYTES:
        return None
    try:
        document = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def retry_after_s(text: str, now_us: int) -> int | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, 10.2.3), 0 to a day.

    It is a number of seconds or a date; None for anything else.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text), MAX_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    wait = at - datetime.fromtimestamp(now_us // SECOND_US, UTC)
    return min(max(int(wait.total_seconds()), 0), MAX_WAIT_S)


def until_midnight_s(now_us: int) -> int:
    """Return the seconds until the next midnight in China, when daily quotas start anew."""
    now = datetime.fromtimestamp(now_us // SECOND_US, CHINA)
    midnight = now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    return int((midnight - now).total_seconds())


class Verdict(Enum):
    """What a gateway's code asks for."""

    RETRY = "busy"
    THROTTLE = "too often"
    MESSAGE = "refused as it is"
    CONTACT = "nobody there"
    ENDPOINT = "not from us"
    STALE = "token expired"
    UNKNOWN = "perhaps"


Wait = int | Callable[[int], int]
"""Seconds, or how many of them from ``now_us``."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a code means; ``wait`` and ``scope`` of what can be waited for."""

    verdict: Verdict
    wait: Wait = RETRY_S
    scope: Scope = Scope.CREDENTIAL
    tries: int | None = None


Rulings = Mapping[str, Ruling]
REFUSED: Final = Ruling(Verdict.MESSAGE)
CONTACT: Final = Ruling(Verdict.CONTACT)
ENDPOINT: Final = Ruling(Verdict.ENDPOINT)
STALE: Final = Ruling(Verdict.STALE)
UNCERTAIN: Final = Ruling(Verdict.UNKNOWN)
BUSY: Final = Ruling(Verdict.RETRY)
_FAULTS: Final = {
    Verdict.MESSAGE: Fault.MESSAGE,
    Verdict.CONTACT: Fault.CONTACT,
    Verdict.ENDPOINT: Fault.ENDPOINT,
}


def rule(code: str, rulings: Rulings) -> Ruling | None:
    """Return the ruling on a code, or on what it begins with up to a dot; None for no ruling."""
    while code:
        if code in rulings:
            return rulings[code]
        code = code.rpartition(".")[0]
    return None


def judge(ruling: Ruling, reason: str, now_us: int) -> Outcome:
    """Return the outcome of a ruling."""
    wait = ruling.wait(now_us) if callable(ruling.wait) else ruling.wait
    second = now_us // SECOND_US + wait
    match ruling.verdict:
        case Verdict.RETRY:
            return RetryAt(second, reason, ruling.tries)
        case Verdict.THROTTLE:
            return Throttled(second, reason, ruling.scope)
        case Verdict.STALE:
            return Stale(reason)
        case Verdict.UNKNOWN:
            return Unknown(reason)
        case fault:
            return Refused(reason, _FAULTS[fault])


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a gateway says in JSON what became of a message.

    ``code`` and ``words`` name the members, ``success`` is the code of success; ``foreign`` rules
    on answers without a code, or with one that nobody has ruled on and a status of failure.
    """

    code: str
    words: str
    success: str
    rulings: Rulings
    foreign: Callable[[Response, int], Outcome] = unreadable


def consult(dialect: Dialect, response: Response, now_us: int) -> Outcome | Mapping[str, Any]:
    """Return the document of a success, or what else became of the message."""
    document = read_json(response)
    code = "" if document is None else text_of(document, dialect.code)
    if document is None or not code:
        return dialect.foreign(response, now_us)
    if code == dialect.success:
        return document if is_success(response.status) else dialect.foreign(response, now_us)
    ruling = rule(code, dialect.rulings)
    if ruling is None and (response.status >= 500 or response.status == _TOO_MANY):
        return dialect.foreign(response, now_us)
    return judge(ruling or REFUSED, reason_of(code, document.get(dialect.words)), now_us)


def reason_of(code: object, words: object) -> str:
    """Return a gateway's code and words as one bounded line."""
    said = one_line(words) if isinstance(words, str) else ""
    return cut_chars(f"{one_line(str(code))} {said}".strip(), MAX_REASON_CHARS)


def kept(words: str, limit: int = MAX_REASON_CHARS) -> str:
    """Return a gateway's words as they can be kept and shown: one bounded line, all of it text.

    JSON may hold a NUL, and a header bytes that are no text: no database takes either.
    """
    return cut_chars(one_line(words).encode(errors="replace").decode(), limit)


def text_of(document: Mapping[str, Any], name: str) -> str:
    """Return a member of an answer as text; numbers as well, "" for anything else."""
    value = document.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _wait_s(response: Response, now_us: int, default_s: int) -> int:
    asked = retry_after_s(response.headers.get("retry-after", ""), now_us)
    return default_s if asked is None else asked
