"""Why connections ended is said in the reader's language."""

import re

import pytest

from wattwarden.console.drawing.said import Said
from wattwarden.console.meters.reasons import reason_of
from wattwarden.server.fleet import Verdict


@pytest.mark.parametrize(
    "reason",
    [
        "silent beyond the protocol's limit",
        "no login before the deadline",
        "the peer hung up",
        "taken over by the same meter",
        "taken over by the same meter, at another gateway",
        "another peer uses the same id",
        "gateway stops",
        "a codec failed",
        "more than 4096 bytes without a frame",
        "HTTP on the meter port",
        "ConnectionResetError",
        "not with the certificate of the meter",
        "203.0.113.7:5 and 203.0.113.8:9",
        *(one.value for one in (Verdict.TAKEN_OVER, Verdict.REFUSED)),
    ],
)
def test_a_reason_is_said_in_both_languages(reason: str) -> None:
    said = reason_of(reason)
    assert re.search("[\u4e00-\u9fff]", said.zh)
    assert not re.search("[\u4e00-\u9fff]", said.en)
    for number in re.findall(r"\d+", reason):
        assert number in said.zh


def test_what_is_known_is_said_without_a_word_of_english() -> None:
    assert reason_of("silent beyond the protocol's limit").zh == "超过规约时限没有数据"
    assert reason_of("ConnectionResetError").en == "reset by the peer"
    assert reason_of("") == Said("", "")
    assert reason_of("TLSv1.3 X25519") == Said("TLSv1.3 X25519", "TLSv1.3 X25519")
