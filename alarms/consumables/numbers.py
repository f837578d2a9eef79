"""The numbers of consumables, as the file ``consumables.toml`` beside this has them."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.shipped import shipped_text

Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Carbon(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What reviewers of activated carbon accept."""

    usual_share: Share
    objected_share: Share
    objected_days: Positive
    capped_hours: Positive


class Forecasting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From which days a unit's pace is taken."""

    days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    least_days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    most_unknown: Share


class PartKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of consumable: whether it is hazardous waste once used, and its code then."""

    zh: str
    waste: bool
    waste_code: str = ""
    # Within which run hours such a part is usually replaced; others are remarked upon.
    hours_from: Positive | None = None
    hours_to: Positive | None = None


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a firm may say by itself, without an officer."""

    longest_hours: Positive
    least_files: Annotated[int, msgspec.Meta(ge=0, le=10)]


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file says; see there for the reasons."""

    waste_days: Positive
    claims: Claims
    carbon: Carbon
    forecast: Forecasting
    kind: Mapping[str, PartKind]

    def kind_of(self, name: str) -> PartKind:
        """Return a kind by its name; one that is not named here leaves no hazardous waste."""
        return self.kind.get(name, _OTHER)


_OTHER: Final = PartKind(zh="", waste=False)


def numbers_of(text: str) -> Numbers:
    """Read a file of numbers.

    Raises:
        ValueError: It is no TOML, or a number is missing, unknown or out of bounds; names it.
    """
    return msgspec.toml.decode(text, type=Numbers)


@cache
def default_numbers() -> Numbers:
    """Return the numbers that come with the program."""
    return numbers_of(shipped_text("consumables"))
