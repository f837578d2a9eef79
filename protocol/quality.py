"""Flags that say how far a reading can be trusted.  Stored as one integer beside the values."""

from enum import IntFlag


class Quality(IntFlag):
    """Bits of ``quality``; 0 is a live reading with nothing to remark."""

    GOOD = 0
    NO_CLOCK = 1
    """The frame carries no time; ``at`` is the time of receipt."""
    CLOCK_AHEAD = 2
    """``at`` lies ahead of the receipt by more than the tolerance: never the latest reading."""
    CLOCK_OLD = 4
    """``at`` is older than the retention: never the latest reading."""
    BACKFILL = 8
    """The meter marked the reading as a later repetition (HJ 212-2025 RF=1, history answers)."""
    DEFAULT_PARTITION = 16
    """Stored outside the daily partitions, since ``at`` is beyond what they may cover."""
    DOUBTFUL = 32
    """The meter itself marked a value as doubtful (a flag other than N)."""
    SECTION_CHECKSUM = 64
    """The frame's checksum fits, that of a section inside does not."""
    CLOCK_OFF = 128
    """A meter's clock was off by more than two cycles, and its policy is to set it right; or the
    reading is a later repetition by a clock whose time is not taken."""
    CLOCK_SERVER = 256
    """``at`` is by the receipt, not by the meter's clock: that is the meter's policy."""
    CLOCK_TRUSTED = 512
    """``at`` and the receipt are more than two cycles apart, and the meter's policy is to believe
    the meter."""
