"""Whose bytes these are, and what it costs to ask."""

from typing import Any

import pytest
from tests.protocol.fakes import (
    brace_protocol,
    braced,
    counted,
    denying_protocols,
    hash_protocol,
)

from wattwarden.protocol.codec import Claim, Codec
from wattwarden.protocol.recognition import MAX_HEAD_BYTES, claim

BRACE, HASH = brace_protocol().codec(), hash_protocol().codec()
CODECS = [BRACE, HASH]


@pytest.mark.parametrize(
    ("data", "start", "codec"),
    [
        pytest.param(braced(b"D1"), 0, BRACE, id="the first codec's"),
        pytest.param(counted(b"D1"), 0, HASH, id="the second codec's"),
        pytest.param(b"ab{{D" + counted(b"D1"), 2, BRACE, id="the first place wins"),
        pytest.param(b"ab##0" + braced(b"D1"), 2, HASH, id="whoever's it is"),
        pytest.param(b"abc", 3, None, id="nobody's"),
        pytest.param(b"", 0, None, id="nothing"),
        pytest.param(b"ab{", 2, None, id="perhaps the first codec's"),
        pytest.param(b"ab##", 2, None, id="perhaps the second codec's"),
    ],
)
def test_the_first_place_that_is_claimed_is_found(
    data: bytes, start: int, codec: Codec | None
) -> None:
    assert claim(CODECS, data, most_noise_bytes=100) == (start, codec)


def test_of_two_codecs_that_claim_a_place_the_first_has_it() -> None:
    assert claim([HASH, hash_protocol().codec()], b"##0001", 100) == (0, HASH)


def test_a_codec_that_is_sure_has_it_before_one_that_waits() -> None:
    waiting = hash_protocol()
    waiting.head_bytes = 50
    assert claim([waiting.codec(), HASH], counted(b"D1"), 100) == (0, HASH)


def test_nobody_waits_for_more_than_the_longest_head() -> None:
    waiting = hash_protocol()
    waiting.head_bytes = 10_000
    codec = waiting.codec()
    head = b"##".ljust(MAX_HEAD_BYTES, b"0")
    assert codec.recognise(head) is Claim.MORE
    assert claim([codec], head[:-1], 1000) == (0, None)
    assert claim([codec], head, 1000) == (len(head), None)


def test_the_search_stops_when_there_is_too_much_noise() -> None:
    protocols = denying_protocols()
    codecs = [protocol.codec() for protocol in protocols]
    assert claim(codecs, b"#" * 1000, most_noise_bytes=20) == (21, None)
    assert [len(protocol.asked) for protocol in protocols] == [21, 21]


def test_every_place_is_asked_about_once_and_no_more_than_a_head_is_shown() -> None:
    protocols = denying_protocols()
    codecs = [protocol.codec() for protocol in protocols]
    data = b"ab{{z##0" * 200
    assert claim(codecs, data, most_noise_bytes=10_000) == (len(data), None)
    places = [0] + [at for at in range(len(data)) if data[at : at + 2] in {b"{{", b"##"}]
    for protocol in protocols:
        assert protocol.asked == [data[at : at + MAX_HEAD_BYTES] for at in places]


class CountingBytes(bytes):
    """Counts how often it is searched."""

    searches = 0

    def find(self, *args: Any) -> int:
        self.searches += 1
        return super().find(*args)


def test_a_head_that_is_nowhere_is_looked_for_once() -> None:
    codecs = [protocol.codec() for protocol in denying_protocols()]
    data = CountingBytes(b"#" * 1000)
    assert claim(codecs, data, most_noise_bytes=10_000) == (1000, None)
    assert data.searches <= 1000 + 1
