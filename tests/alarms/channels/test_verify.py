"""Receivers believe what is ours, whole and of now, and are told why they believe nothing else."""

import base64
import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alarms.channels import oracles
from tests.alarms.channels.support import MESSAGE, NOW_S, SECRETS, VECTORS, build

from wattwarden.webhooks import Flaw, Verified, VerifyError, verify, verify_plain


def published(channel: str) -> dict[str, str]:
    """Return what a signature that somebody else published was made of, and the signature."""
    lines = (VECTORS / f"{channel}.jsonl").read_text("utf-8").splitlines()
    record = next(one for one in map(json.loads, lines) if one["kind"] == "signature")
    return {**record["given"], "signature": record["signature"]}


STANDARD, PLAIN = published("webhook"), published("github")
BODY = STANDARD["body"].encode()
SECOND = int(STANDARD["second"])
HEADERS = {
    "Webhook-Id": STANDARD["id"],
    "Webhook-Timestamp": str(SECOND),
    "Webhook-Signature": STANDARD["signature"],
}
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()


def flaw_of(
    body: bytes = BODY, now: float = SECOND, changed: Mapping[str, str] | None = None
) -> Flaw:
    # Their names differ by their case alone: the later one holds.
    headers = {**HEADERS, **(changed or {})}
    with pytest.raises(VerifyError) as refused:
        verify(body, headers, STANDARD["secret"], now)
    return refused.value.flaw


def test_the_published_delivery_is_believed() -> None:
    found = verify(BODY, HEADERS, STANDARD["secret"], SECOND)
    assert found == Verified("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)


def test_the_published_plain_delivery_is_believed() -> None:
    headers = {"X-Hub-Signature-256": PLAIN["signature"], "X-GitHub-Delivery": "g-1"}
    body = PLAIN["body"].encode()
    assert verify_plain(body, headers, PLAIN["secret"]) == Verified("g-1", None)
    assert verify_plain(body, headers, ["other", PLAIN["secret"]]).id == "g-1"
    for changed, secret in ((body + b"!", PLAIN["secret"]), (body, "other")):
        with pytest.raises(VerifyError) as refused:
            verify_plain(changed, headers, secret)
        assert refused.value.flaw is Flaw.FORGED
    with pytest.raises(VerifyError, match="x-hub-signature-256"):
        verify_plain(body, {"x-github-delivery": "g-1"}, PLAIN["secret"])


def test_what_our_channels_build_is_believed() -> None:
    request = build("webhook")
    headers, secret = oracles.headers_of(request), SECRETS["webhook"]["secret"]
    assert verify(request.body, headers, secret, NOW_S).id == MESSAGE.id
    plain = build("github")
    assert verify_plain(plain.body, oracles.headers_of(plain), "secret-SECRET").second is None


@pytest.mark.parametrize(
    "secrets", [(STANDARD["secret"],), (OTHER, STANDARD["secret"]), (STANDARD["secret"], OTHER)]
)
def test_while_a_secret_rotates_any_of_them_will_do(secrets: Sequence[str]) -> None:
    assert verify(BODY, HEADERS, secrets, SECOND).second == SECOND


def test_of_several_signatures_one_has_to_be_right() -> None:
    both = f"v1,AAAA v1a,AAAA {STANDARD['signature']}"
    assert verify(BODY, {**HEADERS, "webhook-signature": both}, STANDARD["secret"], SECOND)
    many = " ".join([*["v1,AAAA"] * 16, STANDARD["signature"]])
    assert flaw_of(changed={"webhook-signature": many}) is Flaw.FORGED


@pytest.mark.parametrize(
    ("ago", "flaw"), [(300, None), (301, Flaw.OLD), (-300, None), (-301, Flaw.EARLY)]
)
def test_clocks_may_differ_by_five_minutes(ago: int, flaw: Flaw | None) -> None:
    if flaw is None:
        assert verify(BODY, HEADERS, STANDARD["secret"], SECOND + ago)
    else:
        assert flaw_of(now=SECOND + ago) is flaw
    with pytest.raises(VerifyError):
        verify(BODY, HEADERS, STANDARD["secret"], SECOND + 31, tolerance_s=30)


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"webhook-id": ""}, Flaw.MISSING),
        ({"webhook-timestamp": ""}, Flaw.MISSING),
        ({"webhook-signature": " "}, Flaw.MISSING),
        ({"webhook-timestamp": "1614265330.0"}, Flaw.MALFORMED),
        ({"webhook-timestamp": "-1"}, Flaw.MALFORMED),
        ({"webhook-timestamp": "١٦"}, Flaw.MALFORMED),
        ({"webhook-timestamp": "9" * 400}, Flaw.MALFORMED),
        ({"webhook-id": "msg.1"}, Flaw.MALFORMED),
        ({"webhook-id": "m" * 257}, Flaw.MALFORMED),
        ({"webhook-id": "msg_other"}, Flaw.FORGED),
        ({"webhook-timestamp": "1614265331"}, Flaw.FORGED),
        ({"webhook-signature": "v1,密\ud800"}, Flaw.FORGED),
        ({"webhook-signature": STANDARD["signature"].replace("v1,", "v2,")}, Flaw.FORGED),
    ],
    ids=str,
)
def test_a_flaw_is_named(changed: dict[str, str], flaw: Flaw) -> None:
    assert flaw_of(changed=changed) is flaw


@given(st.binary(max_size=64))
def test_no_other_body_is_believed(body: bytes) -> None:
    if body != BODY:
        assert flaw_of(body) is Flaw.FORGED


@pytest.mark.parametrize("secrets", [(), "", ("",), "whsec_short", "whsec_???"], ids=repr)
def test_a_receivers_own_mistake_is_no_flaw_of_the_delivery(secrets: str | Sequence[str]) -> None:
    with pytest.raises(ValueError, match="secret") as mistaken:
        verify(BODY, HEADERS, secrets, SECOND)
    assert not isinstance(mistaken.value, VerifyError)


def test_a_refusal_tells_no_secret_and_no_signature() -> None:
    with pytest.raises(VerifyError) as refused:
        verify(b"{}", HEADERS, STANDARD["secret"], SECOND)
    said = str(refused.value)
    assert said.startswith("no signature is of a secret known here: webhook-signature of msg_")
    assert STANDARD["secret"] not in said
    assert STANDARD["signature"] not in said
