"""The numbers of ledgers, as the file ``ledgers.toml`` beside this has them."""

from datetime import timedelta
from functools import cache
from typing import Annotated

import msgspec

from wattwarden.alarms.shipped import shipped_text


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file says; see there for the reasons."""

    # A month at most: what is entered later is no record any more.
    patrol_back_days: Annotated[int, msgspec.Meta(ge=1, le=31)]

    @property
    def patrol_back(self) -> timedelta:
        """How long ago a patrol may have been that is entered now."""
        return timedelta(days=self.patrol_back_days)


def numbers_of(text: str) -> Numbers:
    """Read a file of numbers.

    Raises:
        ValueError: It is no TOML, or a number is missing, unknown or out of bounds; names it.
    """
    return msgspec.toml.decode(text, type=Numbers)


@cache
def default_numbers() -> Numbers:
    """Return the numbers that come with the program."""
    return numbers_of(shipped_text("ledgers"))
