"""What the tests of channels share: one message, endpoints, and vectors as data.

vector kinds: signature (published, inputs → value), request (pinned build), answer (→ outcome)
"""

import json
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from wattwarden.alarms.channels import load_channels
from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Channel,
    Credentials,
    Message,
    Request,
    Response,
    Token,
)
from wattwarden.alarms.channels.facts import Explanation, Facts, Rule, Subject, Thing
from wattwarden.protocol.secret import Secret

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "channels"
NOW = 1_795_316_400_000_000  # 2026-11-22 03:00 UTC
NOW_S = NOW // SECOND_US
NONCE = "3156853299f313e23d1673dc12e1703d"
CHANNELS = load_channels()
RAISED = datetime(2026, 11, 22, 2, 59, tzinfo=UTC)
FACTS = Facts(
    number=17,
    sequence=1,
    rule=Rule("R2", "A", "产污运行治污停运", "production without treatment"),
    state="raised",
    enterprise=Thing("E1", "某某铸造厂"),
    region=Thing("D1", "即墨区"),
    line=Thing("L1", "熔炼线"),
    subject=Subject("U2", "布袋除尘器", "unit"),
    units=(Thing("U2", "布袋除尘器"),),
    began=RAISED.replace(minute=24),
    raised=RAISED,
    cleared=None,
    deadline=RAISED.replace(day=23),
    explanation=Explanation("布袋除尘器停用 35 分钟", "the filter was off for 35 min"),
)
MESSAGE = Message(
    id="AL17-raised-P3",
    level=4,
    title="严重报警：某某铸造厂治污停用",
    text="熔炼线生产中，布袋除尘器停用 35 分钟。\n请立即核查。",
    url="https://warden.example/a/17?s=abc",
    to=("13711112222",),
    fields={"enterprise": "某某铸造厂", "unit": "布袋除尘器", "state": "报警"},
    at_us=NOW - 60 * SECOND_US,
    kind="alarm.raised",
    reason="first",
    facts=FACTS,
)
TOKEN = Token(Secret("ACCESS-TOKEN-SECRET"), NOW + 7200 * SECOND_US)
ADDRESSES = {"mail": ("officer@epb.example",), "wecom_app": ("ZhangSan",)}
KEYWORDS = {"thing1": "enterprise", "thing2": "unit", "time3": "at", "phrase4": "state"}
ACCOUNT = {"appid": "wx123", "template": "TPL", "keywords": KEYWORDS}
SETTINGS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://hooks.example/wattwarden"},
    "github": {"url": "https://hooks.example/wattwarden"},
    "wecom_robot": {},
    "wecom_app": {"corpid": "ww1", "agentid": 1000002},
    "wechat_template": ACCOUNT,
    "wechat_subscribe": ACCOUNT,
    "dingtalk": {},
    "feishu": {},
    "aliyun_sms": {
        "sign_name": "生态环境局",
        "template": "SMS_123",
        "variables": {"firm": "enterprise", "unit": "unit"},
    },
    "tencent_sms": {
        "app_id": "1400006666",
        "sign_name": "生态环境局",
        "template": "1110",
        "variables": ["enterprise", "unit"],
    },
    "smpp": {"host": "smsc.example", "system_id": "epb", "signature": "【环保】"},
    "mail": {"host": "mail.example", "sender": "warden@epb.example"},
}
SECRETS = {
    "webhook": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "smpp": {"password": "pw-SECRT"},
}


@dataclass(frozen=True, slots=True)
class Vector:
    """One line of a channel's file."""

    channel: str
    record: dict[str, Any]

    @property
    def response(self) -> Response:
        record = self.record
        body = bytes.fromhex(record["hex"]) if "hex" in record else record["body"].encode()
        return Response(record["status"], record.get("headers", {}), body)

    def __str__(self) -> str:
        return f"{self.channel} {self.record['id']}"


def vectors(kind: str) -> list[Vector]:
    """Return the vectors of one kind in all files."""
    return [
        Vector(path.stem, record)
        for path in sorted(VECTORS.glob("*.jsonl"))
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if record["kind"] == kind
    ]


def credentials(channel: Channel) -> Credentials:
    """Return what an endpoint of a channel needs to have, all of it made up."""
    names = (*channel.secrets, *channel.optional)
    given = SECRETS.get(channel.name) or {name: f"{name}-SECRET" for name in names}
    secrets = {name: Secret(text) for name, text in given.items()}
    return Credentials(secrets, TOKEN if channel.token is not None else None)


def settings(channel_name: str, **changes: Any) -> Any:
    """Return the settings of an endpoint, as configuration decodes them."""
    return msgspec.convert({**SETTINGS[channel_name], **changes}, CHANNELS[channel_name].settings)


def message_for(name: str, **changes: Any) -> Message:
    """Return the message as a channel can address it."""
    return replace(MESSAGE, **{"to": ADDRESSES.get(name, MESSAGE.to), **changes})


def build(channel_name: str, message: Message | None = None, **changes: Any) -> Request:
    """Return the request of a message to the endpoint of these tests."""
    channel = CHANNELS[channel_name]
    told = message_for(channel_name) if message is None else message
    return channel.build(told, settings(channel_name, **changes), credentials(channel), NOW, NONCE)


def shown(outcome: object) -> dict[str, Any]:
    """Return an outcome as data: its name and its fields, moments as seconds from now."""
    found: dict[str, Any] = {"is": type(outcome).__name__}
    for one in fields(outcome):  # type: ignore[arg-type]  # outcomes are dataclasses, all of them
        value = getattr(outcome, one.name)
        if one.name in {"second", "until_second"}:
            found["after_s"] = value - NOW_S
        elif isinstance(value, tuple):
            found[one.name] = list(value)
        else:
            found[one.name] = value
    return found
