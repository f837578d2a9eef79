"""A flood meets gateways that count, with the pacer before them and without."""

import pytest
from tests.alarms.channels.gateways import Limited, limited
from tests.alarms.channels.support import (
    CHANNELS,
    MESSAGE,
    NONCE,
    NOW,
    NOW_S,
    credentials,
    message_for,
    settings,
)

from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Delivered,
    Outcome,
    Scope,
    Throttled,
)
from wattwarden.alarms.channels.pacing import Pacer

FLOOD = 130  # over every limit of a minute, and over twice a number's limit of a day
RESTS = {
    "wecom_robot": (65, Scope.CREDENTIAL),
    "dingtalk": (600, Scope.CREDENTIAL),
    "feishu": (60, Scope.CREDENTIAL),
    "aliyun_sms": (3600, Scope.RECIPIENT),
}


def sent(name: str, gateway: Limited, now_us: int) -> Outcome:
    channel = CHANNELS[name]
    message = message_for(name)
    request = channel.build(message, settings(name), credentials(channel), now_us, NONCE)
    return channel.interpret(gateway(request, now_us // SECOND_US), message, now_us)


@pytest.mark.parametrize("name", RESTS)
def test_a_flood_at_the_pace_of_the_channel_is_taken_as_a_whole(name: str) -> None:
    gateway, pacer, now = limited()[name], Pacer(CHANNELS[name].pace), NOW
    for _ in range(FLOOD):
        now = pacer.earliest(MESSAGE.to, 2, now)
        assert isinstance(sent(name, gateway, now), Delivered)
        pacer.note(MESSAGE.to, now)
    assert now > NOW


@pytest.mark.parametrize("name", RESTS)
def test_an_l4_passes_a_flood_at_once(name: str) -> None:
    gateway, pacer, now = limited()[name], Pacer(CHANNELS[name].pace), NOW
    while pacer.earliest(MESSAGE.to, 3, now) == now:
        sent(name, gateway, now)
        pacer.note(MESSAGE.to, now)
    assert pacer.earliest(MESSAGE.to, 4, now) == now
    assert isinstance(sent(name, gateway, now), Delivered)


@pytest.mark.parametrize("name", RESTS)
def test_a_flood_without_a_pace_is_throttled_for_the_documented_time(name: str) -> None:
    gateway = limited()[name]
    outcomes = [sent(name, gateway, NOW) for _ in range(FLOOD)]
    refused = [one for one in outcomes if not isinstance(one, Delivered)]
    assert len(refused) == FLOOD - gateway.count
    rest_s, scope = RESTS[name]
    for one in refused:
        assert isinstance(one, Throttled)
        assert (one.until_second, one.scope) == (NOW_S + rest_s, scope)


@pytest.mark.parametrize("name", ["wecom_robot", "dingtalk", "feishu"])
def test_a_robot_that_rested_as_long_as_told_speaks_again(name: str) -> None:
    gateway = limited()[name]
    outcomes = [sent(name, gateway, NOW) for _ in range(FLOOD)]
    assert isinstance(outcomes[-1], Throttled)
    after = outcomes[-1].until_second * SECOND_US
    assert isinstance(sent(name, gateway, after), Delivered)


@pytest.mark.parametrize(("level", "count"), [(4, 1000), (3, 800)])
def test_a_member_gets_no_more_in_an_hour_than_wecom_lets_through(level: int, count: int) -> None:
    pacer, to, now = Pacer(CHANNELS["wecom_app"].pace), ("ZhangSan",), NOW
    for _ in range(count):
        now = pacer.earliest(to, level, now)
        assert now < NOW + 3600 * SECOND_US
        pacer.note(to, now)
    assert pacer.earliest(to, level, now) == NOW + 3600 * SECOND_US
