"""An endpoint at work: paced, its token fetched when it is needed, its secrets read from files.

message ─ build ─► carry ─ interpret ─► outcome      Stale: a new token, once, then again
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from wattwarden.alarms.channels.answers import MAX_PROVIDER_ID_CHARS, kept
from wattwarden.alarms.channels.channel import (
    SECOND_US,
    TOP_LEVEL,
    Absent,
    BuildError,
    Channel,
    Credentials,
    Delivered,
    Fault,
    Identity,
    Message,
    Outcome,
    Pace,
    Receipt,
    Refused,
    Request,
    Response,
    RetryAt,
    Stale,
    Token,
    Unknown,
)
from wattwarden.alarms.channels.mail import Settings as MailSettings
from wattwarden.alarms.channels.pacing import Pacer
from wattwarden.alarms.channels.smpp import Report
from wattwarden.alarms.channels.smpp import Settings as SmppSettings
from wattwarden.alarms.routing.table import Endpoint as Configured
from wattwarden.alarms.routing.table import Reader
from wattwarden.protocol.secret import Secret
from wattwarden.server.carrying import ANSWER_S, Carrier, LostError, NotSentError
from wattwarden.server.guard import Guard
from wattwarden.server.http_carrier import HttpCarrier
from wattwarden.server.secret_files import SecretError, read_secret
from wattwarden.server.smpp_carrier import SmppCarrier
from wattwarden.server.smtp_carrier import SmtpCarrier

# A connection that failed is tried again after this; what failed twice waits as backoff has it.
UNREACHED_S: Final = 5
# What a signature needs to be new: 128 bits meet themselves never.
NONCE_BYTES: Final = 16

# Files are read this often at most; a secret is rotated with both in force for longer.
SECRETS_FRESH_S: Final = 5

WallUs = Callable[[], int]


@dataclass(slots=True)
class _Rest:
    """Until when an endpoint as a whole sends nothing, and why."""

    until_us: int = 0
    reason: str = ""


class Endpoint:
    """Sends messages of one endpoint.  ``wall_us`` is the time by which gateways judge."""

    def __init__(
        self,
        name: str,
        configured: Configured,
        reader: Reader,
        secrets: Path,
        wall_us: WallUs,
        carrier: Carrier | None = None,
    ) -> None:
        self.name = name
        self.configured = configured
        self.channel: Channel = configured.kind()
        self._settings: Any = configured.decoded()
        self._secrets = secrets
        self._wall_us = wall_us
        self._carrier = carrier or carrier_of(configured)
        self._token: Token | None = None
        self._used = Credentials()
        self._known: dict[str, Secret] = {}
        self._known_until_us = 0
        self._fetching = asyncio.Lock()
        self._rest = _Rest()
        # Refused as a whole, and not heard of since: one message at a time finds out.
        self.is_doubted = False
        limits = self.channel.pace.limits
        people = configured.address is not None and self.channel.digest
        self.pacer = Pacer(Pace((*limits, reader.limit())) if people else Pace(limits))
        self.longest_window_s = max((one.window_s for one in limits), default=0)
        self.longest_window_s = max(self.longest_window_s, reader.window_s if people else 0)

    @property
    def receipt(self) -> Receipt | None:
        """How its gateway is asked for receipts."""
        return self.channel.receipt

    def resting(self, now_us: int) -> str:
        """Return why it sends nothing now, "" where it may."""
        return self._rest.reason if now_us < self._rest.until_us else ""

    def rest(self, until_us: int, reason: str) -> None:
        """Send nothing until then."""
        if until_us > self._rest.until_us:
            self._rest = _Rest(until_us, reason)

    def open_to(self, level: int, now_us: int) -> bool:
        """Tell whether its limits as a whole let a message of a level go now."""
        return not self.resting(now_us) and self.pacer.earliest((), level, now_us) <= now_us

    def open_to_grave_alone(self, now_us: int) -> bool:
        """Tell whether only level 4 may go."""
        return not self.open_to(1, now_us) and self.open_to(TOP_LEVEL, now_us)

    async def send(self, message: Message) -> Outcome:
        """Send a message once; a token that expired is refreshed once.

        The outcome's words hold no secret.
        """
        outcome, used = await self._send(message)
        if isinstance(outcome, Stale):
            if self._token is used:
                # Else another message that met the same has fetched a new one already.
                self._token = None
            outcome, _ = await self._send(message)
        if isinstance(outcome, Stale):
            outcome = RetryAt(self._wall_us() // SECOND_US + UNREACHED_S, outcome.reason)
        return self._told(outcome)

    async def ask(self, receipt: Receipt, message: Message, sent_us: int) -> Outcome | Absent:
        """Ask what became of a message that was sent and not answered."""
        now_us = self._wall_us()

        def build(credentials: Credentials) -> Request:
            nonce = token_hex(NONCE_BYTES)
            return receipt.ask(message, self._settings, credentials, sent_us, now_us, nonce)

        found: Response | Outcome | Absent = await self._carried(build)
        if isinstance(found, Response):
            found = receipt.read(found, message, self._wall_us())
        elif isinstance(found, Unknown | Stale):
            # Of the question nobody knows the answer, not of the message.
            found = RetryAt(self._wall_us() // SECOND_US + receipt.wait_s, found.reason)
        return found if isinstance(found, Absent) else self._told(found)

    def take_reports(self) -> list[Report]:
        """Return the delivery reports that its gateway sent by itself since the last time."""
        if not isinstance(self._carrier, SmppCarrier):
            return []
        return [
            replace(one, message_id=kept(one.message_id)) for one in self._carrier.take_reports()
        ]

    async def identify(self, code: str) -> str | Outcome:
        """Return the address, at this endpoint, of who opened a page; else why nobody knows."""
        identity = self.channel.identity
        if identity is None:
            return Refused("the channel tells nobody's identity", Fault.ENDPOINT)
        found = await self._identity_of(identity, code)
        if isinstance(found, Stale):
            self._token = None
            found = await self._identity_of(identity, code)
        return found if isinstance(found, str) else self._told(found)

    async def _identity_of(self, identity: Identity, code: str) -> str | Outcome:
        answer = await self._carried(
            lambda credentials: identity.request(self._settings, credentials, code)
        )
        return identity.read(answer, self._wall_us()) if isinstance(answer, Response) else answer

    async def close(self) -> None:
        """Let go of its connections."""
        await self._carrier.close()

    async def _send(self, message: Message) -> tuple[Outcome, Token | None]:
        """Return what came of a send, and the token that it was made with."""
        used: Token | None = None

        def build(credentials: Credentials) -> Request:
            nonlocal used
            used = credentials.token
            nonce = token_hex(NONCE_BYTES)
            return self.channel.build(message, self._settings, credentials, self._wall_us(), nonce)

        found = await self._carried(build)
        if isinstance(found, Response):
            found = self.channel.interpret(found, message, self._wall_us())
        return found, used

    async def _carried(self, build: Callable[[Credentials], Request]) -> Response | Outcome:
        """Build and carry a request; what fails on the way is an outcome as well."""
        try:
            credentials = await self._credentials()
            if not isinstance(credentials, Credentials):
                return credentials
            self._used = credentials
            return await self._carrier.carry(build(credentials), credentials)
        except (BuildError, SecretError) as error:
            ours = Fault.ENDPOINT if isinstance(error, SecretError) else Fault.MESSAGE
            return Refused(str(error), ours)
        except NotSentError as error:
            if error.for_good:
                return Refused(error.reason, Fault.ENDPOINT)
            return RetryAt(self._wall_us() // SECOND_US + UNREACHED_S, error.reason)
        except LostError as error:
            return Unknown(error.reason)

    def _told(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose words quote no secret, and can be kept whatever they are."""
        if isinstance(outcome, Delivered):
            said = kept(outcome.provider_id, MAX_PROVIDER_ID_CHARS)
            return replace(outcome, provider_id=said)
        return replace(outcome, reason=kept(self._used.mask(outcome.reason)))

    async def _credentials(self) -> Credentials | Outcome:
        bare = Credentials(self._read_secrets())
        if self.channel.token is None:
            return bare
        async with self._fetching:
            if self._token is None or not self._token.is_fresh(self._wall_us()):
                found = await self._fetch(bare)
                if not isinstance(found, Token):
                    return found
                self._token = found
        return Credentials(bare.secrets, self._token)

    async def _fetch(self, bare: Credentials) -> Token | Outcome:
        source = self.channel.token
        if source is None:
            return Refused("the channel knows no token", Fault.ENDPOINT)
        try:
            response = await self._carrier.carry(source.request(self._settings, bare), bare)
        except LostError as error:
            # Whoever asks twice gets the same token.
            return RetryAt(self._wall_us() // SECOND_US + UNREACHED_S, f"token: {error.reason}")
        return source.read(response, self._wall_us())

    def _read_secrets(self) -> dict[str, Secret]:
        """Read the files anew now and then: a secret that was changed holds within seconds."""
        now_us = self._wall_us()
        if now_us >= self._known_until_us:
            files = self.configured.secrets.items()
            self._known = {name: read_secret(self._secrets, file) for name, file in files}
            self._known_until_us = now_us + SECRETS_FRESH_S * SECOND_US
        return self._known


def carrier_of(configured: Configured, answer_s: float = ANSWER_S) -> Carrier:
    """Return what carries an endpoint's requests, guarded as it is configured."""
    guard = Guard(configured.allow)
    match settings := configured.decoded():
        case MailSettings():
            return SmtpCarrier(guard, settings, answer_s=answer_s)
        case SmppSettings():
            return SmppCarrier(guard, settings, answer_s)
        case _:
            return HttpCarrier(guard, answer_s=answer_s)
