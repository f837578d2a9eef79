"""A small provider of identities on a loopback socket, which signs with real keys."""

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import jwt
from aiohttp import BasicAuth, web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT: Final = "ward en:1"
SECRET: Final = "s3cret/+ of%us"  # noqa: S105  of this test's own provider

Signed = Callable[[dict[str, Any]], str]


class IdentityProvider:
    """Signs people in without asking them anything: ``subject`` is who sits there.

    What it says is changed by ``more`` (claims; None leaves one out), how it signs by ``sign``.
    """

    def __init__(self) -> None:
        self.url = ""
        self.issuer = ""
        self.subject = "sub-of-duty1"
        self.more: dict[str, Any] = {}
        self.sign: Signed = by_rsa
        self.shown: list[dict[str, Any]] = [rsa_shown()]
        self.document: dict[str, Any] = {}
        self.status: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.codes: dict[str, Mapping[str, str]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._described)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.issuer = self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def visited(self, address: str) -> str:
        """Be visited by a browser; return the path and query to which it is led back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.url}/authorize?")
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        back = urlsplit(query["redirect_uri"])
        assert back.scheme == "https"
        return f"{back.path}?code={code}&state={query['state']}"

    async def _described(self, _request: web.Request) -> web.Response:
        self.asked["description"] += 1
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return self._answer("description", told | self.document)

    async def _keys(self, _request: web.Request) -> web.Response:
        self.asked["keys"] += 1
        return self._answer("keys", {"keys": self.shown})

    async def _token(self, request: web.Request) -> web.Response:
        self.asked["token"] += 1
        form = await request.post()
        known = BasicAuth.decode(request.headers["Authorization"], encoding="utf-8")
        # RFC 6749, 2.3.1: both parts are written as forms are.
        assert (known.login, known.password) == ("ward+en%3A1", "s3cret%2F%2B+of%25us")
        begun = self.codes.pop(str(form["code"]), None)
        if begun is None or begun["redirect_uri"] != form["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        assert text(challenge) == begun["code_challenge"]
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            **self.more,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        return self._answer("token", {"id_token": self.sign(said), "token_type": "Bearer"})

    def _answer(self, what: str, told: dict[str, Any]) -> web.Response:
        return web.json_response(told, status=self.status.get(what, 200))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_shown(identity: str = "rsa") -> dict[str, Any]:
    told = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True)
    return {**told, "kid": identity, "use": "sig"}


def ec_shown() -> dict[str, Any]:
    told = jwt.algorithms.ECAlgorithm.to_jwk(ec_key().public_key(), as_dict=True)
    return {**told, "kid": "ec", "use": "sig", "alg": "ES256"}


def by_rsa(claims: dict[str, Any], identity: str = "rsa") -> str:
    return jwt.encode(claims, rsa_key(), "RS256", headers={"kid": identity})


def by_ec(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, ec_key(), "ES256", headers={"kid": "ec"})


def by_nobody(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", "none", headers={"kid": "rsa"})


def by_what_all_know(claims: dict[str, Any]) -> str:
    """Sign by HMAC with the public key, which whoever takes any algorithm takes for the secret."""
    known = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa"}
    signed = ".".join(text(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{text(hmac.digest(known, signed.encode(), 'sha256'))}"


def by_somebody_else(claims: dict[str, Any]) -> str:
    other = rsa.generate_private_key(65537, 2048)
    return jwt.encode(claims, other, "RS256", headers={"kid": "rsa"})


def changed_after(claims: dict[str, Any]) -> str:
    header, _, mark = by_rsa(claims).split(".")
    return f"{header}.{text(json.dumps({**claims, 'sub': 'sub-of-admin'}).encode())}.{mark}"


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
