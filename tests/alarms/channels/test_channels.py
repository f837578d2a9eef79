"""What holds for every channel, and every answer that its gateway is known to give."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alarms.channels import oracles
from tests.alarms.channels.gateways import GATEWAYS
from tests.alarms.channels.support import (
    ADDRESSES,
    CHANNELS,
    MESSAGE,
    NONCE,
    NOW,
    NOW_S,
    SETTINGS,
    VECTORS,
    Vector,
    build,
    credentials,
    message_for,
    settings,
    shown,
    vectors,
)

from wattwarden.alarms.channels import (
    acs3,
    aliyun_sms,
    dingtalk,
    feishu,
    github,
    smpp,
    tc3,
    tencent_sms,
    webhook,
    wechat,
    wecom_app,
    wecom_robot,
)
from wattwarden.alarms.channels.answers import MAX_ANSWER_BYTES
from wattwarden.alarms.channels.channel import (
    BuildError,
    Credentials,
    Delivered,
    Outcome,
    Refused,
    Response,
    RetryAt,
    Stale,
    Throttled,
    Token,
    Unknown,
)
from wattwarden.protocol.secret import Secret

NAMES = sorted(CHANNELS)
HTTP = sorted(GATEWAYS)
HOOKS = ["github", "webhook"]
SMS = ["aliyun_sms", "tencent_sms"]
JSON_GATEWAYS = sorted(set(HTTP) - set(HOOKS))
ROBOTS_AND_APPS = sorted(set(JSON_GATEWAYS) - set(SMS))
ALL_SECRET = ("SECRET", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "pw-SECRT")


# --- discovery


def test_every_channel_has_vectors_and_every_vector_a_channel() -> None:
    assert {path.stem for path in VECTORS.glob("*.jsonl")} == set(NAMES)
    for kind in ("request", "answer"):
        assert {vector.channel for vector in vectors(kind)} == set(NAMES)


def test_the_channels_are_the_twelve_that_are_documented() -> None:
    assert len(NAMES) == 12
    assert set(NAMES) == set(HTTP) | {"smpp", "mail"}
    assert all(CHANNELS[name].name == name for name in NAMES)


def test_people_may_get_several_notices_in_one_and_machines_get_each() -> None:
    assert [name for name in NAMES if not CHANNELS[name].digest] == HOOKS


# --- signatures


def signature_of(vector: Vector) -> str:
    """Sign what a vector gives with the code under test."""
    given_ = vector.record["given"]
    body = given_.get("body", "").encode()
    match vector.channel:
        case "webhook":
            return webhook.sign(given_["secret"], given_["id"], given_["second"], body)
        case "github":
            return github.sign(given_["secret"], body)
        case "dingtalk":
            return dingtalk.sign(given_["secret"], given_["ms"])
        case "feishu":
            return feishu.sign(given_["secret"], given_["second"])
        case "aliyun_sms":
            names = ("host", "action", "version", "query", "date", "nonce")
            signed = acs3.Call(**{name: given_[name] for name in names})
            return acs3.sign(signed, given_["secret"])
        case _:
            members = ("host", "service", "action", "content_type", "second")
            call = tc3.Call(**{name: given_[name] for name in members}, body=body)
            return tc3.sign(call, given_["secret"])


@pytest.mark.parametrize("vector", vectors("signature"), ids=str)
def test_a_published_signature_is_reproduced(vector: Vector) -> None:
    assert signature_of(vector) == vector.record["signature"]
    if "escaped" in vector.record:
        assert quote_plus(vector.record["signature"]) == vector.record["escaped"]


def test_published_signatures_exist_for_every_scheme() -> None:
    signed = {vector.channel for vector in vectors("signature")}
    assert signed == {"webhook", "github", "dingtalk", "feishu", "aliyun_sms", "tencent_sms"}


# --- requests


@pytest.mark.parametrize("vector", vectors("request"), ids=str)
def test_a_request_stays_as_it_is_pinned(vector: Vector) -> None:
    request, record = build(vector.channel), vector.record
    body = bytes.fromhex(record["hex"]) if "hex" in record else record["body"].encode()
    assert (request.method, request.url) == (record["method"], record["url"])
    assert [list(header) for header in request.headers] == record["headers"]
    assert request.body == body


@pytest.mark.parametrize("name", HTTP)
def test_a_gateway_that_checks_everything_takes_the_message(name: str) -> None:
    request = build(name)
    response = GATEWAYS[name](request, NOW_S)
    outcome = CHANNELS[name].interpret(response, message_for(name), NOW)
    assert isinstance(outcome, Delivered), outcome


LONG = "某某铸造有限公司<@all>[点](http://x)“\"'\\\t😀" * 4000


@pytest.mark.parametrize("name", HTTP)
def test_a_message_too_long_is_cut_and_taken(name: str) -> None:
    fields = {**MESSAGE.fields, "enterprise": LONG[:500], "unit": "", "state": "严重报警督办中"}
    message = message_for(name, title=LONG[:900], text=LONG, fields=fields)
    if name in HOOKS:
        message = replace(message, title="题", fields={})
    request = build(name, message)
    outcome = CHANNELS[name].interpret(GATEWAYS[name](request, NOW_S), message, NOW)
    assert isinstance(outcome, Delivered), outcome
    assert len(request.body) <= 20 * 1024
    if name not in {*SMS, "wechat_template", "wechat_subscribe"}:
        assert MESSAGE.url.encode() in request.body


@pytest.mark.parametrize("name", HTTP)
def test_a_clock_that_is_a_day_off_is_noticed_where_time_is_signed(name: str) -> None:
    response = GATEWAYS[name](build(name), NOW_S + 86_400)
    outcome = CHANNELS[name].interpret(response, message_for(name), NOW)
    timed = {"webhook", "dingtalk", "feishu", "aliyun_sms", "tencent_sms"}
    assert isinstance(outcome, Delivered) is (name not in timed)


@pytest.mark.parametrize("name", NAMES)
def test_an_attempt_later_has_the_same_content(name: str) -> None:
    channel = CHANNELS[name]
    message, given_ = message_for(name), credentials(channel)
    first = channel.build(message, settings(name), given_, NOW, NONCE)
    second = channel.build(message, settings(name), given_, NOW + 9_000_000, "other")
    if name == "feishu":  # its time and sign are in the body
        assert len(first.body) == len(second.body)
    else:
        assert first.body == second.body


@pytest.mark.parametrize("name", [name for name in NAMES if CHANNELS[name].secrets])
def test_a_missing_secret_is_said_before_anything_is_sent(name: str) -> None:
    with pytest.raises(BuildError, match="missing"):
        first_use_of_secrets(name, Credentials())


def first_use_of_secrets(name: str, given_: Credentials) -> object:
    channel = CHANNELS[name]
    if name == "smpp":
        return smpp.bind(settings("smpp"), given_, 1)
    if channel.token is not None:
        return channel.token.request(settings(name), given_)
    return channel.build(message_for(name), settings(name), given_, NOW, NONCE)


@pytest.mark.parametrize("name", ["wecom_app", "wechat_template", "wechat_subscribe"])
def test_a_missing_token_is_said_before_anything_is_sent(name: str) -> None:
    channel = CHANNELS[name]
    with pytest.raises(BuildError, match="access token is missing"):
        channel.build(message_for(name), settings(name), Credentials(), NOW, NONCE)


@pytest.mark.parametrize("name", sorted({*SMS, "wechat_template", "wechat_subscribe", "smpp"}))
@pytest.mark.parametrize("to", [(), ("",), ("13711112222", "13711113333")], ids=str)
def test_where_a_message_has_one_address_it_has_exactly_one(name: str, to: tuple[str, ...]) -> None:
    with pytest.raises(BuildError, match="one address is needed"):
        build(name, replace(MESSAGE, to=to))


@pytest.mark.parametrize("name", ["wecom_app", "mail"])
def test_a_message_to_nobody_is_not_built(name: str) -> None:
    with pytest.raises(BuildError, match="needed, got 0"):
        build(name, replace(MESSAGE, to=()))


@pytest.mark.parametrize("name", NAMES)
def test_settings_refuse_what_they_do_not_know(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**SETTINGS[name], "nonsense": 1}, CHANNELS[name].settings)


@pytest.mark.parametrize("name", JSON_GATEWAYS)
def test_the_base_address_is_configured(name: str) -> None:
    request = build(name, base="http://127.0.0.1:8080")
    assert urlsplit(request.url).netloc == "127.0.0.1:8080"
    assert oracles.headers_of(request).get("host", "127.0.0.1:8080") == "127.0.0.1:8080"
    outcome = CHANNELS[name].interpret(GATEWAYS[name](request, NOW_S), message_for(name), NOW)
    assert isinstance(outcome, Delivered)
    with pytest.raises(msgspec.ValidationError):
        build(name, base="file:///etc/passwd")


# --- secrets


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_shows_in_what_is_printed(name: str) -> None:
    channel = CHANNELS[name]
    given_ = credentials(channel)
    objects: list[object] = [given_, given_.token, build(name), settings(name)]
    if channel.token is not None:
        response = Response(200, {}, b'{"access_token":"SECRET","expires_in":7200,"errcode":0}')
        objects += [channel.token.request(settings(name), given_), response]
        objects.append(channel.token.read(response, NOW))
    for one in objects:
        assert not any(text in f"{one!r} {one!s}" for text in ALL_SECRET)


def test_a_gateways_words_are_masked() -> None:
    assert Credentials().mask("as it was") == "as it was"
    given_ = credentials(CHANNELS["wecom_app"])
    said = "corpsecret-SECRET and ACCESS-TOKEN-SECRET are wrong"
    assert given_.mask(said) == "*** and *** are wrong"


def test_a_secret_is_compared_by_its_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"


def test_a_token_is_fresh_until_five_minutes_before_its_end() -> None:
    token = Token(Secret("t"), NOW + 301_000_000)
    assert token.is_fresh(NOW)
    assert not token.is_fresh(NOW + 1_000_000)


# --- answers


def read(vector: Vector) -> object:
    channel, record = CHANNELS[vector.channel], vector.record
    message = message_for(vector.channel)
    if record["of"] == "token":
        assert channel.token is not None
        return channel.token.read(vector.response, NOW)
    if record["of"] == "receipt":
        assert channel.receipt is not None
        return channel.receipt.read(vector.response, message, NOW)
    return channel.interpret(vector.response, message, NOW)


@pytest.mark.parametrize("vector", vectors("answer"), ids=str)
def test_a_documented_answer_has_its_outcome(vector: Vector) -> None:
    outcome, expected = read(vector), vector.record["outcome"]
    if isinstance(outcome, Token):
        lasts_s = (outcome.expires_us - NOW) // 1_000_000
        found = {"is": "Token", "value": outcome.value.reveal(), "lasts_s": lasts_s}
        assert found == expected
    else:
        assert shown(outcome) == expected


RULED: dict[str, set[str]] = {
    "wecom_robot": set(wecom_robot.DIALECT.rulings),
    "wecom_app": set(wecom_app.DIALECT.rulings),
    "wechat_template": set(wechat.DIALECT.rulings),
    "wechat_subscribe": set(wechat.DIALECT.rulings),
    "dingtalk": set(dingtalk.DIALECT.rulings),
    "feishu": set(feishu.DIALECT.rulings),
    "aliyun_sms": set(aliyun_sms.DIALECT.rulings),
    "tencent_sms": set(tencent_sms.RULINGS),
    "smpp": {f"{status:08x}" for status in smpp.RULINGS},
}


@pytest.mark.parametrize("name", RULED)
def test_every_code_that_is_ruled_on_has_a_vector(name: str) -> None:
    answers = [one.record for one in vectors("answer") if one.channel == name]
    told = " ".join(record.get("hex", record.get("body", "")) for record in answers)
    assert [code for code in RULED[name] if code not in told] == []


PAGE = b"<html><body>502 Bad Gateway</body></html>"
FOREIGN = {
    "malformed": b'{"errcode":0,"Code":"OK","code":',
    "empty": b"",
    "page": PAGE,
    "no object": b"[0]",
    "null": b"null",
    "no code": b"{}",
    "code of another type": b'{"errcode":[],"Code":{},"code":true,"Response":[]}',
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 5000,
    "too long": b'{"errcode":0,"Code":"OK","code":0,"x":"' + b"x" * MAX_ANSWER_BYTES + b'"}',
}


@pytest.mark.parametrize("name", JSON_GATEWAYS)
@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_success_that_cannot_be_read_leaves_it_unknown(name: str, body: bytes) -> None:
    outcome = CHANNELS[name].interpret(Response(200, {}, body), message_for(name), NOW)
    assert outcome == Unknown("HTTP 200 without a readable answer")


STATUSES: dict[int, tuple[Outcome, Outcome]] = {
    # for whom a second message is nothing bad; and for whom it is
    301: (RetryAt(NOW_S + 5, "HTTP 301"),) * 2,
    302: (RetryAt(NOW_S + 5, "HTTP 302"),) * 2,
    400: (Refused("HTTP 400"),) * 2,
    404: (Refused("HTTP 404"),) * 2,
    408: (RetryAt(NOW_S + 5, "HTTP 408"),) * 2,
    429: (Throttled(NOW_S + 120, "HTTP 429"),) * 2,
    500: (RetryAt(NOW_S + 120, "HTTP 500"), Unknown("HTTP 500")),
    502: (Throttled(NOW_S + 120, "HTTP 502"), Unknown("HTTP 502")),
    504: (Throttled(NOW_S + 120, "HTTP 504"), Unknown("HTTP 504")),
}


@pytest.mark.parametrize("name", JSON_GATEWAYS)
@pytest.mark.parametrize("status", STATUSES)
def test_an_error_page_has_its_outcome(name: str, status: int) -> None:
    waits = {"retry-after": "120"} if status >= 429 else {}
    response = Response(status, waits, PAGE)
    outcome = CHANNELS[name].interpret(response, message_for(name), NOW)
    assert outcome == STATUSES[status][name in SMS]


@pytest.mark.parametrize("name", JSON_GATEWAYS)
def test_gone_is_for_good(name: str) -> None:
    outcome = CHANNELS[name].interpret(Response(410, {}, PAGE), message_for(name), NOW)
    assert isinstance(outcome, Refused)
    assert outcome.gone


@pytest.mark.parametrize("name", ROBOTS_AND_APPS)
def test_a_code_that_nobody_ruled_on_gives_way_to_a_servers_error(name: str) -> None:
    body = b'{"errcode":777,"code":777}'
    channel = CHANNELS[name]
    assert channel.interpret(Response(200, {}, body), MESSAGE, NOW) == Refused("777")
    assert channel.interpret(Response(400, {}, body), MESSAGE, NOW) == Refused("777")
    assert channel.interpret(Response(500, {}, body), MESSAGE, NOW) == RetryAt(
        NOW_S + 5, "HTTP 500"
    )


@pytest.mark.parametrize("name", ROBOTS_AND_APPS)
def test_a_code_of_success_with_a_status_of_failure_is_no_success(name: str) -> None:
    response = Response(500, {}, b'{"errcode":0,"code":0}')
    assert CHANNELS[name].interpret(response, MESSAGE, NOW) == RetryAt(NOW_S + 5, "HTTP 500")


def test_a_reason_is_one_bounded_line() -> None:
    words = "line\\n" * 200
    response = Response(200, {}, f'{{"errcode":93000,"errmsg":"{words}"}}'.encode())
    outcome = CHANNELS["wecom_robot"].interpret(response, MESSAGE, NOW)
    assert isinstance(outcome, Refused)
    assert len(outcome.reason) == 160
    assert "\n" not in outcome.reason


MEMBERS = (
    *("errcode", "errmsg", "code", "Code", "msgid", "invaliduser", "access_token", "expires_in"),
    *("Response", "Error", "OutId", "SendStatus", "SendStatusSet", "SessionContext"),
    *("SmsSendDetailDTOs", "SmsSendDetailDTO", "PullSmsSendStatusSet"),
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4)
    ),
    max_leaves=8,
)
OUTCOMES = (Delivered, RetryAt, Throttled, Refused, Unknown, Stale)


@given(
    name=st.sampled_from(NAMES),
    status=st.integers(0, 999),
    body=st.binary(max_size=80) | JSONS.map(msgspec.json.encode),
    retry_after=st.text(max_size=30) | st.integers().map(str),
)
def test_whatever_comes_back_has_an_outcome(
    name: str, status: int, body: bytes, retry_after: str
) -> None:
    channel, message = CHANNELS[name], message_for(name)
    response = Response(status, {"retry-after": retry_after}, body)
    outcomes: list[Any] = [channel.interpret(response, message, NOW)]
    if channel.token is not None:
        outcomes.append(channel.token.read(response, NOW))
    if channel.receipt is not None:
        outcomes.append(channel.receipt.read(response, message, NOW))
    for outcome in outcomes:
        if isinstance(outcome, OUTCOMES):
            second = getattr(outcome, "second", getattr(outcome, "until_second", NOW_S))
            assert NOW_S <= second <= NOW_S + 86_400


# --- receipts


@pytest.mark.parametrize("name", SMS)
def test_a_receipt_is_asked_for_in_the_gateways_own_way(name: str) -> None:
    receipt, given_ = CHANNELS[name].receipt, credentials(CHANNELS[name])
    assert receipt is not None
    sent = NOW - receipt.wait_s * 1_000_000
    request = receipt.ask(MESSAGE, settings(name), given_, sent, NOW, NONCE)
    response = GATEWAYS[name](request, NOW_S)
    assert shown(receipt.read(response, MESSAGE, NOW))["is"] == "Absent"


def test_a_receipt_is_asked_for_the_chinese_day_on_which_it_was_sent() -> None:
    receipt, given_ = CHANNELS["aliyun_sms"].receipt, credentials(CHANNELS["aliyun_sms"])
    assert receipt is not None
    evening = NOW - 12 * 3600 * 1_000_000  # 23:00 of the 21st in China
    request = receipt.ask(MESSAGE, settings("aliyun_sms"), given_, evening, NOW, NONCE)
    assert oracles.query_of(request)["SendDate"] == "20261121"


def test_only_sms_gateways_have_receipts() -> None:
    able = {name for name in NAMES if CHANNELS[name].receipt is not None}
    assert able == {*SMS, "smpp"}
    assert set(ADDRESSES) <= set(NAMES)
