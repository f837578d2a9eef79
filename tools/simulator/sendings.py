"""Frames in the order in which they reach the meter port."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from wattwarden.tools.simulator.acrel_frames import AcrelFrames
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.readings import NAMES, Block, Emitted, Late
from wattwarden.tools.simulator.world import World

# Long enough that a block costs little beside its frames, short enough to begin soon.
HOURS_AT_ONCE: Final = 0.5


class Sending(NamedTuple):
    """A frame that a meter sends; ``at_ms`` is when it comes, ms UTC."""

    at_ms: int
    column: int
    frame: bytes


def sendings(
    world: World, begin_s: int = 0, until_s: int | None = None, from_s: int = 0
) -> Iterator[Sending]:
    """Yield the frames of all meters by the time of their coming.

    The world runs from ``begin_s`` to ``until_s`` (seconds since its first midnight); what comes
    before ``from_s`` is passed over, as it was sent already.
    """
    making = _Making(world)
    from_ms = world.midnight_ms + 1000 * from_s
    waiting: list[Sending] = []
    for block in world.blocks(HOURS_AT_ONCE, begin_s, until_s):
        end_ms = (block.first + len(block.live.power)) * block.slot_s * 1000
        if end_ms < from_ms:
            continue
        waiting += making.of(_flat(block, from_ms), late=False)
        waiting += making.emissions(block.emitted, from_ms)
        waiting += making.of(block.late.take(block.late.readings.received_ms >= from_ms), late=True)
        waiting.sort(key=lambda one: one[:2])
        ready = next((n for n, one in enumerate(waiting) if one.at_ms >= end_ms), len(waiting))
        yield from waiting[:ready]
        del waiting[:ready]


def _flat(block: Block, from_ms: int) -> Late:
    """The live readings of a block one by one, as late ones are."""
    slots, columns = np.nonzero(block.live.received_ms >= max(0, from_ms))
    readings = block.live.take((slots, columns))
    return Late(columns.astype(np.int32), block.first + slots, readings)


@dataclass(slots=True)
class _Making:
    """Makes frames, those of Acrel's meters all at once."""

    world: World
    frames: Frames
    acrel: AcrelFrames | None
    is_acrel: "np.ndarray[tuple[int], np.dtype[np.bool_]]"

    def __init__(self, world: World) -> None:
        self.world = world
        self.frames = Frames(world.site)
        names = [self.frames.codec(machine).name for machine in world.site.machines]
        self.is_acrel = np.array([name == "acrel" for name in names])
        mine = tuple(one for one in world.site.machines if self.is_acrel[one.column])
        self.acrel = AcrelFrames(self.frames, mine) if mine else None

    def emissions(self, emitted: Emitted, from_ms: int) -> Iterator[Sending]:
        """Make the frames of stations at outlets."""
        units = len(self.world.units)
        for slot, number in np.argwhere(emitted.received_ms >= max(0, from_ms)).tolist():
            station = self.world.site.stations[number]
            at_ms, value = int(emitted.at_ms[slot, number]), float(emitted.value[slot, number])
            frame = self.frames.emission(station, at_ms, value, int(emitted.flag[slot, number]))
            yield Sending(int(emitted.received_ms[slot, number]), units + number, frame)

    def of(self, flat: Late, *, late: bool) -> Iterator[Sending]:
        """Make the frame of each reading."""
        many = self.is_acrel[flat.column]
        if self.acrel is not None and many.any():
            mine = flat.take(many)
            made = self.acrel.of(mine.column, mine.readings)
            times = mine.readings.received_ms.tolist()
            yield from map(Sending, times, mine.column.tolist(), made)
        others = flat.take(~many)
        lists = [column.tolist() for column in others.readings.columns()]
        for column, *row in zip(others.column.tolist(), *lists, strict=True):
            values = dict(zip(NAMES, row, strict=True))
            frame = self.frames.report(self.world.site.machines[column], values, kept=late)
            yield Sending(values["received_ms"], column, frame)
