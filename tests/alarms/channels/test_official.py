"""Signatures of the clouds' own kits beside ours: what they sign our gateways take, and vice versa.

The stand-in gateways judge by oracles.py, so a kit's request that they take shows that they verify
as the real ones do.
"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from alibabacloud_openapi_util.client import Client as AliyunKit
from tencentcloud.common import abstract_client, credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.sign import Sign
from tests.alarms.channels import oracles
from tests.alarms.channels.gateways import GATEWAYS
from tests.alarms.channels.support import MESSAGE, NOW_S, Vector, build, settings, vectors

from wattwarden.alarms.channels import acs3
from wattwarden.alarms.channels.channel import Request

TEXTS = {
    "chinese": "某某铸造厂",
    "what-a-query-escapes": "a+b c*d~e/f?g=h&i%j'(k)!",
    "quotes-and-backslashes": 'say "no" \\ twice',
    "nothing-but-a-dash": "-",
}


@pytest.fixture(params=list(TEXTS.values()), ids=list(TEXTS))
def message(request: pytest.FixtureRequest) -> Any:
    return replace(MESSAGE, fields={**MESSAGE.fields, "enterprise": request.param})


def test_aliyuns_kit_signs_our_request_as_we_do(message: Any) -> None:
    ours = build("aliyun_sms", message)
    headers = oracles.headers_of(ours)
    signed = {name: value for name, value in headers.items() if name.startswith("x-acs-")}
    theirs = SimpleNamespace(
        method=ours.method,
        pathname="/",
        query=oracles.query_of(ours),
        headers={"host": headers["host"], **signed},
    )
    digest = headers["x-acs-content-sha256"]
    header = AliyunKit.get_authorization(
        theirs, acs3.ALGORITHM, digest, "key_id-SECRET", "key_secret-SECRET"
    )
    assert headers["authorization"] == header


PUBLISHED = [one for one in vectors("signature") if one.channel == "aliyun_sms"]


@pytest.mark.parametrize("vector", PUBLISHED, ids=str)
def test_aliyuns_kit_comes_to_the_published_signature(vector: Vector) -> None:
    given = dict(vector.record["given"])
    secret = given.pop("secret")
    call = acs3.Call(**given)
    headers = acs3.headers_of(call)
    theirs = SimpleNamespace(method="POST", pathname="/", query=call.query, headers=headers)
    digest = headers["x-acs-content-sha256"]
    header = AliyunKit.get_authorization(theirs, acs3.ALGORITHM, digest, "id", secret)
    assert header.endswith(f"Signature={vector.record['signature']}")


def tencent_kit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kit's own client, whose clock stands where ours does."""
    monkeypatch.setattr(abstract_client, "time", SimpleNamespace(time=lambda: NOW_S))
    profile = ClientProfile()
    profile.httpProfile.endpoint = "sms.tencentcloudapi.com"
    keys = credential.Credential("secret_id-SECRET", "secret_key-SECRET")
    kit = abstract_client.AbstractClient(keys, "ap-guangzhou", profile)
    kit._apiVersion, kit._service = "2021-01-11", "sms"
    return kit


def signed_by_tencents_kit(kit: Any, params: dict[str, Any]) -> Request:
    made = RequestInternal("sms.tencentcloudapi.com", "POST", "/", header={})
    kit._build_req_with_tc3_signature("SendSms", params, made)
    place = "https://sms.tencentcloudapi.com/"
    return Request("POST", place, tuple(made.header.items()), made.data.encode())


def params_of(message: Any) -> dict[str, Any]:
    sms = settings("tencent_sms")
    return {
        "PhoneNumberSet": list(message.to),
        "SmsSdkAppId": sms.app_id,
        "SignName": sms.sign_name,
        "TemplateId": sms.template,
        "TemplateParamSet": [message.fields[name] for name in sms.variables],
        "SessionContext": message.id,
    }


def test_our_gateway_takes_what_tencents_kit_signs(
    monkeypatch: pytest.MonkeyPatch, message: Any
) -> None:
    request = signed_by_tencents_kit(tencent_kit(monkeypatch), params_of(message))
    answer = GATEWAYS["tencent_sms"](request, NOW_S)
    assert b'"Code": "Ok"' in answer.body
    forged = replace(request, body=request.body.replace(b"1400006666", b"1400006667"))
    assert b"SignatureFailure" in GATEWAYS["tencent_sms"](forged, NOW_S).body


def test_tencents_kit_derives_our_signature_from_what_we_sign(message: Any) -> None:
    ours = build("tencent_sms", message)
    header = oracles.headers_of(ours)["authorization"]
    text = oracles.tc3_text(ours)
    _, date, service, _ = header.split("Credential=")[1].split(",")[0].split("/")
    theirs = Sign.sign_tc3("secret_key-SECRET", date, service, text)
    assert header.endswith(f"Signature={theirs}")
