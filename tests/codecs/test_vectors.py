"""Every codec against its published frames: what they say, and the four mischiefs of the line."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.codecs.mischief import (
    NOW,
    VECTORS,
    Vector,
    accepted,
    accepted_by_session,
    accepted_of_flipped,
    all_vectors,
    of_each,
)

from wattwarden.codecs import load_codecs, port_codecs
from wattwarden.protocol.codec import Batch, Claim, Columns
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.quantity import QUANTITIES

CODECS = load_codecs()
ALL = [vector for vector in all_vectors() if vector.codec in CODECS]
GOOD = [vector for vector in ALL if vector.accepted]
IDS = Counter(map(str, ALL))
NOISES = {
    "line noise": b"\x00\xff\x55",
    "half a head": b"##99",
    "an empty frame": b"{{}}",
    "half of itself": None,
}

every = of_each(ALL)
every_good = of_each(GOOD)
every_bad = of_each(vector for vector in ALL if not vector.accepted)


def batch_of(vector: Vector) -> Batch:
    return Batch.of([vector.raw], NOW, identity=vector.identity, profile_of=vector.profile_of)


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in [(key, item), *leaves(item, key)]]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, name)]
    return [(name, value)]


def readings_of(columns: Columns) -> list[dict[str, Any]]:
    """Say of each value what it is, and more only where there is more to say."""
    found: list[dict[str, Any]] = []
    for block in columns.blocks:
        for quantity, values in block.values.items():
            unit = str(QUANTITIES[quantity].unit)
            for value in values.tolist():
                found.append({"quantity": quantity, "value": value, "unit": unit})
                found[-1]["period"] = block.period
    for factors in columns.factors:
        for row, flags in zip(factors.values.tolist(), factors.flags.tolist(), strict=True):
            for code, value, flag in zip(factors.layout, row, flags, strict=True):
                found.append({"quantity": code, "value": value, "period": factors.period})
                if flag:
                    found[-1]["flag"] = chr(flag)
    return found


def is_same(want: dict[str, Any], got: dict[str, Any]) -> bool:
    rest = {key: value for key, value in want.items() if key != "value"}
    return got["value"] == pytest.approx(want["value"], rel=1e-6) and rest.items() <= got.items()


def test_every_codec_has_vectors_and_every_vector_a_codec() -> None:
    assert {path.stem for path in VECTORS.glob("*.jsonl")} == set(CODECS)


@every
def test_a_vector_names_its_source_and_has_an_id_of_its_own(vector: Vector) -> None:
    assert vector.record["source"]
    assert IDS[str(vector)] == 1


@every_good
def test_the_first_bytes_name_the_codec(vector: Vector) -> None:
    claims = {name for name, codec in CODECS.items() if codec.recognise(vector.raw) is Claim.YES}
    assert claims == {vector.codec}


@every_good
def test_a_frame_says_what_its_source_says(vector: Vector) -> None:
    codec, record = CODECS[vector.codec], vector.record
    message = codec.read(vector.raw, vector.profile_of)
    assert message.kind == record["kind"]
    assert message.kind in codec.kinds
    assert message.meter == record["meter"]
    at = None if record["at"] is None else datetime.fromisoformat(record["at"])
    assert message.at == at
    said = leaves(dict(message.fields))
    assert [item for item in record["fields"].items() if item not in said] == []


@every_good
def test_the_readings_of_a_frame_are_those_of_its_source(vector: Vector) -> None:
    columns = CODECS[vector.codec].decode(batch_of(vector))
    got = readings_of(columns)
    missing = [
        want
        for want in vector.record["readings"]
        if not any(is_same(want, reading) for reading in got)
    ]
    assert missing == []
    assert columns.refused == ()


@every_good
def test_the_meter_gets_the_answer_that_is_due(vector: Vector) -> None:
    codec, record = CODECS[vector.codec], vector.record
    now = datetime.fromisoformat(record.get("now", "2026-11-22T03:00:00Z")).astimezone(UTC)
    dialogue = codec.dialogue(vector.profile_of)
    at_once = dialogue.receive([vector.raw], round(now.timestamp()) * 1_000_000)
    later = codec.acknowledge(batch_of(vector))[0]
    assert (at_once + later).hex() == (record["reply"] or "")


@every_bad
def test_a_broken_frame_is_refused_for_its_fault(vector: Vector) -> None:
    codec = CODECS[vector.codec]
    with pytest.raises(ProtocolError) as refusal:
        codec.read(vector.raw, vector.profile_of)
    assert refusal.value.kind == vector.record["error"]
    columns = codec.decode(batch_of(vector))
    assert {entry.kind for entry in columns.refused} <= {vector.record["error"]}
    assert readings_of(columns) == []


@every
def test_an_explanation_shows_the_bytes_it_explains(vector: Vector) -> None:
    fields = CODECS[vector.codec].explain(vector.raw, None)
    assert fields
    for field in fields:
        assert vector.raw[field.offset : field.offset + len(field.raw)] == field.raw


@every
def test_byte_by_byte_a_frame_means_the_same(vector: Vector) -> None:
    codec = CODECS[vector.codec]
    drips = [vector.raw[place : place + 1] for place in range(len(vector.raw))]
    want = [codec.read(vector.raw, vector.profile_of)] if vector.accepted else []
    assert accepted(codec, drips, vector.profile_of) == want
    # What the port never guesses is alone on its line.
    heard = port_codecs() if codec.is_guessed else [codec]
    assert accepted_by_session(heard, drips, vector.profile_of) == want


@every
def test_behind_noise_and_before_a_neighbour_a_frame_means_the_same(vector: Vector) -> None:
    codec = CODECS[vector.codec]
    neighbour = next(other for other in GOOD if other.codec == vector.codec and other is not vector)
    both = [vector, neighbour] if vector.accepted else [neighbour]
    wanted = [codec.read(one.raw, vector.profile_of) for one in both]
    for name, noise in NOISES.items():
        before = vector.raw[: len(vector.raw) // 2] if noise is None else noise
        got = accepted(codec, [before + vector.raw + neighbour.raw], vector.profile_of)
        want = wanted
        if noise is None and not vector.has_checksum:  # its halves cannot be told apart
            got, want = got[-1:], want[-1:]
        assert got == want, name


@every_good
def test_glued_together_frames_mean_the_same(vector: Vector) -> None:
    codec = CODECS[vector.codec]
    want = [codec.read(vector.raw, vector.profile_of)] * 5
    assert accepted(codec, [vector.raw * 5], vector.profile_of) == want


@every_good
def test_with_any_single_bit_flipped_a_frame_is_accepted_no_more(vector: Vector) -> None:
    assert accepted_of_flipped(CODECS[vector.codec], vector) == []
