"""A frame's meaning, readings and reply; and what is wrong with bytes that are none."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.tools.fakes import HEAD, OTHER, TINY, frame

from wattwarden.protocol.codec import (
    Batch,
    Codec,
    Columns,
    FactorBlock,
    Message,
    ProfileOf,
    Refused,
    default_profile,
)
from wattwarden.protocol.errors import Refusal
from wattwarden.tools.decoding import Decoded, Decoder, Unread, Value, profiles_with

NOW = 1_700_000_007_000_000


def decoder(*codecs: Codec) -> Decoder:
    return Decoder(codecs or (TINY, OTHER), default_profile)


def only(results: list[Decoded | Unread]) -> Decoded:
    (result,) = results
    assert isinstance(result, Decoded)
    return result


def with_columns(decode: Callable[[Batch], Columns]) -> Codec:
    return replace(TINY, decode=decode)


def test_a_reading_gives_its_values_without_the_missing_ones() -> None:
    result = only(decoder().decode(frame("r", "A", 22), NOW))
    assert result.values == (
        Value("voltage_a", 2.2, "V", "", "instant"),
        Value("energy_forward", 220, "Wh", "", "instant"),
    )
    assert (result.codec.name, result.message.kind, result.meter) == ("tiny", "r", "A")


def test_the_reply_is_what_is_sent_at_once_and_what_waits_for_the_journal() -> None:
    first, second, third = decoder().decode(frame("r") + frame("h", "A") + frame("q"), NOW)
    assert isinstance(first, Decoded)
    assert first.reply == frame("k", "A", 1)
    assert isinstance(second, Decoded)
    assert second.reply == frame("t", "A", NOW // 1_000_000 % 256)
    assert isinstance(third, Decoded)
    assert third.reply == b""


def test_a_frame_without_name_belongs_to_who_spoke_before() -> None:
    _, second = decoder().decode(frame("h", "M") + frame("n"), NOW)
    assert isinstance(second, Decoded)
    assert second.meter == "M"


def test_a_frame_without_any_name_still_shows_its_readings() -> None:
    result = only(decoder().decode(frame("n"), NOW))
    assert result.meter is None
    assert [value.quantity for value in result.values] == ["voltage_a", "energy_forward"]


@pytest.mark.parametrize(
    ("data", "kind", "offset"),
    [
        pytest.param(b"noise", Refusal.UNKNOWN, 0, id="nobody's"),
        pytest.param(HEAD + b"\x07r", Refusal.LENGTH, 4, id="cut short"),
        pytest.param(frame("r")[:-1] + b"\0", Refusal.CHECKSUM, 6, id="checksum"),
        pytest.param(frame("r", "A", 255), Refusal.DECODE, 5, id="impossible value"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(data: bytes, kind: Refusal, offset: int) -> None:
    good, bad = decoder().decode(frame("q") + data, NOW)
    assert isinstance(good, Decoded)
    assert isinstance(bad, Unread)
    assert (bad.kind, bad.offset) == (kind, len(frame("q")) + offset)


def test_a_refused_frame_leaves_its_neighbours_alone() -> None:
    bad = frame("r", "A", 255)
    results = decoder().decode(frame("r") + bad + frame("r"), NOW)
    assert [type(result) for result in results] == [Decoded, Unread, Decoded]


def test_the_first_bytes_of_the_unknown_are_shown() -> None:
    (bad,) = decoder().decode(bytes(range(16)), NOW)
    assert isinstance(bad, Unread)
    assert "begin with 00 01 02 03 04 05 06 07:" in bad.message


def test_bytes_that_only_the_reader_accepts_are_refused() -> None:
    deaf = replace(OTHER, outline=TINY.outline, recognise=OTHER.recognise)
    (bad,) = Decoder((deaf,), default_profile, deaf).decode(b"[]xx", NOW)
    assert isinstance(bad, Unread)
    assert bad.kind is Refusal.LENGTH


def test_a_checksum_that_the_framing_leaves_open_is_confirmed() -> None:
    doubting = replace(TINY, confirm=lambda batch: np.zeros(len(batch), bool))
    results = decoder(doubting).decode(frame("r"), NOW)
    assert all(isinstance(result, Unread) for result in results)


def test_a_frame_that_decoding_refuses_is_refused() -> None:
    lost = Refused(0, Refusal.DECODE, "month is 1 to 12, got 13", 4)
    codec = with_columns(lambda _batch: Columns((), refused=(lost,)))
    (bad,) = decoder(codec).decode(frame("r"), NOW)
    assert isinstance(bad, Unread)
    assert (bad.kind, bad.message, bad.offset) == (lost.kind, lost.message, 4)


def test_a_frame_that_loses_only_a_part_keeps_its_readings() -> None:
    lost = Refused(0, Refusal.DECODE, "section 2 is cut short")

    def decode(batch: Batch) -> Columns:
        return replace(TINY.decode(batch), refused=(lost,))

    result = only(decoder(with_columns(decode)).decode(frame("r"), NOW))
    assert result.refused == (lost,)
    assert result.values


def test_factors_are_shown_under_their_codes() -> None:
    def decode(batch: Batch) -> Columns:
        count = len(batch)
        factors = FactorBlock(
            frame=np.arange(count, dtype=np.int32),
            meter=np.zeros(count, np.int32),
            channel="",
            period="minute",
            at=np.zeros(count, np.int64),
            quality=np.zeros(count, np.int16),
            layout=("a34004-Avg", "a34002-Avg", "a1-Avg"),
            values=np.array([[0.0395, np.nan, np.inf]] * count, np.float32),
            flags=np.zeros((count, 3), np.uint8),
        )
        return Columns(("A",), factors=(factors,))

    result = only(decoder(with_columns(decode)).decode(frame("r"), NOW))
    assert result.values == (Value("a34004-Avg", 0.0395, "", "", "minute"),)


def test_a_key_reaches_its_meter_alone() -> None:
    profile_of = profiles_with({"A": b"secret"})
    assert profile_of("A").key == b"secret"
    assert profile_of("B").key is None


def test_the_profiles_reach_the_codec() -> None:
    keys: list[bytes | None] = []

    def read(raw: bytes, profile_of: ProfileOf) -> Message:
        keys.append(profile_of("A").key)
        return TINY.read(raw, profile_of)

    Decoder((replace(TINY, read=read),), profiles_with({"A": b"k"})).decode(frame("r"), NOW)
    assert keys == [b"k"]
