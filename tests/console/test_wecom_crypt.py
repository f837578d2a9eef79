"""WeCom's own samples, and a stand-in that encrypts by other means."""

import base64
import hashlib
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.console.wecom_crypt import (
    Callback,
    CallbackError,
    Stamp,
    elements,
    encrypt,
    sign,
    unwrap,
    wrap,
)

# The sample of the vendor's own library (WXBizMsgCrypt, VerifyURL).
WECOM = Callback("wx5823bf96d3bd56c7", "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
ECHO_STAMP = Stamp("1409659589", "263014780")
ECHO_SIGNATURE = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
# The same of an official account's (WXBizMsgCrypt, DecryptMsg).
WECHAT = Callback("wx2c2769f8efd9abc2", "spamtest", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
SAID = (
    "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQ"
    "HFVAFmOD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDY"
    "sVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGp"
    "y0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1"
    "ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
)


def test_the_vendors_echo_is_opened() -> None:
    assert unwrap(WECOM, ECHO_STAMP, ECHO_SIGNATURE, ECHO) == "1616140317555161061"


def test_the_vendors_message_is_opened() -> None:
    stamp = Stamp("1409735669", "1320562132")
    text = unwrap(WECHAT, stamp, "5d197aaffba7e9b25a30732f161a50dee96bd5fa", SAID)
    said = elements(text)
    assert said["FromUserName"] == "oyORnuP8q7ou2gfYjqLzSIWZf0rs"
    assert (said["Content"], said["MsgId"]) == ("abcdteT", "6054768590064713728")


def by_openssl(callback: Callback, text: str) -> str:
    """Encrypt as the page of the vendor says, with another library."""
    key = base64.b64decode(callback.encoding_key + "=")
    said = text.encode()
    plain = b"0123456789abcdef" + struct.pack(">I", len(said)) + said + callback.corpid.encode()
    plain += bytes([32 - len(plain) % 32]) * (32 - len(plain) % 32)
    words = ["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", key.hex(), "-iv", key[:16].hex()]
    done = subprocess.run(words, input=plain, capture_output=True, check=True)
    return base64.b64encode(done.stdout).decode()


@pytest.mark.parametrize("text", ["", "确认收到", "x" * 12, "y" * 11, "z" * 4096])
def test_what_another_library_encrypted_is_the_same(text: str) -> None:
    encrypted = by_openssl(WECOM, text)
    assert encrypt(WECOM, text, b"0123456789abcdef") == encrypted
    assert unwrap(WECOM, ECHO_STAMP, sign(WECOM, ECHO_STAMP, encrypted), encrypted) == text


@given(st.text(max_size=200), st.binary(min_size=16, max_size=16))
def test_what_is_wrapped_is_opened(text: str, random: bytes) -> None:
    answer = elements(wrap(WECOM, ECHO_STAMP, text, random))
    stamp = Stamp(answer["TimeStamp"], answer["Nonce"])
    assert unwrap(WECOM, stamp, answer["MsgSignature"], answer["Encrypt"]) == text


@pytest.mark.parametrize(
    ("callback", "stamp", "signature", "encrypted", "why"),
    [
        (WECOM, ECHO_STAMP, "0" * 40, ECHO, "signature"),
        (WECOM, ECHO_STAMP, "签", ECHO, "signature"),
        (WECOM, Stamp("1409659590", "263014780"), ECHO_SIGNATURE, ECHO, "signature"),
        (WECOM, ECHO_STAMP, ECHO_SIGNATURE, ECHO.lower(), "signature"),
        (Callback("ww0", WECOM.token, WECOM.encoding_key), ECHO_STAMP, "", ECHO, "corporation"),
        (Callback(WECOM.corpid, "t", WECHAT.encoding_key), ECHO_STAMP, "", ECHO, "padding|corpo"),
        (Callback(WECOM.corpid, "t", "short"), ECHO_STAMP, "", ECHO, "base64|43 letters"),
        (WECOM, ECHO_STAMP, "", "!!!", "decrypted"),
        (WECOM, ECHO_STAMP, "", "AAAA", "decrypted"),
        (WECOM, ECHO_STAMP, "", "", "padding"),
    ],
)
def test_what_is_not_for_us_is_refused(
    callback: Callback, stamp: Stamp, signature: str, encrypted: str, why: str
) -> None:
    signed = signature or sign(callback, stamp, encrypted)
    with pytest.raises(CallbackError, match=why):
        unwrap(callback, stamp, signed, encrypted)


@given(st.binary(max_size=96))
def test_whatever_is_signed_is_opened_or_refused(raw: bytes) -> None:
    encrypted = base64.b64encode(raw).decode()
    signature = hashlib.sha1(
        "".join(sorted(["QDG6eK", "1", "2", encrypted])).encode(), usedforsecurity=False
    ).hexdigest()
    with pytest.raises(CallbackError):
        unwrap(WECOM, Stamp("1", "2"), signature, encrypted)


@given(st.text(max_size=300))
def test_elements_of_any_text_are_found_or_not(text: str) -> None:
    assert all(isinstance(value, str) for value in elements(text).values())


def test_elements_expand_nothing() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><A>&a;</A><B><![CDATA[<C>x</C>]]></B></xml>'
    assert elements(bomb) == {"A": "&a;", "B": "<C>x</C>"}
