"""docs/notices.md: its table is one, its endpoints build what their gateways take."""

import re
from pathlib import Path
from typing import Final

import pytest
from tests.alarms.channels.support import NONCE, NOW

from wattwarden.alarms.channels import load_channels
from wattwarden.alarms.channels.channel import Credentials, Token
from wattwarden.alarms.routing.table import default_text, load_table
from wattwarden.protocol.secret import Secret
from wattwarden.server.trying import FIELDS, trial_message

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "notices.md").read_text("utf-8")
TABLE: Final = load_table(default_text() + PAGE.split("```")[1][5:])
ADDRESSES: Final = {"wecom": "zhangsan", "openid": "o1", "phone": "13800138000", "mail": "a@b.cn"}
KEY: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_every_channel_is_shown_once() -> None:
    assert sorted(one.channel for one in TABLE.endpoint.values()) == sorted(load_channels())


@pytest.mark.parametrize("name", TABLE.endpoint)
def test_an_endpoint_of_the_page_builds_its_request(name: str) -> None:
    endpoint = TABLE.endpoint[name]
    channel = endpoint.kind()
    secrets = {
        one: Secret(KEY if channel.name == "webhook" else "s3cret") for one in endpoint.secrets
    }
    token = None if channel.token is None else Token(Secret("T"), NOW * 2)
    to = () if endpoint.address is None else (ADDRESSES[endpoint.address],)
    message = trial_message(to)
    request = channel.build(message, endpoint.decoded(), Credentials(secrets, token), NOW, NONCE)
    assert request.url


def test_the_parts_of_templates_are_those_of_every_alarm() -> None:
    told = PAGE.partition("Parts that templates take:")[2].partition("; and of")[0]
    assert set(re.findall(r"`(\w+)`", told)) == set(FIELDS) - {"alarm"}
