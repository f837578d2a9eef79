"""Signatures once more, as the receiving side computes them: from the request that arrived.

HMAC is written out (RFC 2104), escaping too, and nothing comes from the code under test.
"""

import base64
import hashlib
import re
from urllib.parse import unquote, urlsplit

from wattwarden.alarms.channels.channel import Request

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + content).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


def escape(text: str) -> str:
    return "".join(
        chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8")
    )


def query_of(request: Request) -> dict[str, str]:
    """Read a query as RFC 3986 has it: a plus is a plus."""
    pairs = (pair.partition("=") for pair in urlsplit(request.url).query.split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def headers_of(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


def standard_webhook(request: Request, secret: str) -> str:
    headers = headers_of(request)
    key = base64.b64decode(secret.split("_", 1)[1])
    content = ".".join((headers["webhook-id"], headers["webhook-timestamp"], ""))
    return "v1," + base64.b64encode(hmac_sha256(key, content.encode() + request.body)).decode()


def github(request: Request, secret: str) -> str:
    return "sha256=" + hmac_sha256(secret.encode(), request.body).hex()


def dingtalk(timestamp: str, secret: str) -> str:
    content = b"\n".join((timestamp.encode(), secret.encode()))
    return base64.b64encode(hmac_sha256(secret.encode(), content)).decode()


def feishu(timestamp: str, secret: str) -> str:
    key = b"\n".join((timestamp.encode(), secret.encode()))
    return base64.b64encode(hmac_sha256(key, b"")).decode()


def acs3(request: Request, secret: str) -> str:
    headers = headers_of(request)
    signed = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])
    assert signed is not None
    must = {"host"} | {name for name in headers if name.startswith("x-acs-")}
    names = sorted(signed[1].split(";"))
    assert must == set(names)
    assert headers["x-acs-content-sha256"] == hashlib.sha256(request.body).hexdigest()
    query = sorted(query_of(request).items())
    canonical = f"{request.method}\n{urlsplit(request.url).path}\n"
    canonical += "&".join(f"{escape(name)}={escape(value)}" for name, value in query) + "\n"
    for name in names:
        canonical += f"{name}:{headers[name].strip()}\n"
    canonical += "\n" + ";".join(names) + "\n" + headers["x-acs-content-sha256"]
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    return hmac_sha256(secret.encode(), to_sign.encode()).hex()


def tc3(request: Request, secret: str) -> str:
    date, service, *_ = _tc3_scope(request).split("/")
    key = hmac_sha256(("TC3" + secret).encode(), date.encode())
    key = hmac_sha256(hmac_sha256(key, service.encode()), b"tc3_request")
    return hmac_sha256(key, tc3_text(request).encode()).hex()


def tc3_text(request: Request) -> str:
    """What is signed of a request."""
    headers = headers_of(request)
    names = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])
    assert names is not None
    canonical = f"{request.method}\n{urlsplit(request.url).path}\n{urlsplit(request.url).query}\n"
    for name in names[1].split(";"):
        canonical += f"{name}:{headers[name].lower()}\n"
    canonical += f"\n{names[1]}\n{hashlib.sha256(request.body).hexdigest()}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"TC3-HMAC-SHA256\n{headers['x-tc-timestamp']}\n{_tc3_scope(request)}\n{digest}"


def _tc3_scope(request: Request) -> str:
    found = re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=[^/]+/(.{10}/\w+/tc3_request), "
        r"SignedHeaders=[^,]+, Signature=[0-9a-f]{64}",
        headers_of(request)["authorization"],
    )
    assert found is not None
    return found[1]
