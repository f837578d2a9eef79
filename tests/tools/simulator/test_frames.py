"""Frames: what they say is what the columns say, within what a meter shows."""

import math

import numpy as np
import pytest
from tests.tools.simulator.worlds import SMALL, world

from wattwarden.protocol.codec import Batch, Block
from wattwarden.protocol.quality import Quality
from wattwarden.tools.simulator.frames import STATUS_CODE, Frames
from wattwarden.tools.simulator.readings import NAMES
from wattwarden.tools.simulator.sendings import sendings

UNTIL_S = 2 * 3600
SLOT = 10 * 60
RESOLUTION = {"power": 1.0, "power_factor": 0.001, "energy": 10.0, "current": 0.01, "voltage": 0.1}


def expected_name(name: str) -> str:
    """How the store names a column of ours."""
    return {
        "power": "power_total",
        "power_factor": "power_factor_total",
        "energy": "energy_forward",
    }.get(name, name)


def test_frames_decode_to_the_columns_within_the_meters_resolution() -> None:
    made = world(SMALL.replace("frame_loss = 0.01", "frame_loss = 0"))
    frames = Frames(made.site)
    (block,) = made.blocks(24, SLOT * 60, (SLOT + 1) * 60)
    kinds = set()
    for machine in made.site.machines:
        values = {name: getattr(block.live, name)[0, machine.column].item() for name in NAMES}
        if values["at_ms"] < 0:
            continue
        codec = frames.codec(machine)
        kinds.add((codec.name, machine.spec.meter))
        frame = frames.report(machine, values, kept=False)
        columns = codec.decode(Batch.of([frame], 0))
        assert columns.meters == (machine.address,)
        assert not columns.refused
        if machine.spec.meter == "status":
            (factors,) = columns.factors
            assert factors.layout == (STATUS_CODE,)
            assert factors.values[0, 0] == values["status"]
            assert factors.at[0] == values["at_ms"] * 1000
            continue
        (read,) = columns.blocks
        assert read.at[0] == values["at_ms"] * 1000
        hold_values(read, values, machine.ratio, has_energy=codec.name == "acrel")
    assert kinds == {
        ("acrel", "full"), ("hj212", "full"), ("hj212", "current"), ("hj212", "status"),
    }  # fmt: skip


def hold_values(read: Block, values: dict[str, float], ratio: int, *, has_energy: bool) -> None:
    for name, value in values.items():
        if name in {"at_ms", "received_ms", "status"} or math.isnan(value):
            continue
        if name == "energy" and not has_energy:
            assert value == -1
            continue
        step = next(size for stem, size in RESOLUTION.items() if name.startswith(stem))
        scale = ratio if name not in {"power_factor"} and "voltage" not in name else 1
        found = float(read.values[expected_name(name)][0]) * scale
        assert found == pytest.approx(value, abs=step * scale * 1.001), name


def test_frames_made_at_once_are_those_of_the_encoder() -> None:
    made = world(SMALL)
    frames = Frames(made.site)
    sent = {(one.at_ms, one.column): one.frame for one in sendings(made, 0, UNTIL_S)}
    compared = 0
    for block in made.blocks(1, 0, UNTIL_S):
        for column in range(len(made.units)):
            row = 13
            values = {name: getattr(block.live, name)[row, column].item() for name in NAMES}
            frame = sent.get((int(values["received_ms"]), column))
            if frame is not None:
                machine = made.site.machines[column]
                assert frame == frames.report(machine, values, kept=False)
                compared += 1
    assert compared > 50


def test_sendings_come_in_order_and_none_is_lost() -> None:
    made = world(SMALL)
    due = list(sendings(made, 0, UNTIL_S))
    times = [one.at_ms for one in due]
    assert times == sorted(times)
    count = sum(
        int((block.live.at_ms >= 0).sum()) + len(block.late) for block in made.blocks(6, 0, UNTIL_S)
    )
    # The last readings of the stretch come after its end.
    assert count - len(made.units) <= len(due) <= count


def test_what_was_sent_already_is_passed_over() -> None:
    made = world(SMALL)
    half_s = UNTIL_S // 2
    everything = list(sendings(made, 0, UNTIL_S))
    border = made.midnight_ms + 1000 * half_s
    rest = list(sendings(made, 0, UNTIL_S, half_s))
    assert rest == [one for one in everything if one.at_ms >= border]


def test_frames_that_were_kept_are_marked_where_the_protocol_can() -> None:
    made = world(SMALL)
    frames = Frames(made.site)
    (block,) = made.blocks(24, SLOT * 60, (SLOT + 1) * 60)
    for machine in made.site.machines:
        values = {name: getattr(block.live, name)[0, machine.column].item() for name in NAMES}
        if values["at_ms"] < 0 or frames.codec(machine).name != "hj212":
            continue
        frame = frames.report(machine, values, kept=True)
        columns = frames.codec(machine).decode(Batch.of([frame], 0))
        quality = [one.quality for one in columns.blocks] + [one.quality for one in columns.factors]
        assert np.all(quality[0] & Quality.BACKFILL)
        return
    pytest.fail("no HJ 212 meter in this city")
