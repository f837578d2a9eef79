"""The numbers by which enterprises are flagged and tasks live, from a file (TOML).

What is in the file is what the program uses: a key more or less, or a number out of its bounds, is
refused with the key's name.
"""

from functools import cache
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.shipped import shipped_text

Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Times = Annotated[int, msgspec.Meta(ge=1)]
# No window is longer than what is looked back over.
MAX_WINDOW_D: Final = 60
Window = Annotated[float, msgspec.Meta(gt=0, le=MAX_WINDOW_D)]
# An observation may be as long as a task's step can say.
FollowUp = Annotated[int, msgspec.Meta(ge=1, le=365)]


class LimitError(ValueError):
    """A file of limits that cannot be used; says which key and why."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Review(_Section, frozen=True):
    """How often enterprises are looked at, how long afterwards, and how far back."""

    every_min: Annotated[int, msgspec.Meta(ge=1, le=1440)]
    settle_min: Annotated[int, msgspec.Meta(ge=0, le=1440)]
    lookback_d: Annotated[float, msgspec.Meta(ge=MAX_WINDOW_D)]


class FalseRectification(_Section, frozen=True):
    """The same again, so soon, so often."""

    recurs_h: Positive
    times: Times
    window_d: Window


class RunningSick(_Section, frozen=True):
    """So much of production with open alarms, so many alarms, or parts used so far."""

    window_d: Window
    open_share: Share
    least_production_h: Positive
    alarms: Times
    overuse_share: Annotated[float, msgspec.Meta(gt=1)]


class HighFrequency(_Section, frozen=True):
    """So many grave alarms."""

    alarms: Times
    window_d: Window


class Standing(_Section, frozen=True):
    """The gravest alarm going on."""

    open_h: Positive


class TaskLimits(_Section, frozen=True):
    """How long a firm is observed after a visit, and how long nobody need say so."""

    follow_up_d: FollowUp
    unwatched_d: Positive


class Exemption(_Section, frozen=True):
    """Whom an earlier violation excludes."""

    first_within_d: Positive
    judged_within_d: Window


class Limits(_Section, frozen=True):
    """The file as a whole."""

    review: Review
    false_rectification: FalseRectification
    running_sick: RunningSick
    high_frequency: HighFrequency
    standing: Standing
    task: TaskLimits
    exemption: Exemption


def load_limits(text: str) -> Limits:
    """Read a file of limits.

    Raises:
        LimitError: It is no TOML, or a number is missing, unknown or out of bounds.
    """
    try:
        return msgspec.toml.decode(text, type=Limits)
    except (msgspec.DecodeError, ValueError) as error:
        message = f"the limits of enforcement: {error}"
        raise LimitError(message) from error


@cache
def default_limits() -> Limits:
    """Return the limits that come with the program."""
    return load_limits(shipped_text("enforcement"))
