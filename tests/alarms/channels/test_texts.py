"""Texts are bounded, and nothing in them acts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alarms.channels.support import MESSAGE

from wattwarden.alarms.channels.answers import kept
from wattwarden.alarms.channels.channel import BuildError
from wattwarden.alarms.channels.texts import (
    cut_bytes,
    cut_chars,
    harmless,
    iso_utc,
    local_day,
    local_minute,
    one_line,
    part,
    parts,
    plain,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXTS, st.integers(3, 50))
def test_bytes_are_cut_between_characters(text: str, limit: int) -> None:
    cut = cut_bytes(text, limit)
    assert len(cut.encode()) <= limit
    assert cut == text if len(text.encode()) <= limit else cut.endswith("…")
    assert text.startswith(cut.removesuffix("…"))


@given(TEXTS, st.integers(0, 50))
def test_characters_are_cut_with_an_ellipsis(text: str, limit: int) -> None:
    cut = cut_chars(text, limit)
    assert len(cut) <= limit
    assert cut == text if len(text) <= limit else cut == text[: max(limit - 1, 0)] + "…"[:limit]


def test_room_for_no_ellipsis_is_an_error() -> None:
    assert cut_bytes("ab", 2) == "ab"
    with pytest.raises(BuildError, match="2 bytes are left"):
        cut_bytes("abc", 2)


def test_controls_become_spaces() -> None:
    assert one_line(" a\r\nb\x00\u2028c\x85\td ") == "a b c d"
    assert plain("a\x07b\r\nc") == "a b\nc"


def test_signs_of_markdown_do_nothing() -> None:
    assert harmless("<@all> [x](http://y)\n*b* `c` #d") == "＜＠all＞"[:1] + (
        "@all＞ ［x］(http://y)\n＊b＊ ｀c｀ ＃d"
    )


def test_moments_are_told_in_chinese_time_to_people_and_in_utc_to_machines() -> None:
    late = 1_795_363_199_000_000  # 2026-11-22 15:59:59 UTC
    assert local_minute(late) == "2026-11-22 23:59"
    assert local_day(late) == "20261122"
    assert local_day(late + 1_000_000) == "20261123"
    assert iso_utc(late) == "2026-11-22T15:59:59Z"


def test_a_field_takes_the_place_of_what_every_message_has() -> None:
    message = replace(MESSAGE, fields={"at": "昨日", "unit": "一\n二"})
    assert parts(MESSAGE)["at"] == "2026-11-22 10:59"
    assert parts(MESSAGE)["level"] == "L4"
    assert part(message, "at") == "昨日"
    assert part(message, "unit") == "一 二"
    with pytest.raises(BuildError, match="message has no firm"):
        part(message, "firm")


def test_a_gateways_words_are_kept_as_one_bounded_line_of_text() -> None:
    assert kept("no\nsuch\tuser") == "no such user"
    assert "\0" not in kept("a\0b")
    assert kept("bad \udcff byte").encode()
    assert len(kept("x" * 10_000, 40)) == 40
