"""Tencent Cloud SMS (腾讯云短信), SendSms 2021-01-11, cloud.tencent.com document/api/382/55981.

POST / {"PhoneNumberSet": ["+86…"], "SmsSdkAppId": "…", "TemplateId": "…", "SignName": "…",
        "TemplateParamSet": ["…"], "SessionContext": "the message's id"}         signed (tc3.py)
answer {"Response": {"SendStatusSet": [{"SerialNo": "…", "Code": "Ok", …}], "RequestId": "…"}}
   or  {"Response": {"Error": {"Code": "…", "Message": "…"}}}, both with status 200

It is not idempotent: when no answer comes, PullSmsSendStatusByPhoneNumber is asked for the
SessionContext before anything is sent again.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import orjson

from wattwarden.alarms.channels.answers import (
    BUSY,
    CONTACT,
    ENDPOINT,
    REFUSED,
    Ruling,
    Rulings,
    Verdict,
    judge,
    read_json,
    reason_of,
    rule,
    text_of,
    unsure,
    until_midnight_s,
)
from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Absent,
    BuildError,
    Channel,
    Credentials,
    Delivered,
    Limit,
    Message,
    Outcome,
    Pace,
    Receipt,
    Refused,
    Request,
    Response,
    Scope,
)
from wattwarden.alarms.channels.posts import JSON_TYPE, Base
from wattwarden.alarms.channels.sms import MAX_VARIABLE_CHARS, Book, Name, look_up, members
from wattwarden.alarms.channels.tc3 import Call, authorization
from wattwarden.alarms.channels.texts import cut_chars, only_address, part

VERSION: Final = "2021-01-11"
SERVICE: Final = "sms"
MAX_CONTEXT_BYTES: Final = 511  # document/api/382/55981: less than 512
SAME_CONTENT_S: Final = 30  # the same content to one number once in 30 s, by default
HOUR_S: Final = 3600
RECEIPT_PAGE: Final = 100  # document/product/1359/55976: 100 of a page at most
RECEIPT_SPAN_S: Final = 3600  # receipts come within minutes; an hour holds a clock that is off
# Records are there when the operator answered, within seconds mostly; a minute for the slow ones.
RECEIPT_WAIT_S: Final = 60
_CHINA_MOBILE: Final = re.compile(r"1[0-9]{10}")

RULINGS: Final[Rulings] = {
    "LimitExceeded": Ruling(Verdict.THROTTLE, HOUR_S, Scope.RECIPIENT),
    "LimitExceeded.PhoneNumberThirtySecondLimit": Ruling(
        Verdict.THROTTLE, SAME_CONTENT_S, Scope.RECIPIENT
    ),
    "LimitExceeded.PhoneNumberOneHourLimit": Ruling(Verdict.THROTTLE, HOUR_S, Scope.RECIPIENT),
    "LimitExceeded.PhoneNumberDailyLimit": Ruling(
        Verdict.THROTTLE, until_midnight_s, Scope.RECIPIENT
    ),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": Ruling(
        Verdict.THROTTLE, until_midnight_s, Scope.RECIPIENT
    ),
    "RequestLimitExceeded": Ruling(Verdict.THROTTLE, 1),  # calls a second
    "InternalError": BUSY,
    "AuthFailure": ENDPOINT,
    "AuthFailure.SignatureExpire": REFUSED,  # our clock is more than five minutes off
    "FailedOperation.InsufficientBalanceInSmsPackage": ENDPOINT,
    "FailedOperation.PhoneNumberInBlacklist": CONTACT,
    "InvalidParameterValue.IncorrectPhoneNumber": CONTACT,
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose signature, which template, and which parts of a message fill it, in its order."""

    app_id: Name
    sign_name: Name
    template: Name
    variables: tuple[str, ...]
    region: Name = "ap-guangzhou"
    base: Base = "https://sms.tencentcloudapi.com"


def build(
    message: Message, settings: Settings, credentials: Credentials, now_us: int, _nonce: str
) -> Request:
    """Return the call that sends a message to one number."""
    if len(message.id.encode()) > MAX_CONTEXT_BYTES:
        raise BuildError("id is longer than SessionContext may be")
    document = {
        "PhoneNumberSet": [_number(message)],
        "SmsSdkAppId": settings.app_id,
        "TemplateId": settings.template,
        "SignName": settings.sign_name,
        "TemplateParamSet": [_fit(part(message, name)) for name in settings.variables],
        "SessionContext": message.id,
    }
    return _call(settings, credentials, "SendSms", document, now_us)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """Ok of the one number is success; status 200 says nothing."""
    found = _answer(response, now_us)
    if not isinstance(found, Mapping):
        return found
    statuses = members(found, "SendStatusSet")
    if not statuses or not text_of(statuses[0], "Code"):
        return unsure(response, now_us)
    code = text_of(statuses[0], "Code")
    if code == "Ok":
        return Delivered(text_of(statuses[0], "SerialNo"))
    return _judge(code, statuses[0].get("Message"), now_us)


def ask(
    message: Message,
    settings: Settings,
    credentials: Credentials,
    sent_us: int,
    now_us: int,
    _nonce: str,
) -> Request:
    """Return the call that asks what became of a message."""
    document = {
        "BeginTime": sent_us // SECOND_US - RECEIPT_SPAN_S,
        "EndTime": now_us // SECOND_US + RECEIPT_SPAN_S,
        "Offset": 0,
        "Limit": RECEIPT_PAGE,
        "PhoneNumber": _number(message),
        "SmsSdkAppId": settings.app_id,
    }
    return _call(settings, credentials, "PullSmsSendStatusByPhoneNumber", document, now_us)


def read(response: Response, message: Message, now_us: int) -> Outcome | Absent:
    """Return what became of the message whose id is the SessionContext of a record."""
    return look_up(_BOOK, _answer(response, now_us), message, now_us)


def _became(record: Mapping[str, Any]) -> Outcome:
    status = text_of(record, "ReportStatus")
    if status == "SUCCESS":
        return Delivered(text_of(record, "SerialNo"))
    return Refused(reason_of(status, record.get("Description")))


def _answer(response: Response, now_us: int) -> Outcome | Mapping[str, Any]:
    answer = (read_json(response) or {}).get("Response")
    if not isinstance(answer, dict):
        return unsure(response, now_us)
    error = answer.get("Error")
    if not isinstance(error, dict):
        return answer
    return _judge(text_of(error, "Code"), error.get("Message"), now_us)


def _judge(code: str, words: object, now_us: int) -> Outcome:
    return judge(rule(code, RULINGS) or REFUSED, reason_of(code, words), now_us)


def _call(
    settings: Settings, credentials: Credentials, action: str, document: Any, now_us: int
) -> Request:
    body = orjson.dumps(document)
    host = urlsplit(settings.base).netloc
    call = Call(host, SERVICE, action, JSON_TYPE, now_us // SECOND_US, body)
    proof = authorization(call, credentials.reveal("secret_id"), credentials.reveal("secret_key"))
    headers = (
        ("host", host),
        ("content-type", JSON_TYPE),
        ("x-tc-action", action),
        ("x-tc-version", VERSION),
        ("x-tc-region", settings.region),
        ("x-tc-timestamp", str(call.second)),
        ("authorization", proof),
    )
    return Request("POST", f"{settings.base}/", headers, body)


def _number(message: Message) -> str:
    """Return the number in E.164; eleven digits are a mobile of mainland China."""
    number = only_address(message)
    return f"+86{number}" if _CHINA_MOBILE.fullmatch(number) else number


def _fit(text: str) -> str:
    return cut_chars(text or "无", MAX_VARIABLE_CHARS)


def _records(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return members(document, "PullSmsSendStatusSet")


_BOOK: Final = Book(_records, "SessionContext", _became, RECEIPT_WAIT_S)
CHANNEL: Final = Channel(
    name="tencent_sms",
    settings=Settings,
    secrets=("secret_id", "secret_key"),
    # 3,000 calls a second, and by default the same content to one number once in 30 s: an L4 and
    # what came before it differ in content, so the second limit is left to the gateway's answer.
    pace=Pace((Limit(3000, 1, reserve=600),)),
    digest=True,
    build=build,
    interpret=interpret,
    receipt=Receipt(RECEIPT_WAIT_S, ask, read),
)
