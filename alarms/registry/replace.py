"""A meter replaced on a point: the history stays, and the energy goes on where it was.

old point  valid_from ──────► valid_to = at
new point                     valid_from = at ──────►
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.registry.registry import Registry

# What stands for a missing energy.
NONE: Final = -1

_NUMBERED: Final = re.compile(r"(.+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Energies:
    """A meter's register in order of time: ``at`` in ms Unix, ``energy`` in Wh, NONE missing."""

    at: NDArray[np.int64]
    energy: NDArray[np.int64]


def replace_meter(
    registry: Registry,
    point: str,
    meter: str,
    at: datetime,
    *,
    ct: float | None = None,
    pt: float | None = None,
) -> list[Change]:
    """Return the changes that put another meter on a point from a moment on.

    Everything else of the point stays; ``ct`` and ``pt`` where they are given.  The new point is
    named after the old one: ``P1/1`` becomes ``P1/2``.

    Raises:
        RefusedError: There is no such point in force then.
    """
    old = registry.point.get(point)
    if old is None:
        raise RefusedError([Problem("point", point, "", "没有该监测点", "there is no such point")])
    if at <= old.valid_from or (old.valid_to is not None and at >= old.valid_to):
        problem = Problem("point", point, "valid_to", "该时刻监测点不在用", "it is not in use then")
        raise RefusedError([problem])
    new = msgspec.structs.replace(
        old,
        id=_next_name(registry, point),
        meter=meter,
        valid_from=at,
        ct=old.ct if ct is None else ct,
        pt=old.pt if pt is None else pt,
    )
    ended = msgspec.structs.replace(old, valid_to=at)
    return [Change("point", old.id, ended), Change("point", new.id, new)]


def _next_name(registry: Registry, point: str) -> str:
    numbered = _NUMBERED.fullmatch(point)
    base, number = (numbered[1], int(numbered[2])) if numbered else (point, 1)
    while f"{base}/{number}" in registry.point or number == 1:
        number += 1
    return f"{base}/{number}"


def join_energies(parts: Sequence[Energies]) -> Energies:
    """Join the registers of meters that followed one another on a point into one that goes on.

    Each part is shifted so that its first known value is the last one before it: what was used
    while neither meter counted is not known, and not invented.  Parts come with CT and PT applied.
    """
    joined = []
    reached: int | None = None
    for part in parts:
        known = part.energy[part.energy != NONE]
        shift = 0 if reached is None or not known.size else reached - int(known[0])
        if known.size:
            reached = int(known[-1]) + shift
        joined.append(np.where(part.energy == NONE, NONE, part.energy + shift))
    empty = np.empty(0, np.int64)
    return Energies(
        np.concatenate([empty, *(part.at for part in parts)]), np.concatenate([empty, *joined])
    )
