"""The unit of time of the protocols: microseconds, UTC where they are a moment."""

from typing import Final

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
