"""Who binds an app to themselves: the page that tells, the question whose a code is, its answer."""

import json
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.alarms.channels.support import CHANNELS, NOW, credentials, settings

from wattwarden.alarms.channels import wechat, wecom_app
from wattwarden.alarms.channels.channel import Fault, Refused, Response

BACK = "https://warden.example/bind/back?x=1"


@pytest.mark.parametrize(
    ("module", "name", "more"),
    [
        (wechat, "wechat_template", {"appid": ["wx123"]}),
        (wecom_app, "wecom_app", {"appid": ["ww1"], "agentid": ["1000002"]}),
    ],
    ids=["wechat", "wecom"],
)
def test_the_page_leads_back_with_a_code(
    module: ModuleType, name: str, more: dict[str, list[str]]
) -> None:
    parts = urlsplit(module.consent(settings(name), BACK))
    assert (parts.netloc, parts.path) == ("open.weixin.qq.com", "/connect/oauth2/authorize")
    # The app opens no page without its fragment.
    assert parts.fragment == "wechat_redirect"
    assert parse_qs(parts.query) == {
        "redirect_uri": [BACK], "response_type": ["code"], "scope": ["snsapi_base"],
        "state": ["bind"], **more,
    }  # fmt: skip


def test_whose_a_code_is_is_asked_with_what_each_app_wants() -> None:
    asked = wechat.request_identity(
        settings("wechat_template"), credentials(CHANNELS["wechat_template"]), "c0de"
    )
    parts = urlsplit(asked.url)
    assert (asked.method, parts.path, asked.body) == ("GET", "/sns/oauth2/access_token", b"")
    assert parse_qs(parts.query) == {
        "appid": ["wx123"], "secret": ["secret-SECRET"], "code": ["c0de"],
        "grant_type": ["authorization_code"],
    }  # fmt: skip
    asked = wecom_app.request_identity(
        settings("wecom_app"), credentials(CHANNELS["wecom_app"]), "c0de"
    )
    parts = urlsplit(asked.url)
    assert (asked.method, parts.path) == ("GET", "/cgi-bin/auth/getuserinfo")
    assert parse_qs(parts.query) == {"access_token": ["ACCESS-TOKEN-SECRET"], "code": ["c0de"]}


def answer(document: object, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(document).encode())


def test_an_answer_names_who_it_is() -> None:
    assert wechat.read_identity(answer({"openid": "o1"}), NOW) == "o1"
    told = answer({"errcode": 0, "errmsg": "ok", "userid": "ZhangSan"})
    assert wecom_app.read_identity(told, NOW) == "ZhangSan"


@pytest.mark.parametrize(
    "response",
    [answer({"errcode": 40029, "errmsg": "invalid code"}), answer({"openid": "o1"}, 500)],
    ids=["refused", "broken"],
)
@pytest.mark.parametrize("module", [wechat, wecom_app], ids=["wechat", "wecom"])
def test_an_answer_that_names_nobody_is_none(module: ModuleType, response: Response) -> None:
    assert not isinstance(module.read_identity(response, NOW), str)


def test_who_is_no_member_cannot_be_reached() -> None:
    told = answer({"errcode": 0, "errmsg": "ok", "openid": "o1"})
    assert wecom_app.read_identity(told, NOW) == Refused(
        "no member of the corporation", Fault.CONTACT
    )
    assert isinstance(wechat.read_identity(answer({"errcode": 0, "errmsg": "ok"}), NOW), Refused)
