"""What people may decide of notices: bounds of a person's addresses and hours, and of silences."""

import json
from typing import Any

import msgspec
import pytest

from wattwarden.alarms.decisions.kinds import decode_body
from wattwarden.alarms.routing.bodies import Reach, Silence

SILENCE = {
    "id": "SL1",
    "enterprise": "E1",
    "start": "2026-11-22T00:00:00Z",
    "end": "2026-11-23T00:00:00Z",
    "reason": "检修",
}


def reach(**fields: Any) -> Reach:
    body = decode_body("reach", json.dumps({"id": "P1", **fields}))
    assert isinstance(body, Reach)
    return body


def silence(**fields: Any) -> Silence:
    body = decode_body("silence", json.dumps({**SILENCE, **fields}))
    assert isinstance(body, Silence)
    return body


def test_an_address_may_be_as_long_as_mail_allows() -> None:
    # RFC 5321: a path is 256 octets with its angle brackets.
    longest = f"{'a' * 64}@{'b' * 189}"
    assert reach(addresses={"mail": longest}).addresses == {"mail": longest}
    with pytest.raises(msgspec.ValidationError, match="length <= 254"):
        reach(addresses={"mail": f"{longest}b"})


def test_hours_are_of_days_from_monday_to_sunday() -> None:
    hours = {"from": "08:00", "to": "17:00"}
    assert reach(duty=[{**hours, "days": [1, 7]}]).duty[0].days == (1, 7)
    assert reach(duty=[hours]).duty[0].days == (1, 2, 3, 4, 5, 6, 7)
    for day in (0, 8):
        with pytest.raises(msgspec.ValidationError, match="duty"):
            reach(duty=[{**hours, "days": [day]}])


def test_all_but_the_gravest_alarms_may_be_silenced() -> None:
    assert [silence(level=level).level for level in (1, 2, 3)] == [1, 2, 3]
    assert silence().level == 3
    for level in (0, 4):
        with pytest.raises(msgspec.ValidationError, match="level"):
            silence(level=level)
