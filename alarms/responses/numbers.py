"""The numbers of responses, as the file ``responses.toml`` beside this has them."""

from functools import cache
from typing import Annotated

import msgspec

from wattwarden.alarms.shipped import shipped_text

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file says; see there for the reasons."""

    self_decided_grades: tuple[str, ...]
    compliant_share: Share
    known_energy_share: Share
    base_weeks: Annotated[int, msgspec.Meta(ge=1, le=12)]
    base_weeks_searched: Annotated[int, msgspec.Meta(ge=1, le=52)]


def numbers_of(text: str) -> Numbers:
    """Read a file of numbers.

    Raises:
        ValueError: It is no TOML, or a number is missing, unknown or out of bounds; names it.
    """
    return msgspec.toml.decode(text, type=Numbers)


@cache
def default_numbers() -> Numbers:
    """Return the numbers that come with the program."""
    return numbers_of(shipped_text("responses"))
