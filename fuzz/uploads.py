"""Invariant: whatever somebody or another system hands in, it is read, said to be none, or refused.

Allowed: ValueError and HTTPRequestEntityTooLarge of forms, RefusedError of papers, CallbackError of
callbacks, StampError of time-stamps.  Nothing of photographs, flat documents and answers of
gateways.  A form has no more than was sent; a moment that a photograph tells is one.
"""

import asyncio
import base64
import contextlib
import io
import warnings
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import cache
from random import Random
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from fuzz.chosen import put_together, taken_apart
from fuzz.harness import Target
from tests.alarms.cases.photo import photo

from wattwarden.alarms.cases.exif import taken_at
from wattwarden.alarms.cases.media import media_of
from wattwarden.alarms.channels.answers import MAX_WAIT_S, read_json, retry_after_s
from wattwarden.alarms.channels.channel import Response
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.console.forms import FORM, MAX_FIELDS, close_files, read_form
from wattwarden.console.wecom_crypt import (
    Callback,
    CallbackError,
    Stamp,
    elements,
    encrypt,
    sign,
    unwrap,
)
from wattwarden.protocol.zone import CHINA
from wattwarden.storage.proof.stamps import StampError, read_stamp, token_of
from wattwarden.storage.service.papers import Upload, paper_of

EDGE: Final = "xxEDGExx"
MULTIPART: Final = f"multipart/form-data; boundary={EDGE}"
CALLBACK: Final = Callback("corp", "token", base64.b64encode(bytes(range(32))).decode()[:43])
STAMP: Final = Stamp("1795000000", "nonce")
NOW_US: Final = 1_795_000_000_000_000
AES_BYTES: Final = 16


def run(data: bytes) -> None:
    """Hold the invariant for one thing that is handed in."""
    name, body = taken_apart(data, NAMES)
    with warnings.catch_warnings():
        # The library says what it leaves out of a form's headers.
        warnings.simplefilter("ignore")
        RUNS[name](body)


def _form(kind: str, body: bytes) -> None:
    with contextlib.suppress(ValueError, web.HTTPRequestEntityTooLarge):
        asyncio.run(_read_form(kind, body))


async def _read_form(kind: str, body: bytes) -> None:
    loop = asyncio.get_running_loop()
    payload = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    payload.feed_data(body)
    payload.feed_eof()
    headers = {"Content-Type": kind, "Content-Length": str(len(body))}
    request = make_mocked_request("POST", "/", headers, payload=payload, client_max_size=2**16)
    form = await read_form(request)
    try:
        assert len(form) <= MAX_FIELDS, "more fields than are read"
        sizes = [
            len(value) if isinstance(value, str) else len(value.file.read())
            for value in form.values()
        ]
        assert sum(sizes) <= len(body), "a form has more than was sent"
    finally:
        close_files(form)


def _photo(body: bytes) -> None:
    at = taken_at(body, CHINA)
    assert at is None or at.tzinfo is UTC, "a moment that is none"
    media = media_of(body)
    assert media is None or "/" in media, "a kind that is none"


def _paper(body: bytes) -> None:
    with contextlib.suppress(RefusedError):
        paper_of(Upload("manual.pdf", body))


def _document(body: bytes) -> None:
    text = body.decode(errors="replace")
    found = elements(text)
    assert sum(map(len, found.values())) <= len(text), "more than was sent"


def _callback(body: bytes) -> None:
    """What is signed, whoever encrypted it; and what is not."""
    text = body.decode(errors="replace")
    with contextlib.suppress(CallbackError):
        unwrap(CALLBACK, STAMP, sign(CALLBACK, STAMP, text), text)
    with contextlib.suppress(CallbackError):
        unwrap(CALLBACK, STAMP, text, text)
        raise AssertionError("what nobody signed is taken")


def _decrypted(body: bytes) -> None:
    """What stands in a sound cipher."""
    whole = body + bytes(-len(body) % AES_BYTES)
    key = CALLBACK.key
    cipher = Cipher(AES(key), CBC(key[:AES_BYTES])).encryptor()
    _callback(base64.b64encode(cipher.update(whole) + cipher.finalize()))


def _time_stamp(body: bytes) -> None:
    for read in (read_stamp, token_of):
        with contextlib.suppress(StampError):
            read(body, b"a statement")


def _answer(body: bytes) -> None:
    found = read_json(Response(200, {}, body))
    assert found is None or isinstance(found, dict), "an answer that is none"
    wait_s = retry_after_s(body.decode(errors="replace"), NOW_US)
    assert wait_s is None or 0 <= wait_s <= MAX_WAIT_S, "a wait without bounds"


RUNS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "form": lambda body: _form(FORM, body),
    "multipart": lambda body: _form(MULTIPART, body),
    "photo": _photo,
    "paper": _paper,
    "document": _document,
    "callback": _callback,
    "decrypted": _decrypted,
    "time-stamp": _time_stamp,
    "answer": _answer,
}
NAMES: Final = tuple(RUNS)

# --- inputs ---------------------------------------------------------------------------------------


def _part(name: str, body: bytes, more: str = "") -> bytes:
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + body + b"\r\n"


def _office(*parts: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part in parts:
            archive.writestr(part, b"<x/>")
    return packed.getvalue()


def _token() -> bytes:
    """The outline of a time-stamp: a sequence of a kind and what is wrapped."""
    kind = bytes.fromhex("06092a864886f70d010702")
    inner = bytes.fromhex("300d020103310030030601010601013100")
    wrapped = b"\xa0" + bytes([len(inner)]) + inner
    whole = kind + wrapped
    return b"\x30" + bytes([len(whole)]) + whole


@cache
def _seeds() -> list[bytes]:
    end = f"--{EDGE}--\r\n".encode()
    files = _part("photo", photo("2026:11:22 09:30:00"), '; filename="a.jpg"')
    bodies = [
        ("form", b"user=P1&password=x&lang=zh"),
        ("multipart", _part("note", "已修复".encode()) + files + end),
        *(("photo", photo("2026:11:22 09:30:00", *more)) for more in ((), ("+08:00",), ("", ">"))),
        ("photo", b"\x89PNG\r\n\x1a\n" + bytes(20)), ("photo", b"RIFF\0\0\0\0WEBPVP8 "),
        ("paper", b"%PDF-1.7\n"), ("paper", "手册".encode()),
        ("paper", _office("[Content_Types].xml", "word/document.xml")),
        ("paper", _office("[Content_Types].xml", "xl/vbaProject.bin")),
        ("document", b"<xml><ToUserName><![CDATA[corp]]></ToUserName><AgentID>1</AgentID></xml>"),
        ("callback", encrypt(CALLBACK, "<xml><a>1</a></xml>", bytes(16)).encode()),
        ("decrypted", bytes(16) + b"\0\0\0\2okcorp" + bytes([22]) * 22),
        ("time-stamp", _token()), ("time-stamp", b"\x30\x05\x30\x03\x02\x01\x00" + _token()),
        ("answer", b'{"errcode": 0, "errmsg": "ok", "msgid": "1"}'),
        ("answer", b"Sun, 22 Nov 2026 03:00:00 GMT"), ("answer", b"120"),
    ]  # fmt: skip
    return [put_together(NAMES, name, body) for name, body in bodies]


def _mend(data: bytes, rng: Random) -> bytes:
    """Close a form, begin a photograph as one, make the length fit in what was encrypted."""
    name, body = taken_apart(data, NAMES)
    if name == "multipart":
        body = f"--{EDGE}\r\n".encode() + body.partition(b"\r\n")[2]
        body = body.partition(f"--{EDGE}--".encode())[0] + f"--{EDGE}--\r\n".encode()
    elif name == "photo":
        body = b"\xff\xd8" + body[2:]
    elif name == "decrypted":
        said = body[:40]
        plain = bytes(16) + len(said).to_bytes(4, "big") + said + b"corp"
        padding = 32 - len(plain) % 32
        body = plain + bytes([rng.choice((padding, padding, 0, 33))]) * padding
    return put_together(NAMES, name, body)


TOKENS: Final = (
    b"&", b"=", b"%00", b"%ff", b"+", b";", f"--{EDGE}".encode(), f"--{EDGE}--".encode(), b"\r\n",
    b"Content-Disposition: form-data; ", b'name="', b'filename="', b"filename*=utf-8''%ff",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Encoding: gzip\r\n", b"_charset_",
    b"Content-Type: multipart/mixed; boundary=x\r\n", b"\xff\xe1", b"Exif\0\0", b"II*\0",
    b"MM\0*", b"\x69\x87", b"\x03\x90", b"0000:00:00 00:00:00", b"PK\5\6", b"PK\6\6", b"PK\6\7",
    b"\xff\xff\xff\xff", b"<![CDATA[", b"]]>", b"</", b"<a>", b"\x30\x80", b"\x30\x84", b"\xa0",
    b"[" * 2_000, b"1e999", b"\xe6", b"Thu, 01 Jan 0001 00:00:00 -2359",
)  # fmt: skip
TARGET: Final = Target("uploads", run, _seeds, _mend, TOKENS)
