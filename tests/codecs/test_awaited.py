"""Frames that codecs say nobody waits for are never acknowledged."""

import json
from pathlib import Path

import pytest

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Batch
from wattwarden.protocol.framer import Framer

VECTORS = Path(__file__).parents[1] / "vectors"
JUDGED = {name: codec for name, codec in load_codecs().items() if codec.is_awaited is not None}


def frames_of(name: str) -> list[bytes]:
    vectors = map(json.loads, (VECTORS / f"{name}.jsonl").read_text().splitlines())
    streams = [bytes.fromhex(one["hex"]) for one in vectors if isinstance(one.get("hex"), str)]
    outline = load_codecs()[name].outline
    return [frame for stream in streams for frame in Framer(outline).feed(stream)]


@pytest.mark.parametrize("name", JUDGED)
def test_whoever_is_acknowledged_is_awaited(name: str) -> None:
    codec = JUDGED[name]
    frames = frames_of(name)
    assert frames
    assert codec.is_awaited is not None
    awaited = [codec.is_awaited(frame) for frame in frames]
    for frame, is_awaited in zip(frames, awaited, strict=True):
        [answer] = codec.acknowledge(Batch.of([frame], 0))
        assert is_awaited or not answer
    assert not all(awaited)


def test_those_that_answer_polls_are_judged() -> None:
    assert {"dtu", "modbus", "gdw376", "dlt698"} == set(JUDGED)
