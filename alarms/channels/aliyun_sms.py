"""Aliyun SMS (阿里云短信), SendSms of dysmsapi 2017-05-25, help.aliyun.com document_detail/55284.

POST /?OutId=…&PhoneNumbers=…&SignName=…&TemplateCode=…&TemplateParam={…}   signed (acs3.py)
answer {"Code": "OK", "Message": "OK", "BizId": "900619746936498440^0", "RequestId": "…"}

It is not idempotent, by its own manual: when no answer comes, QuerySendDetails is asked for the
message's OutId, which is the message's id, before anything is sent again.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
import orjson

from wattwarden.alarms.channels.acs3 import Call, authorization, encode_query, headers_of
from wattwarden.alarms.channels.answers import (
    BUSY,
    CONTACT,
    ENDPOINT,
    REFUSED,
    UNCERTAIN,
    Dialect,
    Ruling,
    Verdict,
    consult,
    reason_of,
    text_of,
    unsure,
    until_midnight_s,
)
from wattwarden.alarms.channels.channel import (
    Absent,
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
    Unknown,
)
from wattwarden.alarms.channels.posts import Base
from wattwarden.alarms.channels.sms import MAX_VARIABLE_CHARS, Book, Name, look_up, members
from wattwarden.alarms.channels.texts import cut_chars, iso_utc, local_day, only_address, part

VERSION: Final = "2017-05-25"
# Variables may hold no address (isv.PARAM_NOT_SUPPORT_URL).
_ADDRESS: Final = re.compile(r"\S*://\S*|www\.\S*", re.IGNORECASE)
# The limit by number slides over 24 h: nobody can say when it ends, so look in once an hour.
NUMBER_RESTS_S: Final = 3600
RECEIPT_PAGE: Final = 50  # QuerySendDetails: 50 of a page at most, which is a number's whole day
# A record is there at once, its receipt within seconds; half a minute costs an L4 little.
RECEIPT_WAIT_S: Final = 30
_WAITS, _FAILED, _ARRIVED = "1", "2", "3"  # QuerySendDetails, SendStatus

DIALECT: Final = Dialect(
    code="Code",
    words="Message",
    success="OK",
    foreign=unsure,
    rulings={
        "isv.BUSINESS_LIMIT_CONTROL": Ruling(Verdict.THROTTLE, NUMBER_RESTS_S, Scope.RECIPIENT),
        "isv.DAY_LIMIT_CONTROL": Ruling(Verdict.THROTTLE, until_midnight_s),
        "Throttling": Ruling(Verdict.THROTTLE, 1),  # calls a second
        "isp.SYSTEM_ERROR": BUSY,
        "SignatureNonceUsed": UNCERTAIN,  # this very call has been there before
        "isv.MOBILE_NUMBER_ILLEGAL": CONTACT,
        "isv.AMOUNT_NOT_ENOUGH": ENDPOINT,
        "isv.OUT_OF_SERVICE": ENDPOINT,
        "InvalidAccessKeyId": ENDPOINT,
        "SignatureDoesNotMatch": ENDPOINT,
        "isv.SMS_TEMPLATE_ILLEGAL": REFUSED,
        "isv.SMS_SIGNATURE_ILLEGAL": REFUSED,
        "isv.TEMPLATE_MISSING_PARAMETERS": REFUSED,
        "isv.INVALID_JSON_PARAM": REFUSED,
        "isv.PARAM_LENGTH_LIMIT": REFUSED,
        "isv.PARAM_NOT_SUPPORT_URL": REFUSED,
        "isv.BLACK_KEY_CONTROL_LIMIT": REFUSED,
    },
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose signature, which template, and which part of a message each variable holds."""

    sign_name: Name
    template: Annotated[str, msgspec.Meta(pattern="^SMS_[0-9]+$")]
    variables: dict[str, str]
    base: Base = "https://dysmsapi.aliyuncs.com"


def build(
    message: Message, settings: Settings, credentials: Credentials, now_us: int, nonce: str
) -> Request:
    """Return the call that sends a message to one number."""
    variables = {name: _fit(part(message, source)) for name, source in settings.variables.items()}
    query = {
        "OutId": message.id,
        "PhoneNumbers": only_address(message),
        "SignName": settings.sign_name,
        "TemplateCode": settings.template,
        "TemplateParam": orjson.dumps(variables).decode(),
    }
    return _call(settings, credentials, "SendSms", query, now_us, nonce)


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """OK is success; the receipt comes later, under the BizId."""
    found = consult(DIALECT, response, now_us)
    return Delivered(text_of(found, "BizId")) if isinstance(found, Mapping) else found


def ask(
    message: Message,
    settings: Settings,
    credentials: Credentials,
    sent_us: int,
    now_us: int,
    nonce: str,
) -> Request:
    """Return the call that asks what became of a message."""
    query = {
        "PhoneNumber": only_address(message),
        "SendDate": local_day(sent_us),
        "PageSize": str(RECEIPT_PAGE),
        "CurrentPage": "1",
    }
    return _call(settings, credentials, "QuerySendDetails", query, now_us, nonce)


def read(response: Response, message: Message, now_us: int) -> Outcome | Absent:
    """Return what became of the message whose id is the OutId of a record."""
    return look_up(_BOOK, consult(DIALECT, response, now_us), message, now_us)


def _became(record: Mapping[str, Any]) -> Outcome:
    status, code = text_of(record, "SendStatus"), text_of(record, "ErrCode")
    if status == _FAILED:
        return Refused(reason_of(code, "not delivered"))
    # Waiting for the operator's receipt is sent as well: a second one would be too many.
    return Delivered("") if status in {_WAITS, _ARRIVED} else Unknown(reason_of(status, code))


def _records(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    held = document.get("SmsSendDetailDTOs")
    return members(held, "SmsSendDetailDTO") if isinstance(held, dict) else []


def _call(
    settings: Settings,
    credentials: Credentials,
    action: str,
    query: Mapping[str, str],
    now_us: int,
    nonce: str,
) -> Request:
    host = urlsplit(settings.base).netloc
    call = Call(host, action, VERSION, query, iso_utc(now_us), nonce)
    proof = authorization(call, credentials.reveal("key_id"), credentials.reveal("key_secret"))
    headers = {**headers_of(call), "authorization": proof, "accept": "application/json"}
    return Request("POST", f"{settings.base}/?{encode_query(query)}", tuple(headers.items()), b"")


def _fit(text: str) -> str:
    return cut_chars(_ADDRESS.sub("", text).strip() or "无", MAX_VARIABLE_CHARS)


_BOOK: Final = Book(_records, "OutId", _became, RECEIPT_WAIT_S)
CHANNEL: Final = Channel(
    name="aliyun_sms",
    settings=Settings,
    secrets=("key_id", "key_secret"),
    # document_detail/55284: 50 notices in 24 h for a number, a signature and a template; ten of
    # them are for L4.  5,000 calls a second for an account.
    pace=Pace((Limit(50, 86_400, Scope.RECIPIENT, reserve=10), Limit(5000, 1, reserve=1000))),
    digest=True,
    build=build,
    interpret=interpret,
    receipt=Receipt(RECEIPT_WAIT_S, ask, read),
)
