"""What each channel makes of a message, beyond what its gateway checks."""

import base64
import json
import re
from typing import Any

import pytest
from tests.alarms.channels import oracles
from tests.alarms.channels.support import (
    CHANNELS,
    MESSAGE,
    NONCE,
    NOW,
    NOW_S,
    build,
    credentials,
    message_for,
    settings,
)

from wattwarden.alarms.channels import webhook
from wattwarden.alarms.channels.channel import BuildError, Credentials, Delivered, Response
from wattwarden.alarms.channels.facts import json_schema
from wattwarden.alarms.channels.payload import MAX_PAYLOAD_BYTES, payload
from wattwarden.alarms.channels.wecom_robot import MAX_MARKDOWN_BYTES
from wattwarden.protocol.secret import Secret


def body_of(name: str, **changes: Any) -> Any:
    in_settings = {
        key: changes.pop(key) for key in ("card", "keyword", "miniprogram") if key in changes
    }
    return json.loads(build(name, message_for(name, **changes), **in_settings).body)


# --- webhooks


def test_a_rotating_secret_signs_beside_the_old_one() -> None:
    old, new = (f"whsec_{base64.b64encode(bytes([n]) * 24).decode()}" for n in (1, 2))
    given = Credentials({"secret": Secret(new), "previous": Secret(old)})
    request = CHANNELS["webhook"].build(MESSAGE, settings("webhook"), given, NOW, NONCE)
    signatures = oracles.headers_of(request)["webhook-signature"].split(" ")
    expected = [oracles.standard_webhook(request, secret) for secret in (new, old)]
    assert signatures == expected


@pytest.mark.parametrize("size", [24, 64])
def test_a_webhook_secret_is_24_to_64_bytes(size: int) -> None:
    assert webhook.key_of(base64.b64encode(b"k" * size).decode()) == b"k" * size
    wrong = 23 if size == 24 else 65
    with pytest.raises(BuildError, match=f"24 to 64 bytes, got {wrong}"):
        webhook.key_of(base64.b64encode(b"k" * wrong).decode())


@pytest.mark.parametrize("secret", ["whsec_???", "whsec_密", "whsec_abc"])
def test_a_webhook_secret_is_base64(secret: str) -> None:
    with pytest.raises(BuildError, match="no base64"):
        webhook.key_of(secret)


def test_a_payload_tells_the_alarm_and_nobodys_address() -> None:
    document = json.loads(payload(MESSAGE))
    assert document["type"] == "alarm.raised"
    assert document["timestamp"] == "2026-11-22T02:59:00Z"
    data = document["data"]
    named = ("schema", "id", "level", "reason", "late_min", "url")
    expected = ("wattwarden.alarm.v1", MESSAGE.id, 4, "first", 0, MESSAGE.url)
    assert tuple(data[name] for name in named) == expected
    alarm = data["alarm"]
    assert (alarm["number"], alarm["sequence"], alarm["state"]) == (17, 1, "raised")
    assert alarm["rule"]["class"] == "A"
    assert alarm["region"] == {"id": "D1", "name": "即墨区"}
    assert (alarm["raised"], alarm["cleared"]) == ("2026-11-22T02:59:00Z", None)
    assert MESSAGE.to[0].encode() not in payload(MESSAGE)


def test_the_schema_of_payloads_asks_for_what_they_have_and_names_all_its_parts() -> None:
    schema = json_schema()
    assert (schema["title"], schema["$id"]) == ("wattwarden.alarm.v1", "urn:wattwarden:alarm:v1")
    parts = {
        one.removeprefix("#/$defs/") for one in re.findall(r"#/\$defs/\w+", json.dumps(schema))
    }
    assert parts == schema["$defs"].keys()
    asked = schema["$defs"]["Document"]["required"]
    assert sorted(asked) == sorted(json.loads(payload(MESSAGE)))


def test_a_payload_of_no_alarm_says_so() -> None:
    document = json.loads(payload(message_for("webhook", facts=None, kind="test")))
    assert (document["type"], document["data"]["alarm"]) == ("test", None)


@pytest.mark.parametrize("sign", ["a", "文", '"', "\\", "\x01"], ids=repr)
def test_a_payload_is_cut_to_its_bytes_and_no_further(sign: str) -> None:
    body = payload(message_for("webhook", text=sign * 30_000))
    assert len(body) <= MAX_PAYLOAD_BYTES
    assert json.loads(body)["data"]["text"].endswith("…")
    if sign in "a文":
        assert len(body) > MAX_PAYLOAD_BYTES - 10


def test_facts_that_fill_a_payload_are_not_cut() -> None:
    with pytest.raises(BuildError, match="facts are longer"):
        payload(message_for("webhook", title="x" * MAX_PAYLOAD_BYTES))


def test_a_delivery_keeps_its_guid_and_each_message_has_its_own() -> None:
    guid = [
        oracles.headers_of(build("github", message_for("github", id=name)))["x-github-delivery"]
        for name in ("a", "a", "b")
    ]
    assert guid[0] == guid[1] != guid[2]
    assert len(guid[0]) == 36


# --- robots


def test_a_robot_of_wecom_without_addresses_speaks_markdown() -> None:
    body = body_of("wecom_robot", to=(), title="<@all>", text="[x](y)")
    assert body["markdown"]["content"] == (f"**＜@all＞**\n［x］(y)\n[查看并处理]({MESSAGE.url})")
    assert "markdown" not in body_of("wecom_robot")
    cut = body_of("wecom_robot", to=(), text="😀" * 4_000)["markdown"]["content"]
    assert MAX_MARKDOWN_BYTES - 4 < len(cut.encode()) <= MAX_MARKDOWN_BYTES
    assert cut.endswith(f"({MESSAGE.url})")


def test_a_robot_without_a_link_shows_none() -> None:
    for to in ((), ("13711112222",)):
        assert "http" not in json.dumps(body_of("wecom_robot", to=to, url=""))
    assert "http" not in json.dumps(body_of("dingtalk", url=""))
    assert "http" not in json.dumps(body_of("feishu", url=""))


@pytest.mark.parametrize("name", ["dingtalk", "feishu"])
def test_a_robot_that_asks_for_a_keyword_gets_it_once(name: str) -> None:
    assert json.dumps(body_of(name, keyword="wattwarden")).count("wattwarden") == 1
    before = json.dumps(body_of(name), ensure_ascii=False).count("报警")
    assert json.dumps(body_of(name, keyword="报警"), ensure_ascii=False).count("报警") == before


@pytest.mark.parametrize("name", ["dingtalk", "feishu"])
def test_a_robot_without_a_secret_is_not_signed(name: str) -> None:
    given = Credentials({"token": Secret("t")})
    request = CHANNELS[name].build(MESSAGE, settings(name), given, NOW, NONCE)
    assert b"sign" not in request.body
    assert "sign" not in request.url


def test_nobody_is_called_where_nobody_is_named() -> None:
    assert body_of("dingtalk", to=())["at"] == {"atMobiles": [], "isAtAll": False}
    assert "@" not in json.dumps(body_of("dingtalk", to=()))
    assert '"at"' not in json.dumps(body_of("feishu", to=()))


@pytest.mark.parametrize("name", ["dingtalk", "feishu", "wecom_robot", "wecom_app"])
def test_controls_are_not_sent(name: str) -> None:
    request = build(name, message_for(name, text="停\x01" * 8000, title="一\x07二"))
    assert len(request.body) <= 20_000
    assert b"\\u00" not in request.body


def test_feishus_token_stays_in_its_place_of_the_path() -> None:
    given = Credentials({"token": Secret("a/../b?c")})
    request = CHANNELS["feishu"].build(MESSAGE, settings("feishu"), given, NOW, NONCE)
    assert request.url.endswith("/hook/a%2F..%2Fb%3Fc")


# --- WeCom


def test_a_card_with_buttons_acknowledges_its_message() -> None:
    card = body_of("wecom_app", card="buttons", id="AL17:1/2")["template_card"]
    assert card["task_id"] == "AL17_1_2"
    assert [button["key"] for button in card["button_list"]] == ["acknowledge"]
    assert card["card_action"] == {"type": 1, "url": MESSAGE.url}
    assert "card_action" not in body_of("wecom_app", card="buttons", url="")["template_card"]
    with pytest.raises(BuildError, match="128 characters at most, got 129"):
        body_of("wecom_app", card="buttons", id="a" * 129)


def test_tags_in_a_card_do_nothing() -> None:
    card = body_of("wecom_app", title="<a>", text="<div class=x>[y]")["textcard"]
    assert card["title"] == "＜a＞"
    assert card["description"].startswith("＜div class=x＞［y］\n")


def test_without_a_link_members_get_a_text() -> None:
    body = body_of("wecom_app", url="", text="文" * 900)
    assert body["msgtype"] == "text"
    assert len(body["text"]["content"].encode()) <= 2048
    assert body["text"]["content"].endswith("…\n2026-11-22 10:59")


def test_a_repeat_is_no_duplicate_and_a_second_attempt_is() -> None:
    first, repeat = (build("wecom_app", message_for("wecom_app", at_us=at)) for at in (NOW, 0))
    assert first.body != repeat.body
    assert json.loads(first.body)["enable_duplicate_check"] == 1


def test_whom_wecom_leaves_out_is_named_as_we_named_them() -> None:
    message = message_for("wecom_app", to=("ZhangSan", "LiSi"))
    response = Response(200, {}, b'{"errcode":0,"invaliduser":"lisi","msgid":"m"}')
    outcome = CHANNELS["wecom_app"].interpret(response, message, NOW)
    assert outcome == Delivered("m", ("LiSi",))
    with pytest.raises(BuildError, match="got 1001"):
        build("wecom_app", message_for("wecom_app", to=("u",) * 1001))


# --- tokens


def test_a_token_of_wecom_is_asked_for_in_the_address() -> None:
    source = CHANNELS["wecom_app"].token
    assert source is not None
    request = source.request(settings("wecom_app"), credentials(CHANNELS["wecom_app"]))
    assert (request.method, request.body) == ("GET", b"")
    assert request.url.startswith("https://qyapi.weixin.qq.com/cgi-bin/gettoken?")
    assert oracles.query_of(request) == {"corpid": "ww1", "corpsecret": "corpsecret-SECRET"}


@pytest.mark.parametrize("name", ["wechat_template", "wechat_subscribe"])
def test_a_token_of_wechat_is_asked_for_in_the_body(name: str) -> None:
    source = CHANNELS[name].token
    assert source is not None
    request = source.request(settings(name), credentials(CHANNELS[name]))
    assert request.url == "https://api.weixin.qq.com/cgi-bin/stable_token"
    assert json.loads(request.body) == {
        "grant_type": "client_credential",
        "appid": "wx123",
        "secret": "secret-SECRET",
        "force_refresh": False,
    }


# --- WeChat


@pytest.mark.parametrize("name", ["wechat_template", "wechat_subscribe"])
def test_a_miniprogram_opens_where_there_is_one(name: str) -> None:
    program = {"appid": "wx9", "pagepath": "index"}
    assert body_of(name, miniprogram=program)["miniprogram"] == program
    bare = body_of(name, url="")
    assert not {"miniprogram", "url", "page"} & set(bare)


# --- SMS


def test_an_sms_holds_no_address_of_a_page() -> None:
    fields = {**MESSAGE.fields, "unit": "除尘器 https://a.example/b", "enterprise": "www.a.example"}
    request = build("aliyun_sms", message_for("aliyun_sms", fields=fields))
    variables = json.loads(oracles.query_of(request)["TemplateParam"])
    assert variables == {"firm": "无", "unit": "除尘器"}


def test_a_number_is_told_to_tencent_in_e164() -> None:
    assert body_of("tencent_sms")["PhoneNumberSet"] == ["+8613711112222"]
    assert body_of("tencent_sms", to=("+85261234567",))["PhoneNumberSet"] == ["+85261234567"]


def test_an_id_fits_what_tencent_echoes() -> None:
    assert body_of("tencent_sms", id="x" * 511)["SessionContext"] == "x" * 511
    with pytest.raises(BuildError, match="longer than SessionContext"):
        body_of("tencent_sms", id="x" * 512)


def test_signs_that_need_escaping_are_signed_as_they_are_sent() -> None:
    fields = {**MESSAGE.fields, "enterprise": "a+b c*d~é'()!/"}
    request = build("aliyun_sms", message_for("aliyun_sms", fields=fields))
    signature = oracles.headers_of(request)["authorization"].rpartition("=")[2]
    assert signature == oracles.acs3(request, "key_secret-SECRET")
    assert NOW_S == NOW // 1_000_000


@pytest.mark.parametrize(
    ("firm", "told"),
    [("某" * 20, "某" * 20), ("某" * 21, "某" * 19 + "…")],
    ids=["as long as any template takes", "longer"],
)
def test_what_fills_a_template_fits_the_narrowest(firm: str, told: str) -> None:
    fields = {**MESSAGE.fields, "enterprise": firm}
    request = build("aliyun_sms", message_for("aliyun_sms", fields=fields))
    assert json.loads(oracles.query_of(request)["TemplateParam"])["firm"] == told
    assert body_of("tencent_sms", fields=fields)["TemplateParamSet"][0] == told
