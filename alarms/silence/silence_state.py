"""What is remembered of each meter's silence, and how it is kept.

A packed state holds one enterprise's rows with its meters' names; equal states pack to equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import numpy as np

from wattwarden.alarms.plant import table
from wattwarden.alarms.plant.meters import Meters
from wattwarden.alarms.plant.table import I64, NONE, Column

_PACK_VERSION: Final = 1


@dataclass(slots=True)
class Silence:
    """What is remembered of each meter; s."""

    heard: Annotated[I64, Column(np.int64, NONE)]
    silent: Annotated[I64, Column(np.int64)]
    producing: Annotated[I64, Column(np.int64)]
    # Seconds (Unix) since when an episode has stood, -1 none; 0: R8 that its firm's R9 swallowed.
    since: Annotated[I64, Column(np.int64, NONE)]
    treat_since: Annotated[I64, Column(np.int64, NONE)]
    last_treat: Annotated[I64, Column(np.int64, NONE)]
    skew_since: Annotated[I64, Column(np.int64, NONE)]
    duplicate_since: Annotated[I64, Column(np.int64, NONE)]
    duplicate_at: Annotated[I64, Column(np.int64, NONE)]


@dataclass(slots=True)
class FirmSilence:
    """Since when a whole firm has been silent, s; -1: it is not."""

    since: Annotated[I64, Column(np.int64, NONE)]


@dataclass(slots=True)
class SilenceState:
    """All that is remembered of some meters."""

    meter: Silence
    firm: FirmSilence


def initial_silence(meters: Meters) -> SilenceState:
    """Return the state of meters of which none was heard."""
    return SilenceState(
        table.fresh(Silence, len(meters.meters)), table.fresh(FirmSilence, len(meters.firms))
    )


class _Pack(msgspec.Struct, array_like=True):
    version: int
    meters: list[str]
    arrays: list[bytes]


def pack_silence(meters: Meters, state: SilenceState, enterprise: str) -> bytes:
    """Write one enterprise's rows; equal states give equal bytes."""
    firm = meters.firms.index(enterprise)
    mine = np.flatnonzero(meters.firm == firm)
    arrays = [array[mine] for array in table.arrays_of(state.meter)]
    arrays.append(state.firm.since[[firm]])
    names = [meters.meters[meter] for meter in mine.tolist()]
    packed = [array.astype("<i8").tobytes() for array in arrays]
    return msgspec.msgpack.encode(_Pack(_PACK_VERSION, names, packed))


def unpack_silence(meters: Meters, packed: Mapping[str, bytes]) -> SilenceState:
    """Return the state of meters from their enterprises' packs; what is new begins unheard.

    Raises:
        ValueError: A pack is damaged.
    """
    state = initial_silence(meters)
    place = {name: position for position, name in enumerate(meters.meters)}
    for firm, enterprise in enumerate(meters.firms):
        if enterprise not in packed:
            continue
        whole = msgspec.msgpack.decode(packed[enterprise], type=_Pack)
        if whole.version != _PACK_VERSION:
            continue
        *arrays, since = (np.frombuffer(array, dtype="<i8") for array in whole.arrays)
        state.firm.since[firm] = since[0]
        here = [row for row, name in enumerate(whole.meters) if name in place]
        there = [place[whole.meters[row]] for row in here]
        for array, kept in zip(table.arrays_of(state.meter), arrays, strict=True):
            array[there] = kept[here]
    return state
