"""The slices into which enterprises fall, so that several wardens can share a city."""

import zlib
from typing import Final

# Fixed for ever: positions and decisions are kept by slice.
SLICES: Final = 32


def slice_of(enterprise: str) -> int:
    """Return the slice of an enterprise, 0 to 31.

    >>> slice_of("platform")
    11
    """
    return zlib.crc32(enterprise.encode()) % SLICES
