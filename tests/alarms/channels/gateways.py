"""Stand-ins for the gateways: each checks what the real one checks and answers as it does.

gateway(request, now_s) → Response; secrets are those of ``support.credentials``.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tests.alarms.channels import oracles
from tests.alarms.channels.support import SECRETS, TOKEN

from wattwarden.alarms.channels.channel import Request, Response

Gateway = Callable[[Request, int], Response]


def answer(document: Any, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(document).encode())


def body_of(request: Request) -> Any:
    assert request.method == "POST"
    assert oracles.headers_of(request)["content-type"].startswith("application/json")
    return json.loads(request.body.decode("utf-8"))


def webhook(request: Request, now_s: int) -> Response:
    headers = oracles.headers_of(request)
    good = abs(int(headers["webhook-timestamp"]) - now_s) <= 300
    mine = oracles.standard_webhook(request, SECRETS["webhook"]["secret"])
    good &= mine in headers["webhook-signature"].split(" ")
    good &= {"type", "timestamp", "data"} == set(body_of(request))
    return Response(204 if good else 401, {}, b"")


def github(request: Request, _now_s: int) -> Response:
    headers = oracles.headers_of(request)
    good = headers["x-hub-signature-256"] == oracles.github(request, "secret-SECRET")
    return Response(200 if good else 401, {}, b"")


def wecom_robot(request: Request, _now_s: int) -> Response:
    body = body_of(request)
    if oracles.query_of(request) != {"key": "key-SECRET"}:
        return answer({"errcode": 93000, "errmsg": "invalid webhook url"})
    limits = {"text": 2048, "markdown": 4096}
    if body["msgtype"] not in limits:
        return answer({"errcode": 40008, "errmsg": "invalid message type"})
    content = body[body["msgtype"]]["content"]
    if not 0 < len(content.encode()) <= limits[body["msgtype"]]:
        return answer({"errcode": 40058, "errmsg": "content exceed max length"})
    return answer({"errcode": 0, "errmsg": "ok"})


def wecom_app(request: Request, _now_s: int) -> Response:
    if oracles.query_of(request).get("access_token") != TOKEN.value.reveal():
        return answer({"errcode": 42001, "errmsg": "access_token expired"})
    body = body_of(request)
    invalid = [one for one in body["touser"].lower().split("|") if one != "zhangsan"]
    if len(invalid) == len(body["touser"].split("|")):
        return answer({"errcode": 81013, "errmsg": "all touser invalid"})
    card = body[body["msgtype"]]
    if body["msgtype"] == "textcard":
        assert len(card["title"].encode()) <= 128
        assert len(card["description"].encode()) <= 512
    return answer({"errcode": 0, "errmsg": "ok", "invaliduser": "|".join(invalid), "msgid": "m"})


def wechat(request: Request, _now_s: int) -> Response:
    if oracles.query_of(request).get("access_token") != TOKEN.value.reveal():
        return answer({"errcode": 40001, "errmsg": "invalid credential"})
    body = body_of(request)
    for keyword, value in body["data"].items():
        fault = keyword_fault(keyword, value["value"])
        if fault:
            return answer({"errcode": 47003, "errmsg": f"data.{keyword}.value {fault}"})
    return answer({"errcode": 0, "errmsg": "ok", "msgid": 7})


def keyword_fault(keyword: str, value: str) -> str:
    if not value:
        return "empty"
    if keyword.startswith("thing"):
        return "too long" if len(value) > 20 else ""
    if keyword.startswith("phrase"):
        chinese = all("一" <= sign <= "鿿" for sign in value)
        return "" if len(value) <= 5 and chinese else "invalid"
    if keyword.startswith("time"):
        datetime.strptime(value, "%Y年%m月%d日 %H:%M").replace(tzinfo=UTC)
    return ""


def dingtalk(request: Request, now_s: int) -> Response:
    query = oracles.query_of(request)
    fresh = abs(int(query["timestamp"]) - now_s * 1000) <= 3_600_000
    if not fresh or query["sign"] != oracles.dingtalk(query["timestamp"], "secret-SECRET"):
        return answer({"errcode": 310000, "errmsg": "sign not match"})
    body = body_of(request)
    assert len(request.body) <= 20_000
    assert all(f"@{one}" in body["markdown"]["text"] for one in body["at"]["atMobiles"])
    return answer({"errcode": 0, "errmsg": "ok"})


def feishu(request: Request, now_s: int) -> Response:
    body = body_of(request)
    if urlsplit(request.url).path != "/open-apis/bot/v2/hook/token-SECRET":
        return answer({"code": 19001, "msg": "param invalid"})
    fresh = abs(int(body["timestamp"]) - now_s) <= 3600
    if not fresh or body["sign"] != oracles.feishu(body["timestamp"], "secret-SECRET"):
        return answer({"code": 19021, "msg": "sign match fail"})
    if len(request.body) > 20 * 1024:
        return answer({"code": 19036, "msg": "too large"})
    return answer({"code": 0, "msg": "success", "data": {}})


def aliyun_sms(request: Request, now_s: int) -> Response:
    headers = oracles.headers_of(request)
    signature = headers["authorization"].rpartition("Signature=")[2]
    if signature != oracles.acs3(request, "key_secret-SECRET"):
        return answer({"Code": "SignatureDoesNotMatch", "Message": "no"}, 400)
    date = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if abs(date.timestamp() - now_s) > 900:
        return answer({"Code": "InvalidTimeStamp.Expired", "Message": "no"}, 400)
    query = oracles.query_of(request)
    if headers["x-acs-action"] == "QuerySendDetails":
        assert query["SendDate"].isdigit()
        return answer({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}})
    variables = json.loads(query["TemplateParam"])
    if any("://" in value for value in variables.values()):
        return answer({"Code": "isv.PARAM_NOT_SUPPORT_URL", "Message": "no"})
    if any(len(value) > 20 for value in variables.values()):
        return answer({"Code": "isv.PARAM_LENGTH_LIMIT", "Message": "no"})
    return answer({"Code": "OK", "Message": "OK", "BizId": "9^0"})


def tencent_sms(request: Request, now_s: int) -> Response:
    headers = oracles.headers_of(request)
    signature = headers["authorization"].rpartition("Signature=")[2]
    date = datetime.fromtimestamp(int(headers["x-tc-timestamp"]), UTC).strftime("%Y-%m-%d")
    if signature != oracles.tc3(request, "secret_key-SECRET"):
        return refused("AuthFailure.SignatureFailure")
    if abs(int(headers["x-tc-timestamp"]) - now_s) > 300 or f"/{date}/" not in str(headers):
        return refused("AuthFailure.SignatureExpire")
    body = body_of(request)
    if headers["x-tc-action"] == "PullSmsSendStatusByPhoneNumber":
        assert body["BeginTime"] < now_s < body["EndTime"]
        return answer({"Response": {"PullSmsSendStatusSet": [], "RequestId": "R"}})
    assert all(isinstance(one, str) for one in body["TemplateParamSet"])
    status = {"SerialNo": "5:1", "Code": "Ok", "SessionContext": body["SessionContext"]}
    return answer({"Response": {"SendStatusSet": [status], "RequestId": "R"}})


def refused(code: str) -> Response:
    return answer({"Response": {"Error": {"Code": code, "Message": "no"}, "RequestId": "R"}})


GATEWAYS: Mapping[str, Gateway] = {
    "webhook": webhook,
    "github": github,
    "wecom_robot": wecom_robot,
    "wecom_app": wecom_app,
    "wechat_template": wechat,
    "wechat_subscribe": wechat,
    "dingtalk": dingtalk,
    "feishu": feishu,
    "aliyun_sms": aliyun_sms,
    "tencent_sms": tencent_sms,
}


class Limited:
    """A gateway that counts: past its limit it refuses, and some are silent for a while then."""

    def __init__(self, gateway: Gateway, count: int, window_s: int, rest_s: int, no: Any) -> None:
        self.gateway = gateway
        self.count, self.window_s, self.rest_s = count, window_s, rest_s
        self.no = no
        self.taken: list[int] = []
        self.silent_until = 0

    def __call__(self, request: Request, now_s: int) -> Response:
        self.taken = [second for second in self.taken if second > now_s - self.window_s]
        if len(self.taken) >= self.count:
            self.silent_until = now_s + self.rest_s
        if len(self.taken) >= self.count or now_s < self.silent_until:
            return answer(self.no)
        self.taken.append(now_s)
        return self.gateway(request, now_s)


def limited() -> dict[str, Limited]:
    """Return gateways with the limits that their manuals state, fresh ones."""
    slow = {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发天级流控Permits:50"}
    return {
        "wecom_robot": Limited(wecom_robot, 20, 60, 60, {"errcode": 45009, "errmsg": "freq"}),
        "dingtalk": Limited(dingtalk, 20, 60, 600, {"errcode": 130101, "errmsg": "too fast"}),
        "feishu": Limited(feishu, 100, 60, 0, {"code": 11232, "msg": "frequency limited"}),
        "aliyun_sms": Limited(aliyun_sms, 50, 86_400, 0, slow),
    }
