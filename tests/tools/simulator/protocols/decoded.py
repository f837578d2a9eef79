"""What the codecs make of simulated frames, as rows of the truth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Batch, Profile, default_profile
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.tools.simulator.protocols.rows import Row

RECEIVED_US = 1_795_000_000_000_000
ProfileOf = Callable[[str], Profile]


def rows_of(
    codec: str,
    frames: Sequence[bytes],
    identity: str | None,
    profile_of: ProfileOf = default_profile,
    asked: Mapping[int, bytes] | None = None,
) -> list[Row]:
    """What frames received at ``RECEIVED_US`` become."""
    batch = Batch.of(
        frames, RECEIVED_US, identity=identity, profile_of=profile_of, asked=asked or {}
    )
    columns = load_codecs()[codec].decode(batch)
    assert not columns.refused, columns.refused
    found: dict[tuple[str, str, str, int | None], tuple[dict[str, float], dict[str, float]]] = {}
    for block in columns.blocks:
        for place, at in enumerate(_times(block.at, block.quality)):
            values = {name: column[place].item() for name, column in block.values.items()}
            present = {
                name: one for name, one in values.items() if not isnan(one) and one != MISSING
            }
            key = (columns.meters[block.meter[place]], block.channel, block.period, at)
            found.setdefault(key, ({}, {}))[0].update(present)
    for factors in columns.factors:
        for place, at in enumerate(_times(factors.at, factors.quality)):
            key = (columns.meters[factors.meter[place]], factors.channel, factors.period, at)
            amounts = factors.values[place].tolist()
            pairs = zip(factors.layout, amounts, strict=True)
            found.setdefault(key, ({}, {}))[1].update(pairs)
    return [
        Row(codec, *key, _stored(quantities), single(amounts))
        for key, (quantities, amounts) in found.items()
    ]


def expected(rows: Sequence[Row]) -> list[Row]:
    """The rows of a truth, with floats as narrow as the store has them."""
    return [
        Row(
            row.codec, row.meter, row.channel, row.period, row.at_us,
            _stored(row.quantities), single(row.factors),
        )
        for row in rows
    ]  # fmt: skip


def single(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(np.float32(value)) for name, value in sorted(values.items())}


def _stored(values: Mapping[str, float]) -> dict[str, float]:
    return {
        name: value if QUANTITIES[name].exact else float(np.float32(value))
        for name, value in sorted(values.items())
    }


def _times(at: NDArray[Any], quality: NDArray[Any]) -> Iterator[int | None]:
    for moment, flags in zip(at.tolist(), quality.tolist(), strict=True):
        assert flags & ~Quality.NO_CLOCK == 0
        yield None if flags else moment
