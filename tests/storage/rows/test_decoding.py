import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.storage.fakes import (
    DEADLY,
    FAKE,
    HEARTBEAT,
    NOON,
    POISON,
    REFUSED,
    reading,
)

from wattwarden.protocol.codec import Batch, Block, Columns, FactorBlock, Refused
from wattwarden.protocol.errors import Refusal
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.decoding import MAX_AT_US, MIN_AT_US, Poison, check, decode
from wattwarden.storage.rows.gathering import Gathered

BATCH = Batch.of([HEARTBEAT] * 3, NOON)
BLOCK = Block(
    frame=np.array([0, 2], np.int32),
    meter=np.array([0, 1], np.int32),
    channel="1-1",
    period="instant",
    at=np.array([NOON, NOON], np.int64),
    quality=np.zeros(2, np.int16),
    values={"voltage_a": np.array([1.5, math.nan]), "energy_forward": np.array([1, 2])},
)
FACTORS = FactorBlock(
    frame=np.array([0], np.int32),
    meter=np.array([0], np.int32),
    channel="",
    period="minute",
    at=np.array([NOON], np.int64),
    quality=np.zeros(1, np.int16),
    layout=("a", "b"),
    values=np.zeros((1, 2), np.float32),
    flags=np.array([[0, 78]], np.uint8),
)
COLUMNS = Columns(("m1", "m2"), (BLOCK,), (FACTORS,), (Refused(1, Refusal.DECODE, "x"),))


def gathered(*frames: bytes) -> Gathered:
    count = len(frames)
    numbers = np.arange(count, dtype=np.int32)
    steps = np.ones(count, np.int32)
    return Gathered(
        "fake", 0, Batch.of(frames, NOON), numbers.astype(np.int64), numbers, steps, ("p",), ()
    )


def test_columns_that_keep_the_contract_pass() -> None:
    check(COLUMNS, BATCH)
    check(Columns(()), BATCH)


def block(**changes: Any) -> Columns:
    return replace(COLUMNS, blocks=(replace(BLOCK, **changes),))


def factor_block(**changes: Any) -> Columns:
    return replace(COLUMNS, factors=(replace(FACTORS, **changes),))


@pytest.mark.parametrize(
    "columns",
    [
        replace(COLUMNS, meters=("m1", "")),
        replace(COLUMNS, meters=("m1", "a\0")),
        replace(COLUMNS, meters=("m1", "x" * 65)),
        replace(COLUMNS, refused=(Refused(3, Refusal.DECODE, "x"),)),
        block(frame=np.array([0, 3], np.int32)),
        block(frame=np.array([-1, 0], np.int32)),
        block(meter=np.array([0, 2], np.int32)),
        block(at=np.array([NOON], np.int64)),
        block(at=np.array([NOON, MAX_AT_US + 1], np.int64)),
        block(at=np.array([MIN_AT_US - 1, NOON], np.int64)),
        block(frame=np.array([0.0, 2.0])),
        block(quality=np.array([0.0, 2.0])),
        block(channel="123456789"),
        block(channel="电"),
        block(channel="1\n"),
        block(period="week"),
        block(values={"voltage": np.zeros(2)}),
        block(values={"voltage_a": np.zeros(3)}),
        block(values={"energy_forward": np.zeros(2)}),
        block(values={"voltage_a": np.array(["1", "2"])}),
        factor_block(layout=("a",)),
        factor_block(layout=("a", "")),
        factor_block(layout=("a", "x" * 65)),
        factor_block(layout=("a", "b\n")),
        factor_block(layout=()),
        factor_block(values=np.array([["1", "2"]])),
        factor_block(flags=np.array([[0, 78]], np.int64)),
        factor_block(flags=np.array([[0, 10]], np.uint8)),
        factor_block(flags=np.array([[0, 200]], np.uint8)),
        factor_block(flags=np.array([0, 78], np.uint8)),
    ],
)
def test_columns_that_break_the_contract_are_refused(columns: Columns) -> None:
    with pytest.raises(ValueError, match=r"\w+ .*"):
        check(columns, BATCH)


def test_a_sound_batch_stays_whole() -> None:
    decoded = decode(FAKE, gathered(reading("m1"), HEARTBEAT, REFUSED))
    assert [piece.start for piece in decoded.pieces] == [0]
    assert decoded.poison == ()


def test_poison_is_singled_out_and_the_rest_keeps_its_order() -> None:
    frames = [reading(f"m{number}") for number in range(9)]
    frames[4] = frames[8] = POISON

    decoded = decode(FAKE, gathered(*frames))

    found = [
        (piece.start + int(frame), piece.columns.meters[place])
        for piece in decoded.pieces
        for part in piece.columns.blocks
        for frame, place in zip(part.frame, part.meter, strict=True)
    ]
    assert found == [(n, f"m{n}") for n in (0, 1, 2, 3, 5, 6, 7)]
    message = "RuntimeError: the codec choked"
    assert decoded.poison == (Poison(4, message), Poison(8, message))


def test_singling_out_takes_few_attempts() -> None:
    calls = []

    def counted(batch: Batch) -> Columns:
        calls.append(len(batch))
        return FAKE.decode(batch)

    decode(replace(FAKE, decode=counted), gathered(*[HEARTBEAT] * 1000, POISON, *[HEARTBEAT] * 999))

    assert len(calls) <= 2 * 11 + 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("SIGKILL", "killed by SIGKILL"),
        ("SIGSEGV", "killed by SIGSEGV"),
        ("0", "left with 0"),
        ("exit", "left with 70"),
    ],
)
def test_what_ends_a_process_is_singled_out_while_ours_lives(how: str, said: str) -> None:
    frames = [reading(f"m{number}") for number in range(5)]
    frames[2:2] = [DEADLY[how], POISON]

    decoded = decode(FAKE, gathered(*frames), apart=True)

    assert sum(len(part.frame) for piece in decoded.pieces for part in piece.columns.blocks) == 5
    assert decoded.poison == (
        Poison(2, f"the codec ended its process: {said}", died=True),
        Poison(3, "RuntimeError: the codec choked"),
    )


def test_without_room_for_a_child_nothing_is_held_against_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    with pytest.raises(StorageError, match="no process for a trial") as caught:
        decode(FAKE, gathered(reading("m1")), apart=True)
    assert caught.value.retryable
