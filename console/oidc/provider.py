"""The provider itself, asked over HTTP: within bounds, and no more often than there is need.

description, keys ─► kept an hour; keys are asked for again at once when an unknown one signed
code ─► token endpoint ─► ID token ─► subject
"""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector

from wattwarden.console.oidc.discovery import Key, Place, document_address, keys_of, place_of
from wattwarden.console.oidc.errors import AwayError, NoWordError
from wattwarden.console.oidc.fitting import misfits
from wattwarden.console.oidc.leaving import Ties, leave_address
from wattwarden.console.oidc.registration import Registration
from wattwarden.console.oidc.words import UnknownKeyError, subject_in

# Somebody looks at a white page meanwhile.
PATIENCE_S: Final = 10.0
CONNECT_S: Final = 5.0
# Descriptions have 5 KB, keys some 8, answers with three tokens some 12.
MAX_ANSWER_BYTES: Final = 65_536
# A provider that changes its keys shows the next one for longer.
KEPT_S: Final = 3600.0
# Tokens with keys that nobody has do not make us ask in their stead.
AGAIN_S: Final = 30.0
# One that was away is left alone for as long: who asks meanwhile is told so at once.
ALONE_S: Final = 5.0
# So many visitors at a time are asked for; the others wait, within everybody's patience.
AT_ONCE: Final = 8


class Provider:
    """One provider.  ``now_s`` is a monotonic clock."""

    def __init__(
        self, registration: Registration, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.registration = registration
        self._now_s = now_s
        self._asking = asyncio.Lock()
        self._session: ClientSession | None = None
        self._place: Place | None = None
        self._place_s = 0.0
        self._keys: tuple[Key, ...] = ()
        self._keys_s = 0.0
        self._away_s = -ALONE_S

    async def leave_for(self, ties: Ties) -> str:
        """Return where a browser is sent to be told of.

        Raises:
            AwayError: The provider cannot be asked.
        """
        return leave_address(await self._described(), self.registration, ties)

    async def subject(self, code: str, ties: Ties, issuer: str) -> str:
        """Return who came back with a code; ``issuer`` is what their address says of the provider.

        Raises:
            AwayError: The provider cannot be asked.
            NoWordError: It says nothing that holds.
        """
        place = await self._described()
        if issuer != self.registration.issuer and (issuer or place.says_issuer):
            raise NoWordError("another provider answered")
        token = await self._exchanged(place, code, ties)
        keys = await self._known_keys(place, KEPT_S)
        try:
            return subject_in(token, keys, self.registration, ties.nonce)
        except UnknownKeyError:
            newer = await self._known_keys(place, AGAIN_S)
            if newer is keys:
                raise
            return subject_in(token, newer, self.registration, ties.nonce)

    async def misfits(self) -> tuple[str, ...]:
        """Return in what it is not what the registration takes it for; () where nobody is let down.

        Raises:
            AwayError: It cannot be asked, or describes another provider; or our own secret for it
                cannot be read.
        """
        self._secret()
        document = await self._get(document_address(self.registration.issuer))
        place = place_of(document, self.registration)
        keys = keys_of(await self._get(place.keys))
        return tuple(misfits(document, keys, self.registration))

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _described(self) -> Place:
        async with self._asking:
            if self._place is None or self._now_s() >= self._place_s + KEPT_S:
                document = await self._get(document_address(self.registration.issuer))
                self._place = place_of(document, self.registration)
                self._place_s = self._now_s()
            return self._place

    async def _known_keys(self, place: Place, most_s: float) -> tuple[Key, ...]:
        """Return the keys, asked for anew where those known are older than ``most_s``."""
        async with self._asking:
            if not self._keys or self._now_s() >= self._keys_s + most_s:
                self._keys = keys_of(await self._get(place.keys))
                self._keys_s = self._now_s()
            return self._keys

    async def _exchanged(self, place: Place, code: str, ties: Ties) -> str:
        """Return the ID token that a code is good for (RFC 6749, 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.registration.back,
            "client_id": self.registration.client_id,
            "code_verifier": ties.verifier,
        }
        headers = {}
        secret = self._secret()
        if secret is not None and place.in_header:
            whole = f"{quote_plus(self.registration.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(whole.encode()).decode()}"
        elif secret is not None:
            form["client_secret"] = secret
        answer = await self._ask("POST", place.token, data=form, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NoWordError("the provider gave no ID token")
        return token

    def _secret(self) -> str | None:
        if self.registration.secret is None:
            return None
        try:
            return self.registration.secret().reveal()
        except ValueError as error:
            raise AwayError(str(error)) from error

    async def _get(self, address: str) -> dict[str, Any]:
        if self._now_s() < self._away_s + ALONE_S:
            raise AwayError("the provider did not answer a moment ago")
        try:
            return await self._ask("GET", address)
        except AwayError:
            self._away_s = self._now_s()
            raise

    async def _ask(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        """Return what a provider answers, an object of JSON.

        Raises:
            AwayError: It does not answer so.
            NoWordError: It refuses what was asked.
        """
        try:
            session = self._opened()
            async with session.request(method, address, allow_redirects=False, **more) as response:
                body = await _bounded(response)
        except (ClientError, TimeoutError, OSError) as error:
            message = f"the provider does not answer: {type(error).__name__}"
            raise AwayError(message) from error
        # RFC 6749, 5.2: what is wrong with a code is told by 400.
        if method == "POST" and response.status == HTTPStatus.BAD_REQUEST:
            raise NoWordError("the provider does not know the code")
        if response.status != HTTPStatus.OK:
            message = f"the provider answers {response.status}"
            raise AwayError(message)
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise AwayError("the provider answers no JSON") from None

    def _opened(self) -> ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=self.registration.ca_file)
            self._session = ClientSession(
                connector=TCPConnector(ssl=context, limit=AT_ONCE),
                timeout=ClientTimeout(total=PATIENCE_S, connect=CONNECT_S),
                headers={"Accept": "application/json"},
            )
        return self._session


async def _bounded(response: ClientResponse) -> bytes:
    body = bytearray()
    async for block in response.content.iter_chunked(8192):
        body += block
        if len(body) > MAX_ANSWER_BYTES:
            raise AwayError("the provider's answer is too long")
    return bytes(body)
