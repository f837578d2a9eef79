"""A tick, as it is seen by meters."""

from dataclasses import dataclass

from wattwarden.alarms.plant.table import F32, I64, Bools


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick, or several taken at once: what is known at its second, by meter.

    ``second`` is the second that it stands for (Unix), ``known_s`` how many seconds of those since
    the tick before count as heard, ``unknown_s`` how many do not.  Equal sequences of ticks give
    equal findings; taking two ticks as one moves them to the later second.
    """

    second: int
    known_s: int
    unknown_s: int
    # Last second in which each was heard, -1 never.
    heard: I64
    # Its gateway is gone and it had no time to come back: this tick is unknown for it.
    hidden: Bools
    # Declared out of use.
    excused: Bools
    # Its line produces, as the fold of readings knows.
    producing: Bools
    # Two sessions claimed its id since the last tick.
    duplicate: Bools
    # Its clock's measured skew, s.
    skew: F32
    # Enterprises, by position, whose supply is gone as those meters say that still speak.
    unlit: frozenset[int] = frozenset()
