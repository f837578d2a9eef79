"""Which conditions have a timer for each unit, and for each watch."""

from enum import IntEnum
from typing import Final


class Row(IntEnum):
    """The conditions of a unit that must last before they are an alarm."""

    OFF = 0  # off while production runs: R1, or R2 if it ran
    IDLE = 1
    VFD = 2
    SLOW = 3
    OVER = 4
    SWITCHES = 5
    STOP = 6
    SUPPLY = 7
    FROZEN = 8
    PHASE = 9
    REVERSED = 10


class WatchRow(IntEnum):
    """The conditions of an outlet's factor."""

    LIMIT = 0
    FLAG = 1
    CONSTANT = 2


class DailyRow(IntEnum):
    """The rules that are judged at the close of a local day, for each unit."""

    NIGHT = 0
    RATIO = 1
    DRIFT = 2
    UNMETERED = 3


DAILY_RULE: Final = {
    DailyRow.NIGHT: "R13",
    DailyRow.RATIO: "R14",
    DailyRow.DRIFT: "R22",
    DailyRow.UNMETERED: "R17",
}
# Rule and kind of each row's alarms; OFF is R1 or R2.
RULE_OF: Final = {
    Row.OFF: ("R1", ""),
    Row.IDLE: ("R3", ""),
    Row.VFD: ("R4", ""),
    Row.SLOW: ("R5", ""),
    Row.OVER: ("R7", ""),
    Row.SWITCHES: ("R15", ""),
    Row.STOP: ("R11", ""),
    Row.SUPPLY: ("R9", ""),
    Row.FROZEN: ("R10", "frozen"),
    Row.PHASE: ("R10", "phase_loss"),
    Row.REVERSED: ("R10", "reversed"),
}
WATCH_KIND: Final = {
    WatchRow.LIMIT: "limit",
    WatchRow.FLAG: "flag",
    WatchRow.CONSTANT: "constant",
}
# While one of these runs, what the unit draws is not learned from.
FREEZING: Final = (Row.OFF, Row.IDLE, Row.VFD, Row.SLOW, Row.OVER)
