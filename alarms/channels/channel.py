"""The contract between a push channel and everything else: one frozen record of functions.

message ─ build ─► Request ─(courier)─► Response ─ interpret ─► Outcome
settings, credentials ─ token.request ─► Request … Response ─ token.read ─► Token
nothing came back ─ receipt.ask ─► Request … Response ─ receipt.read ─► Outcome | Absent

Nothing in here sends, waits, reads a clock or draws a number: ``now_us`` is microseconds UTC,
``nonce`` a text that was never used before.  What is no HTTP travels in the same records: of SMPP
a Request's body holds the PDUs back to back, of mail the MIME text (smpp.py and mail.py say more).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from wattwarden.alarms.channels.facts import Facts
from wattwarden.protocol.secret import Secret

TOP_LEVEL: Final = 4  # L4, for which reserves are kept
SECOND_US: Final = 1_000_000


class BuildError(ValueError):
    """A message, settings and credentials of which no request can be made; says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a gateway gave in exchange for a secret, good until ``expires_us``."""

    value: Secret
    expires_us: int

    def is_fresh(self, now_us: int) -> bool:
        """Tell whether it will outlive a request that is made now."""
        return now_us + TOKEN_MARGIN_S * SECOND_US < self.expires_us


# Both clocks may be a minute off and a request takes 30 s at most; five minutes hold both.
TOKEN_MARGIN_S: Final = 300


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of an endpoint by the names that its channel gives them, and its token."""

    secrets: Mapping[str, Secret] = field(default_factory=dict)
    token: Token | None = None

    def reveal(self, name: str) -> str:
        """Return a secret that must be there.

        Raises:
            BuildError: It is not, or it is empty.
        """
        text = self.find(name)
        if not text:
            message = f"secret {name} is missing"
            raise BuildError(message)
        return text

    def find(self, name: str) -> str:
        """Return a secret that may be absent, "" for none."""
        secret = self.secrets.get(name)
        return "" if secret is None else secret.reveal()

    def access_token(self) -> str:
        """Return the token's text.

        Raises:
            BuildError: Nobody has fetched one.
        """
        if self.token is None:
            raise BuildError("access token is missing")
        return self.token.value.reveal()

    def mask(self, text: str) -> str:
        """Return a text, such as a gateway's words, without any secret that it may quote."""
        hidden = [secret.reveal() for secret in self.secrets.values()]
        if self.token is not None:
            hidden.append(self.token.value.reveal())
        for secret in sorted(filter(None, hidden), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody is told.

    ``id`` is the idempotency key, the same in every attempt and another in every repeat; ``level``
    1 to 4; ``url`` opens the answer page ("" for none); ``to`` holds addresses as the channel has
    them; ``fields`` names the parts of the text for templates (see ``texts.parts``); ``at_us`` is
    when it fell due; ``kind`` is like ``alarm.raised``.  ``reason`` is why this reader gets it,
    ``late_min`` by how many minutes it is late; machines get ``facts`` instead of the text.
    """

    id: str
    level: int
    title: str
    text: str
    url: str
    to: tuple[str, ...]
    fields: Mapping[str, str]
    at_us: int
    kind: str
    reason: str = ""
    late_min: int = 0
    facts: Facts | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What to send.  Shows no more of itself than where it goes: addresses hold keys as well.

    ``url`` is escaped as it was signed: whoever sends it must not escape it anew.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        place = urlsplit(self.url)
        return f"Request({self.method} {place.scheme}://{place.netloc}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; names of headers are in lower case.  The body may hold a token."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Scope(StrEnum):
    """What a limit counts, and what rests when it is reached."""

    CREDENTIAL = "credential"
    RECIPIENT = "recipient"


class Fault(StrEnum):
    """Whose fault a refusal is, so what else will not work either."""

    MESSAGE = "message"  # this message, as it is
    CONTACT = "contact"  # the address: flag it, take the next channel
    ENDPOINT = "endpoint"  # the endpoint or its credential: nothing goes through until it is mended


@dataclass(frozen=True, slots=True)
class Delivered:
    """The gateway has it, under its own id ("" for none); ``missed`` are addresses it left out."""

    provider_id: str
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryAt:
    """It has it not: again, but not before ``second`` (Unix time).

    ``tries`` is how many times at most the gateway wants it sent again, None for as it suits us.
    """

    second: int
    reason: str
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """It was not sent, and the scope as a whole rests until ``until_second`` (Unix time)."""

    until_second: int
    reason: str
    scope: Scope = Scope.CREDENTIAL


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be sent, ever."""

    reason: str
    fault: Fault = Fault.MESSAGE

    @property
    def gone(self) -> bool:
        """Whether the endpoint as a whole is disabled."""
        return self.fault is Fault.ENDPOINT


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it was accepted: ask for the receipt before a second send."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The token expired: refresh it once, then again."""

    reason: str


Outcome = Delivered | RetryAt | Throttled | Refused | Unknown | Stale


@dataclass(frozen=True, slots=True)
class Absent:
    """The gateway has no record of a message: it may be sent again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` in any ``window_s``, of which ``reserve`` are kept for L4."""

    count: int
    window_s: int
    scope: Scope = Scope.CREDENTIAL
    reserve: int = 0

    def __post_init__(self) -> None:
        if self.window_s <= 0 or not 0 <= self.reserve < self.count:
            raise ValueError("a limit needs a window, and room beside its reserve")


@dataclass(frozen=True, slots=True)
class Pace:
    """Every limit of a channel; all hold at once."""

    limits: tuple[Limit, ...] = ()


Build = Callable[[Message, Any, Credentials, int, str], Request]
"""(message, settings, credentials, now_us, nonce): raises BuildError."""
Interpret = Callable[[Response, Message, int], Outcome]
"""(response, message, now_us): raises nothing, whatever came back."""


@dataclass(frozen=True, slots=True)
class TokenSource:
    """How a token is fetched: request(settings, credentials), read(response, now_us)."""

    request: Callable[[Any, Credentials], Request]
    read: Callable[[Response, int], Token | Outcome]


@dataclass(frozen=True, slots=True)
class Receipt:
    """How to learn what became of a message that was sent at ``sent_us`` and not answered.

    ask(message, settings, credentials, sent_us, now_us, nonce), not before ``wait_s`` have passed;
    of what it reads, RetryAt means to ask again, Unknown that nobody will know.
    """

    wait_s: int
    ask: Callable[[Message, Any, Credentials, int, int, str], Request]
    read: Callable[[Response, Message, int], Outcome | Absent]


@dataclass(frozen=True, slots=True)
class Identity:
    """How somebody who opens a page inside the channel's app is known by their address there.

    consent(settings, back): the address to open, which leads back to ``back`` with a ``code`` that
    holds once and for minutes; request(settings, credentials, code) asks whose it is; of what
    ``read`` (response, now_us) returns, a text is that address.
    """

    consent: Callable[[Any, str], str]
    request: Callable[[Any, Credentials, str], Request]
    read: Callable[[Response, int], str | Outcome]


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """A way to reach somebody.

    ``settings`` is what an endpoint's configuration decodes to; ``secrets`` and ``optional`` name
    what its credentials must and may hold; ``digest`` is whether messages that wait for their turn
    may be merged into one.  ``token``, ``receipt`` and ``identity`` are None where there is no
    such thing.  ``idempotent`` is whether receivers know a message again by its id: what is in
    doubt is then sent until it is answered.
    """

    name: str
    settings: type[msgspec.Struct]
    secrets: tuple[str, ...]
    pace: Pace
    digest: bool
    build: Build
    interpret: Interpret
    optional: tuple[str, ...] = ()
    token: TokenSource | None = None
    receipt: Receipt | None = None
    identity: Identity | None = None
    idempotent: bool = False
