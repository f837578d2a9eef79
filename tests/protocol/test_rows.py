"""Rows that come one by one, and the blocks they become."""

from datetime import timedelta, timezone

import numpy as np
import pytest

from wattwarden.protocol.codec import Batch, Profile
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, Shape

TIME = b"20261122105900"
MIXED = Shape(("a", "b"), (Measured("", "power_total", 1000.0), Measured("x", "current_a", 1.0)))
ENERGY = Shape((), (Measured("", "energy_forward", 1000.0),))
NAN = float("nan")


def rows_of(count: int = 3, identity: str | None = None) -> Rows:
    frames = [b"at=%d;" % number for number in range(count)]
    return Rows(Batch.of(frames, 7, identity=identity), b"N", b"at=")


def test_factors_and_quantities_of_a_row_go_their_own_ways() -> None:
    rows = rows_of()
    meter = rows.meter(0, "m")
    rows.add((MIXED, "minute", "pol"), (0, meter, 0), TIME, [1, 2, 3, 4], b"NDNF")
    columns = rows.columns()
    (factors,) = columns.factors
    assert (factors.channel, factors.period, factors.layout) == ("pol", "minute", ("a", "b"))
    assert factors.values.tolist() == [[1.0, 2.0]]
    assert factors.flags.tolist() == [list(b"ND")]
    assert factors.quality.tolist() == [0]
    blocks = {block.channel: block for block in columns.blocks}
    assert blocks[""].values["power_total"].tolist() == [3000.0]
    assert blocks["x"].values["current_a"].tolist() == [4.0]
    assert [blocks[channel].quality.tolist() for channel in ("", "x")] == [[0], [Quality.DOUBTFUL]]
    assert columns.meters == ("m",)


def test_types_are_those_of_the_contract() -> None:
    rows = rows_of()
    rows.add((MIXED, "instant", ""), (0, rows.meter(0, "m"), 0), TIME, [1, 2, 3, 4], NO_FLAG * 4)
    columns = rows.columns()
    for block in (columns.factors[0], columns.blocks[0]):
        found = (block.frame, block.meter, block.at, block.quality)
        assert [str(column.dtype) for column in found] == ["int32", "int32", "int64", "int16"]
    assert str(columns.factors[0].values.dtype) == "float32"
    assert str(columns.factors[0].flags.dtype) == "uint8"


@pytest.mark.parametrize(
    ("value", "wh"),
    [(1.234, 1234), (0, 0), (-5, -5000), (NAN, MISSING), (1e300, MISSING), (float("inf"), MISSING)],
)
def test_energies_are_whole_or_missing(value: float, wh: int) -> None:
    rows = rows_of()
    rows.add((ENERGY, "instant", ""), (0, rows.meter(0, "m"), 0), TIME, [value], NO_FLAG)
    assert rows.columns().blocks[0].values["energy_forward"].tolist() == [wh]


def test_what_float4_cannot_hold_is_missing() -> None:
    rows = rows_of()
    values = [1e39, float("-inf"), 1e308, float("inf")]
    rows.add((MIXED, "instant", ""), (0, rows.meter(0, "m"), 0), TIME, values, NO_FLAG * 4)
    columns = rows.columns()
    assert np.isnan(columns.factors[0].values).all()
    assert all(np.isnan(next(iter(block.values.values()))).all() for block in columns.blocks)


def test_rows_of_one_kind_share_a_block_and_keep_their_order() -> None:
    rows = rows_of()
    for frame in (2, 0, 1):
        kind = (ENERGY, "day" if frame == 0 else "hour", "")
        rows.add(kind, (frame, rows.meter(frame, f"m{frame}"), frame), TIME, [frame], NO_FLAG)
    found = {block.period: block for block in rows.columns().blocks}
    assert found["hour"].frame.tolist() == [2, 1]
    assert found["hour"].values["energy_forward"].tolist() == [2000, 1000]
    assert found["hour"].quality.tolist() == [2, 1]
    assert found["day"].meter.tolist() == [1]


def test_times_are_those_of_each_meters_zone() -> None:
    zones = {"east": timezone(timedelta(hours=9)), "west": timezone(timedelta(hours=-5))}
    batch = Batch.of([b"", b""], 7, profile_of=lambda mn: Profile(zone=zones[mn]))
    rows = Rows(batch, b"N", b"at=")
    for frame, mn in enumerate(zones):
        rows.add((ENERGY, "day", ""), (frame, rows.meter(frame, mn), 0), TIME, [1], NO_FLAG)
    east, west = rows.columns().blocks[0].at.tolist()
    assert west - east == 14 * 3_600_000_000


def test_a_row_without_a_time_has_that_of_its_receipt() -> None:
    rows = rows_of()
    origin = (1, rows.meter(1, "m"), int(Quality.BACKFILL))
    rows.add((ENERGY, "day", ""), origin, b"", [1], NO_FLAG)
    block = rows.columns().blocks[0]
    assert block.at.tolist() == [7]
    assert block.quality.tolist() == [Quality.BACKFILL | Quality.NO_CLOCK]


def test_a_time_that_does_not_exist_costs_its_row_alone() -> None:
    rows = rows_of()
    for frame, time in enumerate((TIME, b"20261322105900", TIME)):
        rows.add((ENERGY, "day", ""), (frame, rows.meter(frame, "m"), 0), time, [1], NO_FLAG)
    columns = rows.columns()
    assert columns.blocks[0].frame.tolist() == [0, 2]
    (refused,) = columns.refused
    assert (refused.frame, refused.kind, refused.offset) == (1, Refusal.DECODE, 0)


def test_a_row_whose_time_is_no_time_is_not_added() -> None:
    rows = rows_of()
    with pytest.raises(ProtocolError):
        rows.add((ENERGY, "day", ""), (0, rows.meter(0, "m"), 0), b"now", [1], NO_FLAG)
    assert rows.columns().blocks == ()


def test_refusals_come_in_the_order_of_frames() -> None:
    rows = rows_of()
    for frame in (2, 0, 1):
        rows.refuse(frame, ProtocolError(Refusal.DECODE, "x"))
    assert [entry.frame for entry in rows.columns().refused] == [0, 1, 2]


def test_a_meter_that_nobody_names_is_that_of_the_session() -> None:
    assert rows_of(identity="me").meter(0, None) == 0
    with pytest.raises(ProtocolError) as refusal:
        rows_of().meter(0, None)
    assert refusal.value.kind == Refusal.UNKNOWN


def test_nothing_added_is_nothing() -> None:
    columns = rows_of().columns()
    assert (columns.meters, columns.blocks, columns.factors, columns.refused) == ((), (), (), ())


def test_a_shape_whose_every_row_is_refused_makes_no_block() -> None:
    rows = rows_of()
    month_13 = b"20261322105900"
    rows.add((ENERGY, "instant", ""), (0, rows.meter(0, "m"), 0), month_13, [1], NO_FLAG)
    rows.add((MIXED, "instant", ""), (1, rows.meter(1, "m"), 0), TIME, [1, 2, 3, 4], NO_FLAG * 4)
    columns = rows.columns()
    assert [refused.frame for refused in columns.refused] == [0]
    assert [list(block.values) for block in columns.blocks] == [["power_total"], ["current_a"]]


def test_a_fault_that_stands_beyond_its_frame_is_at_its_end() -> None:
    def take(index: int, frame: bytes) -> None:
        raise ProtocolError(Refusal.DECODE, frame.decode(), 2 + 10 * index)

    columns = rows_of(2).take_each(take)
    assert [(one.frame, one.offset) for one in columns.refused] == [(0, 2), (1, len(b"at=1;"))]
